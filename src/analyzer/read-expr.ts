/** Expression nodes (primnodes.h) to the typed records of tree.ts. */
import { assert } from '../base/index.ts';
import { arrayOidOf, Oid } from '../types/oid.ts';
import { decodeDatum } from './datum.ts';
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
import { isRecord, nameOf } from './node-text.ts';
import type { NodeRecord, NodeValue } from './node-text.ts';
import type {
  ConstExpr,
  Expr,
  OpCall,
  Query,
  SortGroupClause,
  SqlValueFunction,
  TargetEntry,
} from './tree.ts';

/** How to read a sub-query; passed along because queries hold expressions and expressions hold queries. */
export type QueryReader = (node: NodeRecord) => Query;

type ExprReader = (node: NodeRecord, read: QueryReader) => Expr;

const coercionForms = ['call', 'explicitCast', 'implicitCast', 'sqlSyntax'] as const;
const booleanTests = ['true', 'notTrue', 'false', 'notFalse', 'unknown', 'notUnknown'] as const;
const subLinkKinds = [
  'exists',
  'all',
  'any',
  'rowCompare',
  'expr',
  'multiExpr',
  'array',
  'cte',
] as const;
/** CompareType starts at 1. */
const compareTypes = ['=', '<', '<=', '=', '>=', '>', '<>'] as const;
const sqlValueOps: readonly SqlValueFunction['op'][] = [
  'current_date',
  'current_time',
  'current_time',
  'current_timestamp',
  'current_timestamp',
  'localtime',
  'localtime',
  'localtimestamp',
  'localtimestamp',
  'current_role',
  'current_user',
  'user',
  'session_user',
  'current_catalog',
  'current_schema',
];

/** An expression that may be absent. */
export function exprField(node: NodeRecord, name: string, read: QueryReader): Expr | undefined {
  const value = nodeField(node, name);
  return value === undefined ? undefined : readExpr(value, read);
}

function requiredExpr(node: NodeRecord, name: string, read: QueryReader): Expr {
  const expr = exprField(node, name, read);
  assert(expr !== undefined, `${node.tag}.${name} is empty`);
  return expr;
}

export function exprsField(node: NodeRecord, name: string, read: QueryReader): readonly Expr[] {
  return nodesField(node, name).map((element) => readExpr(element, read));
}

export function readTarget(node: NodeRecord, read: QueryReader): TargetEntry {
  assert(node.tag === 'TARGETENTRY', `a target entry, not ${node.tag}`);
  return {
    kind: 'target',
    expr: requiredExpr(node, 'expr', read),
    resno: numberField(node, 'resno'),
    name: nameField(node, 'resname'),
    sortGroupRef: numberField(node, 'ressortgroupref'),
    originTable: numberField(node, 'resorigtbl'),
    originColumn: numberField(node, 'resorigcol'),
    junk: boolField(node, 'resjunk'),
  };
}

export function readSortGroup(node: NodeRecord): SortGroupClause {
  assert(node.tag === 'SORTGROUPCLAUSE', `a sort or group clause, not ${node.tag}`);
  return {
    kind: 'sortGroup',
    ref: numberField(node, 'tleSortGroupRef'),
    eqOperator: numberField(node, 'eqop'),
    sortOperator: numberField(node, 'sortop'),
    descending: boolField(node, 'reverse_sort'),
    nullsFirst: boolField(node, 'nulls_first'),
  };
}

function readConst(node: NodeRecord): ConstExpr {
  const typeOid = numberField(node, 'consttype');
  const raw = node.fields.get('constvalue');
  const isNull = boolField(node, 'constisnull');
  let value: ConstExpr['value'] = isNull ? null : undefined;
  let datum: Uint8Array | undefined;
  if (!isNull) {
    assert(typeof raw === 'object' && raw !== null && 'datum' in raw, 'a constant without datum');
    value = decodeDatum(typeOid, raw.datum);
    if (value === undefined) datum = raw.datum;
  }
  return {
    kind: 'const',
    typeOid,
    typmod: numberField(node, 'consttypmod'),
    collation: numberField(node, 'constcollid'),
    isNull,
    value,
    datum,
    location: numberField(node, 'location'),
  };
}

