/** Query nodes (parsenodes.h) to the typed records of tree.ts. */
import { assert } from '../base/index.ts';
import {
  boolField,
  enumField,
  nameField,
  namesField,
  nodeField,
  nodesField,
  numberField,
  numbersField,
} from './node-fields.ts';
import type { NodeRecord } from './node-text.ts';
import { exprField, exprsField, readSortGroup, readTarget } from './read-expr.ts';
import { joinTypes, readRte } from './read-rte.ts';
import type {
  CommonTableExpr,
  FromExpr,
  FromItem,
  GroupingSet,
  OnConflictExpr,
  Query,
  RangeTblRef,
  RowMark,
  RtePermission,
  SetOperation,
  WindowClause,
  WithCheckOption,
} from './tree.ts';

/** CmdType; 0 is CMD_UNKNOWN. */
const commandTypes = [
  'nothing',
  'select',
  'update',
  'insert',
  'delete',
  'merge',
  'utility',
  'nothing',
] as const;

/** Bit numbers in column sets start at this attno (FirstLowInvalidHeapAttributeNumber). */
const firstLowAttno = -7;

export function readQuery(node: NodeRecord): Query {
  assert(node.tag === 'QUERY', `a query, not ${node.tag}`);
  const jointree = nodeField(node, 'jointree');
  return {
    kind: 'query',
    commandType: enumField(node, 'commandType', commandTypes),
    resultRelation: numberField(node, 'resultRelation'),
    hasAggs: boolField(node, 'hasAggs'),
    hasWindowFuncs: boolField(node, 'hasWindowFuncs'),
    hasTargetSRFs: boolField(node, 'hasTargetSRFs'),
    hasSubLinks: boolField(node, 'hasSubLinks'),
    hasDistinctOn: boolField(node, 'hasDistinctOn'),
    hasRecursive: boolField(node, 'hasRecursive'),
    hasModifyingCTE: boolField(node, 'hasModifyingCTE'),
    hasForUpdate: boolField(node, 'hasForUpdate'),
    hasRowSecurity: boolField(node, 'hasRowSecurity'),
    cteList: nodesField(node, 'cteList').map(readCte),
    rtable: nodesField(node, 'rtable').map((entry) => readRte(entry, readQuery)),
    permissions: nodesField(node, 'rteperminfos').map(readPermission),
    jointree:
      jointree === undefined ? { kind: 'from', items: [], quals: undefined } : readFrom(jointree),
    targetList: nodesField(node, 'targetList').map((entry) => readTarget(entry, readQuery)),
    override: enumField(node, 'override', ['default', 'user', 'system']),
    onConflict: readOnConflict(nodeField(node, 'onConflict')),
    returningOldAlias: nameField(node, 'returningOldAlias'),
    returningNewAlias: nameField(node, 'returningNewAlias'),
    returningList: nodesField(node, 'returningList').map((entry) => readTarget(entry, readQuery)),
    groupClause: nodesField(node, 'groupClause').map(readSortGroup),
    groupDistinct: boolField(node, 'groupDistinct'),
    groupingSets: nodesField(node, 'groupingSets').map(readGroupingSet),
    havingQual: exprField(node, 'havingQual', readQuery),
    windowClause: nodesField(node, 'windowClause').map(readWindow),
    distinctClause: nodesField(node, 'distinctClause').map(readSortGroup),
    sortClause: nodesField(node, 'sortClause').map(readSortGroup),
    limitOffset: exprField(node, 'limitOffset', readQuery),
    limitCount: exprField(node, 'limitCount', readQuery),
    limitOption: enumField(node, 'limitOption', ['count', 'withTies']),
    rowMarks: nodesField(node, 'rowMarks').map(readRowMark),
    setOperations: readSetOperation(nodeField(node, 'setOperations')),
    withCheckOptions: nodesField(node, 'withCheckOptions').map(readWithCheck),
  };
}

function readCte(node: NodeRecord): CommonTableExpr {
  const query = nodeField(node, 'ctequery');
  assert(query !== undefined, 'a common table expression without query');
  return {
    kind: 'cte',
    name: nameField(node, 'ctename') ?? '',
    materialized: enumField(node, 'ctematerialized', ['default', 'always', 'never']),
    query: readQuery(query),
    recursive: boolField(node, 'cterecursive'),
    refCount: numberField(node, 'cterefcount'),
    columnNames: namesField(node, 'ctecolnames'),
    columnTypes: numbersField(node, 'ctecoltypes'),
    columnTypmods: numbersField(node, 'ctecoltypmods'),
    columnCollations: numbersField(node, 'ctecolcollations'),
    hasSearchOrCycle:
      nodeField(node, 'search_clause') !== undefined ||
      nodeField(node, 'cycle_clause') !== undefined,
  };
}

function readPermission(node: NodeRecord): RtePermission {
  const columns = (name: string): readonly number[] =>
    numbersField(node, name).map((bit) => bit + firstLowAttno);
  return {
    relid: numberField(node, 'relid'),
    required: numberField(node, 'requiredPerms'),
    checkAsUser: numberField(node, 'checkAsUser'),
    selectedColumns: columns('selectedCols'),
    insertedColumns: columns('insertedCols'),
    updatedColumns: columns('updatedCols'),
  };
}

