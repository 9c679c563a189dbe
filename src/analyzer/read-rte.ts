/** Range table entries (parsenodes.h, RangeTblEntry) to the typed records of tree.ts. */
import { assert } from '../base/index.ts';
import {
  boolField,
  enumField,
  listField,
  nameField,
  namesField,
  nodeField,
  nodesField,
  numberField,
  numbersField,
} from './node-fields.ts';
import { isRecord } from './node-text.ts';
import type { NodeRecord } from './node-text.ts';
import { exprsField, readExpr } from './read-expr.ts';
import type { QueryReader } from './read-expr.ts';
import type { Expr, JoinType, RangeTblEntry, RangeTblFunction } from './tree.ts';

export const joinTypes: readonly JoinType[] = ['inner', 'left', 'full', 'right', 'semi', 'anti'];

const rteKinds = [
  'relation',
  'subquery',
  'join',
  'function',
  'tablefunc',
  'values',
  'cte',
  'namedtuplestore',
  'result',
  'group',
] as const;

export function readRte(node: NodeRecord, read: QueryReader): RangeTblEntry {
  assert(node.tag === 'RANGETBLENTRY', `a range table entry, not ${node.tag}`);
  const alias = nodeField(node, 'alias');
  const eref = nodeField(node, 'eref');
  const common = {
    kind: 'rte',
    alias: alias === undefined ? undefined : nameField(alias, 'aliasname'),
    name: (eref === undefined ? undefined : nameField(eref, 'aliasname')) ?? '',
    columnNames: eref === undefined ? [] : namesField(eref, 'colnames'),
    lateral: boolField(node, 'lateral'),
    inFromClause: boolField(node, 'inFromCl'),
    securityQuals: exprsField(node, 'securityQuals', read),
  } as const;
  const rteKind = enumField(node, 'rtekind', rteKinds);
  switch (rteKind) {
    case 'relation':
      return {
        ...common,
        rteKind,
        relid: numberField(node, 'relid'),
        relkind: nameField(node, 'relkind') ?? '',
        inh: boolField(node, 'inh'),
        permission: numberField(node, 'perminfoindex'),
        tablesample: nodeField(node, 'tablesample') !== undefined,
      };
    case 'subquery': {
      const query = nodeField(node, 'subquery');
      assert(query !== undefined, 'a subquery in FROM');
      return {
        ...common,
        rteKind,
        query: read(query),
        securityBarrier: boolField(node, 'security_barrier'),
        viewRelid: numberField(node, 'relid'),
        permission: numberField(node, 'perminfoindex'),
      };
    }
    case 'join':
      return {
        ...common,
        rteKind,
        joinType: enumField(node, 'jointype', joinTypes),
        mergedColumns: numberField(node, 'joinmergedcols'),
        aliasVars: exprsField(node, 'joinaliasvars', read),
      };
    case 'function':
      return {
        ...common,
        rteKind,
        functions: nodesField(node, 'functions').map((entry) => readFunction(entry, read)),
        ordinality: boolField(node, 'funcordinality'),
      };
    case 'values':
      return { ...common, rteKind, lists: readValuesLists(node, read), ...columnTypes(node) };
    case 'cte':
      return {
        ...common,
        rteKind,
        cteName: nameField(node, 'ctename') ?? '',
        levelsUp: numberField(node, 'ctelevelsup'),
        selfReference: boolField(node, 'self_reference'),
        ...columnTypes(node),
      };
    case 'result':
      return { ...common, rteKind };
    case 'group':
      return { ...common, rteKind, groupExprs: exprsField(node, 'groupexprs', read) };
    case 'tablefunc':
      return { ...common, rteKind: 'other', what: 'JSON_TABLE or XMLTABLE' };
    case 'namedtuplestore':
      return { ...common, rteKind: 'other', what: 'transition table' };
  }
}

function columnTypes(node: NodeRecord): {
  columnTypes: readonly number[];
  columnTypmods: readonly number[];
  columnCollations: readonly number[];
} {
  return {
    columnTypes: numbersField(node, 'coltypes'),
    columnTypmods: numbersField(node, 'coltypmods'),
    columnCollations: numbersField(node, 'colcollations'),
  };
}

function readFunction(node: NodeRecord, read: QueryReader): RangeTblFunction {
  const expr = nodeField(node, 'funcexpr');
  assert(expr !== undefined, 'a function in FROM');
  return {
    expr: readExpr(expr, read),
    columnCount: numberField(node, 'funccolcount'),
    columnNames: namesField(node, 'funccolnames'),
    columnTypes: numbersField(node, 'funccoltypes'),
    columnTypmods: numbersField(node, 'funccoltypmods'),
  };
}

/** VALUES lists are lists of lists of expressions. */
function readValuesLists(node: NodeRecord, read: QueryReader): readonly (readonly Expr[])[] {
  return listField(node, 'values_lists').map((row) => {
    assert(Array.isArray(row), 'a VALUES row is a list');
    return (row as readonly unknown[]).map((value) => {
      assert(isRecord(value as NodeRecord), 'a VALUES row holds expressions');
      return readExpr(value as NodeRecord, read);
    });
  });
}