function opCall(kind: OpCall['kind']): ExprReader {
  return (node, read) => ({
    kind,
    typeOid: numberField(node, 'opresulttype'),
    operatorId: numberField(node, 'opno'),
    funcId: numberField(node, 'opfuncid'),
    args: exprsField(node, 'args', read),
    collation: numberField(node, 'opcollid'),
    inputCollation: numberField(node, 'inputcollid'),
    location: numberField(node, 'location'),
  });
}

/** 0 when the element is a type of the user's own: only the catalog knows its array type. */
function arrayOver(elementOid: number): number {
  for (const arrayOid of arrayOidOf.values()) if (arrayOid === elementOid) return elementOid;
  return arrayOidOf.get(elementOid) ?? 0;
}

function readSubLink(node: NodeRecord, read: QueryReader): Expr {
  const linkKind = enumField(node, 'subLinkType', subLinkKinds);
  const select = nodeField(node, 'subselect');
  assert(select !== undefined, 'a sublink without query');
  const query = read(select);
  const names = namesField(node, 'operName');
  const firstType = query.targetList[0]?.expr.typeOid ?? 0;
  let typeOid: number = Oid.bool;
  if (linkKind === 'expr') typeOid = firstType;
  else if (linkKind === 'array') typeOid = arrayOver(firstType);
  else if (linkKind === 'multiExpr') typeOid = Oid.record;
  return {
    kind: 'subLink',
    typeOid,
    linkKind,
    id: numberField(node, 'subLinkId'),
    testExpr: exprField(node, 'testexpr', read),
    operatorName: names.length === 0 ? undefined : names.join('.'),
    query,
    location: numberField(node, 'location'),
  };
}

function optionalExprs(
  node: NodeRecord,
  name: string,
  read: QueryReader,
): readonly (Expr | undefined)[] {
  return listField(node, name).map((element) =>
    isRecord(element) ? readExpr(element, read) : undefined,
  );
}