function readFrom(node: NodeRecord): FromExpr {
  assert(node.tag === 'FROMEXPR', `a from expression, not ${node.tag}`);
  return {
    kind: 'from',
    items: nodesField(node, 'fromlist').map(readFromItem),
    quals: exprField(node, 'quals', readQuery),
  };
}

function readFromItem(node: NodeRecord): FromItem {
  switch (node.tag) {
    case 'RANGETBLREF':
      return readRef(node);
    case 'FROMEXPR':
      return readFrom(node);
    default: {
      assert(node.tag === 'JOINEXPR', `a join, not ${node.tag}`);
      const left = nodeField(node, 'larg');
      const right = nodeField(node, 'rarg');
      assert(left !== undefined && right !== undefined, 'a join with two sides');
      const alias = nodeField(node, 'alias');
      return {
        kind: 'join',
        joinType: enumField(node, 'jointype', joinTypes),
        natural: boolField(node, 'isNatural'),
        left: readFromItem(left),
        right: readFromItem(right),
        usingColumns: namesField(node, 'usingClause'),
        quals: exprField(node, 'quals', readQuery),
        alias: alias === undefined ? undefined : nameField(alias, 'aliasname'),
        rtindex: numberField(node, 'rtindex'),
      };
    }
  }
}

function readRef(node: NodeRecord): RangeTblRef {
  return { kind: 'ref', rtindex: numberField(node, 'rtindex') };
}

function readOnConflict(node: NodeRecord | undefined): OnConflictExpr | undefined {
  if (node === undefined) return undefined;
  return {
    kind: 'onConflict',
    action: numberField(node, 'action') === 2 ? 'update' : 'nothing',
    arbiterElements: exprsField(node, 'arbiterElems', readQuery),
    arbiterWhere: exprField(node, 'arbiterWhere', readQuery),
    constraint: numberField(node, 'constraint'),
    set: nodesField(node, 'onConflictSet').map((entry) => readTarget(entry, readQuery)),
    where: exprField(node, 'onConflictWhere', readQuery),
    excludedRelation: numberField(node, 'exclRelIndex'),
  };
}

function readGroupingSet(node: NodeRecord): GroupingSet {
  assert(node.tag === 'GROUPINGSET', `a grouping set, not ${node.tag}`);
  const setKind = enumField(node, 'kind', ['empty', 'simple', 'rollup', 'cube', 'sets']);
  return {
    kind: 'groupingSet',
    setKind,
    refs: setKind === 'simple' ? numbersField(node, 'content') : [],
    content: setKind === 'simple' ? [] : nodesField(node, 'content').map(readGroupingSet),
  };
}

function readWindow(node: NodeRecord): WindowClause {
  return {
    kind: 'window',
    name: nameField(node, 'name'),
    refName: nameField(node, 'refname'),
    partition: nodesField(node, 'partitionClause').map(readSortGroup),
    order: nodesField(node, 'orderClause').map(readSortGroup),
    frameOptions: numberField(node, 'frameOptions'),
    startOffset: exprField(node, 'startOffset', readQuery),
    endOffset: exprField(node, 'endOffset', readQuery),
    startInRangeFunc: numberField(node, 'startInRangeFunc'),
    endInRangeFunc: numberField(node, 'endInRangeFunc'),
    winref: numberField(node, 'winref'),
  };
}

const lockStrengths = ['keyShare', 'keyShare', 'share', 'noKeyUpdate', 'update'] as const;

function readRowMark(node: NodeRecord): RowMark {
  return {
    rtindex: numberField(node, 'rti'),
    strength: enumField(node, 'strength', lockStrengths),
    wait: enumField(node, 'waitPolicy', ['block', 'skip', 'error']),
    pushedDown: boolField(node, 'pushedDown'),
  };
}

/** SetOperation; 0 is SETOP_NONE. */
const setOperations = ['union', 'union', 'intersect', 'except'] as const;

function readSetOperation(node: NodeRecord | undefined): SetOperation | RangeTblRef | undefined {
  if (node === undefined) return undefined;
  if (node.tag === 'RANGETBLREF') return readRef(node);
  assert(node.tag === 'SETOPERATIONSTMT', `a set operation, not ${node.tag}`);
  const left = readSetOperation(nodeField(node, 'larg'));
  const right = readSetOperation(nodeField(node, 'rarg'));
  assert(left !== undefined && right !== undefined, 'a set operation with two sides');
  return {
    kind: 'setOperation',
    op: enumField(node, 'op', setOperations),
    all: boolField(node, 'all'),
    left,
    right,
    columnTypes: numbersField(node, 'colTypes'),
    columnTypmods: numbersField(node, 'colTypmods'),
    columnCollations: numbersField(node, 'colCollations'),
    groupClauses: nodesField(node, 'groupClauses').map(readSortGroup),
  };
}

const checkKinds = ['view', 'rlsInsert', 'rlsUpdate', 'rlsConflict', 'other', 'other'] as const;

function readWithCheck(node: NodeRecord): WithCheckOption {
  return {
    kind: 'withCheck',
    checkKind: enumField(node, 'kind', checkKinds),
    relationName: nameField(node, 'relname') ?? '',
    policyName: nameField(node, 'polname'),
    qual: exprField(node, 'qual', readQuery),
    cascaded: boolField(node, 'cascaded'),
  };
}