const readers: Readonly<Record<string, ExprReader>> = {
  VAR: (node) => ({
    kind: 'var',
    typeOid: numberField(node, 'vartype'),
    varno: numberField(node, 'varno'),
    attno: numberField(node, 'varattno'),
    typmod: numberField(node, 'vartypmod'),
    collation: numberField(node, 'varcollid'),
    levelsUp: numberField(node, 'varlevelsup'),
    returning: enumField(node, 'varreturningtype', ['default', 'old', 'new']),
    location: numberField(node, 'location'),
  }),
  CONST: readConst,
  PARAM: (node) => ({
    kind: 'param',
    typeOid: numberField(node, 'paramtype'),
    paramKind: enumField(node, 'paramkind', ['extern', 'exec', 'sublink', 'multiexpr']),
    id: numberField(node, 'paramid'),
    typmod: numberField(node, 'paramtypmod'),
    collation: numberField(node, 'paramcollid'),
  }),
  AGGREF: (node, read) => {
    const kind = nameField(node, 'aggkind');
    return {
      kind: 'aggref',
      typeOid: numberField(node, 'aggtype'),
      funcId: numberField(node, 'aggfnoid'),
      argTypes: numbersField(node, 'aggargtypes'),
      directArgs: exprsField(node, 'aggdirectargs', read),
      args: nodesField(node, 'args').map((entry) => readTarget(entry, read)),
      order: nodesField(node, 'aggorder').map(readSortGroup),
      distinct: nodesField(node, 'aggdistinct').map(readSortGroup),
      filter: exprField(node, 'aggfilter', read),
      star: boolField(node, 'aggstar'),
      variadic: boolField(node, 'aggvariadic'),
      aggKind: kind === 'o' ? 'orderedSet' : kind === 'h' ? 'hypothetical' : 'normal',
      levelsUp: numberField(node, 'agglevelsup'),
      inputCollation: numberField(node, 'inputcollid'),
      location: numberField(node, 'location'),
    };
  },
  WINDOWFUNC: (node, read) => ({
    kind: 'windowFunc',
    typeOid: numberField(node, 'wintype'),
    funcId: numberField(node, 'winfnoid'),
    args: exprsField(node, 'args', read),
    filter: exprField(node, 'aggfilter', read),
    winref: numberField(node, 'winref'),
    star: boolField(node, 'winstar'),
    aggregate: boolField(node, 'winagg'),
    inputCollation: numberField(node, 'inputcollid'),
    location: numberField(node, 'location'),
  }),
  GROUPINGFUNC: (node, read) => ({
    kind: 'grouping',
    typeOid: Oid.int4,
    args: exprsField(node, 'args', read),
    refs: numbersField(node, 'refs'),
    levelsUp: numberField(node, 'agglevelsup'),
  }),
  FUNCEXPR: (node, read) => ({
    kind: 'func',
    typeOid: numberField(node, 'funcresulttype'),
    funcId: numberField(node, 'funcid'),
    args: exprsField(node, 'args', read),
    returnsSet: boolField(node, 'funcretset'),
    variadic: boolField(node, 'funcvariadic'),
    format: enumField(node, 'funcformat', coercionForms),
    collation: numberField(node, 'funccollid'),
    inputCollation: numberField(node, 'inputcollid'),
    location: numberField(node, 'location'),
  }),
  OPEXPR: opCall('op'),
  DISTINCTEXPR: opCall('distinct'),
  NULLIFEXPR: opCall('nullIf'),
  SCALARARRAYOPEXPR: (node, read) => ({
    kind: 'scalarArrayOp',
    typeOid: Oid.bool,
    operatorId: numberField(node, 'opno'),
    funcId: numberField(node, 'opfuncid'),
    useOr: boolField(node, 'useOr'),
    args: exprsField(node, 'args', read),
    inputCollation: numberField(node, 'inputcollid'),
    location: numberField(node, 'location'),
  }),
  BOOLEXPR: (node, read) => {
    const op = nameField(node, 'boolop');
    assert(op === 'and' || op === 'or' || op === 'not', 'unknown boolop');
    return { kind: 'bool', typeOid: Oid.bool, op, args: exprsField(node, 'args', read) };
  },
  SUBLINK: readSubLink,
  CASEEXPR: (node, read) => ({
    kind: 'case',
    typeOid: numberField(node, 'casetype'),
    collation: numberField(node, 'casecollid'),
    arg: exprField(node, 'arg', read),
    whens: nodesField(node, 'args').map((when) => ({
      when: requiredExpr(when, 'expr', read),
      then: requiredExpr(when, 'result', read),
    })),
    otherwise: exprField(node, 'defresult', read),
  }),
  CASETESTEXPR: (node) => ({
    kind: 'caseTest',
    typeOid: numberField(node, 'typeId'),
    typmod: numberField(node, 'typeMod'),
    collation: numberField(node, 'collation'),
  }),
  ARRAYEXPR: (node, read) => ({
    kind: 'array',
    typeOid: numberField(node, 'array_typeid'),
    elementOid: numberField(node, 'element_typeid'),
    elements: exprsField(node, 'elements', read),
    multidims: boolField(node, 'multidims'),
  }),
  ROWEXPR: (node, read) => ({
    kind: 'row',
    typeOid: numberField(node, 'row_typeid'),
    args: exprsField(node, 'args', read),
    columnNames: namesField(node, 'colnames'),
    format: enumField(node, 'row_format', coercionForms),
  }),
  ROWCOMPAREEXPR: (node, read) => ({
    kind: 'rowCompare',
    typeOid: Oid.bool,
    op: enumField(node, 'cmptype', compareTypes),
    operatorIds: numbersField(node, 'opnos'),
    left: exprsField(node, 'largs', read),
    right: exprsField(node, 'rargs', read),
  }),
  COALESCEEXPR: (node, read) => ({
    kind: 'coalesce',
    typeOid: numberField(node, 'coalescetype'),
    collation: numberField(node, 'coalescecollid'),
    args: exprsField(node, 'args', read),
  }),
  MINMAXEXPR: (node, read) => ({
    kind: 'minMax',
    typeOid: numberField(node, 'minmaxtype'),
    op: enumField(node, 'op', ['greatest', 'least']),
    collation: numberField(node, 'minmaxcollid'),
    inputCollation: numberField(node, 'inputcollid'),
    args: exprsField(node, 'args', read),
  }),
  SQLVALUEFUNCTION: (node) => ({
    kind: 'sqlValue',
    typeOid: numberField(node, 'type'),
    op: enumField(node, 'op', sqlValueOps),
    typmod: numberField(node, 'typmod'),
  }),
  NULLTEST: (node, read) => ({
    kind: 'nullTest',
    typeOid: Oid.bool,
    arg: requiredExpr(node, 'arg', read),
    isNull: numberField(node, 'nulltesttype') === 0,
    argIsRow: boolField(node, 'argisrow'),
  }),
  BOOLEANTEST: (node, read) => ({
    kind: 'booleanTest',
    typeOid: Oid.bool,
    arg: requiredExpr(node, 'arg', read),
    test: enumField(node, 'booltesttype', booleanTests),
  }),
  RELABELTYPE: (node, read) => ({
    kind: 'relabel',
    typeOid: numberField(node, 'resulttype'),
    arg: requiredExpr(node, 'arg', read),
    typmod: numberField(node, 'resulttypmod'),
    collation: numberField(node, 'resultcollid'),
    format: enumField(node, 'relabelformat', coercionForms),
  }),
  COERCEVIAIO: (node, read) => ({
    kind: 'coerceViaIo',
    typeOid: numberField(node, 'resulttype'),
    arg: requiredExpr(node, 'arg', read),
    collation: numberField(node, 'resultcollid'),
    format: enumField(node, 'coerceformat', coercionForms),
  }),
  ARRAYCOERCEEXPR: (node, read) => ({
    kind: 'arrayCoerce',
    typeOid: numberField(node, 'resulttype'),
    arg: requiredExpr(node, 'arg', read),
    elementExpr: requiredExpr(node, 'elemexpr', read),
    typmod: numberField(node, 'resulttypmod'),
    format: enumField(node, 'coerceformat', coercionForms),
  }),
  CONVERTROWTYPEEXPR: (node, read) => ({
    kind: 'convertRowtype',
    typeOid: numberField(node, 'resulttype'),
    arg: requiredExpr(node, 'arg', read),
  }),
  COLLATEEXPR: (node, read) => {
    const arg = requiredExpr(node, 'arg', read);
    return { kind: 'collate', typeOid: arg.typeOid, arg, collation: numberField(node, 'collOid') };
  },
  COERCETODOMAIN: (node, read) => ({
    kind: 'coerceToDomain',
    typeOid: numberField(node, 'resulttype'),
    arg: requiredExpr(node, 'arg', read),
    typmod: numberField(node, 'resulttypmod'),
    format: enumField(node, 'coercionformat', coercionForms),
  }),
  COERCETODOMAINVALUE: (node) => ({ kind: 'domainValue', typeOid: numberField(node, 'typeId') }),
  SUBSCRIPTINGREF: (node, read) => ({
    kind: 'subscript',
    typeOid: numberField(node, 'refrestype'),
    containerType: numberField(node, 'refcontainertype'),
    elementType: numberField(node, 'refelemtype'),
    typmod: numberField(node, 'reftypmod'),
    collation: numberField(node, 'refcollid'),
    upper: optionalExprs(node, 'refupperindexpr', read),
    lower: optionalExprs(node, 'reflowerindexpr', read),
    container: requiredExpr(node, 'refexpr', read),
    assign: exprField(node, 'refassgnexpr', read),
  }),
  FIELDSELECT: (node, read) => ({
    kind: 'fieldSelect',
    typeOid: numberField(node, 'resulttype'),
    arg: requiredExpr(node, 'arg', read),
    fieldNumber: numberField(node, 'fieldnum'),
    typmod: numberField(node, 'resulttypmod'),
    collation: numberField(node, 'resultcollid'),
  }),
  FIELDSTORE: (node, read) => ({
    kind: 'fieldStore',
    typeOid: numberField(node, 'resulttype'),
    arg: requiredExpr(node, 'arg', read),
    values: exprsField(node, 'newvals', read),
    fieldNumbers: numbersField(node, 'fieldnums'),
  }),
  NEXTVALUEEXPR: (node) => ({
    kind: 'nextValue',
    typeOid: numberField(node, 'typeId'),
    sequenceRelid: numberField(node, 'seqid'),
  }),
  SETTODEFAULT: (node) => ({ kind: 'setToDefault', typeOid: numberField(node, 'typeId') }),
  CURRENTOFEXPR: (node) => ({
    kind: 'currentOf',
    typeOid: Oid.bool,
    varno: numberField(node, 'cvarno'),
    cursorName: nameField(node, 'cursor_name'),
  }),
  NAMEDARGEXPR: (node, read) => {
    const arg = requiredExpr(node, 'arg', read);
    return {
      kind: 'namedArg',
      typeOid: arg.typeOid,
      arg,
      name: nameField(node, 'name') ?? '',
      argNumber: numberField(node, 'argnumber'),
    };
  },
  // ON CONFLICT's arbiter columns: which operator class is meant matters to nobody here.
  INFERENCEELEM: (node, read) => requiredExpr(node, 'expr', read),
  // What it evaluates to is its formatted expression.
  JSONVALUEEXPR: (node, read) => requiredExpr(node, 'formatted_expr', read),
};

export function readExpr(node: NodeRecord, read: QueryReader): Expr {
  const reader = readers[node.tag];
  return reader === undefined ? readOther(node, read) : reader(node, read);
}

/** Nodes without an executor of ours. Expressions inside them are read, so that their Vars can be found. */
function readOther(node: NodeRecord, read: QueryReader): Expr {
  const fields = new Map<string, unknown>();
  for (const [name, value] of node.fields) fields.set(name, readAny(value, read));
  return { kind: 'other', typeOid: otherType(node, read), tag: node.tag, fields };
}

function readAny(value: NodeValue, read: QueryReader): unknown {
  if (value === null) return undefined;
  if (typeof value === 'string') return nameOf(value);
  if (Array.isArray(value)) return value.map((element) => readAny(element as NodeValue, read));
  if (isRecord(value)) {
    if (value.tag === 'QUERY') return read(value);
    if (value.tag === 'TARGETENTRY') return readTarget(value, read);
    return readExpr(value, read);
  }
  return 'numbers' in value ? value.numbers : (value as { datum: Uint8Array }).datum;
}

const xmlOid = 142;
/** XmlExprOp IS_DOCUMENT. */
const isDocument = 7;

function otherType(node: NodeRecord, read: QueryReader): number {
  const returning = node.fields.get('returning');
  if (isRecord(returning)) return numberField(returning, 'typid');
  switch (node.tag) {
    case 'JSONISPREDICATE':
      return Oid.bool;
    case 'XMLEXPR':
      return numberField(node, 'op') === isDocument ? Oid.bool : xmlOid;
    case 'XMLSERIALIZE':
      return numberField(node, 'type');
    case 'MERGESUPPORTFUNC':
      return numberField(node, 'msftype');
    case 'RETURNINGEXPR': {
      const inner = nodeField(node, 'retexpr');
      return inner === undefined ? 0 : readExpr(inner, read).typeOid;
    }
    default:
      return 0;
  }
}
