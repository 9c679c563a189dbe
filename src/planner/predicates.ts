import type {
  Expr,
  FromItem,
  OpCall,
  Query,
  RangeTblEntry,
  ScalarArrayOp,
} from '../analyzer/tree.ts';
import type { CatalogTable } from '../catalog/types.ts';
import { Oid } from '../types/oid.ts';
import { conjunctsOf } from './conjuncts.ts';
import type { PushedPredicate } from './nodes.ts';

/**
 * Btree comparison functions by pg_proc OID (pg_proc.dat): which comparison, and the types left and right. Only those
 * whose two types have one order and one JavaScript form.
 */
interface Comparison {
  readonly op: '=' | '<' | '<=' | '>' | '>=';
  readonly left: number;
  readonly right: number;
}

const comparisonOps = ['=', '<', '<=', '>', '>='] as const;

/** [left type, right type, eq, lt, le, gt, ge]. */
const comparisonRows: readonly (readonly [number, number, ...number[]])[] = [
  [Oid.bool, Oid.bool, 60, 56, 1691, 57, 1692],
  [Oid.int2, Oid.int2, 63, 64, 148, 146, 151],
  [Oid.int4, Oid.int4, 65, 66, 149, 147, 150],
  [Oid.int8, Oid.int8, 467, 469, 471, 470, 472],
  [Oid.int2, Oid.int4, 158, 160, 166, 162, 168],
  [Oid.int4, Oid.int2, 159, 161, 167, 163, 169],
  [Oid.int8, Oid.int4, 474, 476, 478, 477, 479],
  [Oid.int4, Oid.int8, 852, 854, 856, 855, 857],
  [Oid.int2, Oid.int8, 1850, 1852, 1854, 1853, 1855],
  [Oid.int8, Oid.int2, 1856, 1858, 1860, 1859, 1861],
  [Oid.oid, Oid.oid, 184, 716, 717, 1638, 1639],
  [Oid.float8, Oid.float8, 293, 295, 296, 297, 298],
  [Oid.text, Oid.text, 67, 740, 741, 742, 743],
  [Oid.bytea, Oid.bytea, 1948, 1949, 1950, 1951, 1952],
  [Oid.date, Oid.date, 1086, 1087, 1088, 1089, 1090],
  [Oid.time, Oid.time, 1145, 1102, 1103, 1104, 1105],
  [Oid.timestamp, Oid.timestamp, 2052, 2054, 2055, 2057, 2056],
  [Oid.timestamptz, Oid.timestamptz, 1152, 1154, 1155, 1157, 1156],
  [Oid.numeric, Oid.numeric, 1718, 1722, 1723, 1720, 1721],
  [Oid.uuid, Oid.uuid, 2956, 2954, 2955, 2958, 2957],
];

/**
 * Btree comparison functions by pg_proc OID (pg_proc.dat): which comparison, and the types left and right. Only those
 * whose two types have one order and one JavaScript form.
 */
export const comparisons: ReadonlyMap<number, Comparison> = new Map(
  comparisonRows.flatMap(([left, right, ...oids]) =>
    comparisonOps.map((op, i): [number, Comparison] => [oids[i] ?? 0, { op, left, right }]),
  ),
);

const flipped = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' } as const;

/** pg_cast functions that widen integers without loss, by `${from}>${to}`. */
const widening: ReadonlyMap<string, number> = new Map([
  [`${Oid.int2}>${Oid.int4}`, 313],
  [`${Oid.int2}>${Oid.int8}`, 754],
  [`${Oid.int4}>${Oid.int8}`, 481],
]);

const integerRange: ReadonlyMap<number, readonly [bigint, bigint]> = new Map([
  [Oid.int2, [-32768n, 32767n]],
  [Oid.int4, [-2147483648n, 2147483647n]],
]);

/** text, varchar and name-free relabels have one representation; a Var under one is the column itself. */
function bareColumn(expr: Expr): Expr {
  if (expr.kind !== 'relabel' || expr.arg.kind !== 'var') return expr;
  const textual = (oid: number): boolean => oid === Oid.text || oid === Oid.varchar;
  return textual(expr.typeOid) && textual(expr.arg.typeOid) ? expr.arg : expr;
}

function isBound(expr: Expr): boolean {
  return (
    (expr.kind === 'const' && !expr.isNull && expr.value !== undefined) ||
    (expr.kind === 'param' && expr.paramKind === 'extern') ||
    (expr.kind === 'relabel' && isBound(expr.arg))
  );
}

/** `bound` as an expression of the column's own type; undefined when its value may not fit. */
function asColumnType(bound: Expr, from: number, column: number): Expr | undefined {
  if (from === column || (from === Oid.text && column === Oid.varchar)) return bound;
  if (bound.kind === 'const' && integerRange.has(column) && typeof bound.value !== 'object') {
    const [min, max] = integerRange.get(column)!;
    const value = BigInt(bound.value as number | bigint);
    if (value < min || value > max) return undefined;
    return { ...bound, typeOid: column, value: Number(value) };
  }
  if (bound.kind === 'const' && column === Oid.int8) {
    return { ...bound, typeOid: column, value: BigInt(bound.value as number) };
  }
  const cast = widening.get(`${from}>${column}`);
  if (cast === undefined) return undefined;
  return {
    kind: 'func',
    funcId: cast,
    typeOid: column,
    args: [bound],
    returnsSet: false,
    variadic: false,
    format: 'implicitCast',
    collation: 0,
    inputCollation: 0,
    location: -1,
  };
}

/** C and the default collation order text by bytes here; any other makes ranges unusable. */
const byteCollations: ReadonlySet<number> = new Set([0, 100, 950]);

/** pg_proc's enum_eq: of an enum, storage knows which labels are equal and not their order. */
const enumEqual = 3508;

function pushedLabel(
  expr: OpCall | ScalarArrayOp,
  column: (candidate: Expr) => number | undefined,
): PushedPredicate | undefined {
  const [left, right] = expr.args as [Expr, Expr];
  const leftColumn = column(left);
  if (expr.kind === 'scalarArrayOp') {
    if (!expr.useOr || leftColumn === undefined || right.kind !== 'array') return undefined;
    if (!right.elements.every(isBound)) return undefined;
    return { columnId: leftColumn, op: 'in', values: right.elements };
  }
  if (leftColumn !== undefined)
    return isBound(right) ? { columnId: leftColumn, op: '=', values: [right] } : undefined;
  const rightColumn = column(right);
  if (rightColumn === undefined || !isBound(left)) return undefined;
  return { columnId: rightColumn, op: '=', values: [left] };
}

function pushed(expr: Expr, varno: number, table: CatalogTable): PushedPredicate | undefined {
  const column = (candidate: Expr): number | undefined => {
    const bare = bareColumn(candidate);
    if (bare.kind !== 'var' || bare.varno !== varno || bare.levelsUp !== 0) return undefined;
    if (bare.attno <= 0 || bare.returning !== 'default') return undefined;
    return bare.attno;
  };
  if ((expr.kind === 'op' || expr.kind === 'scalarArrayOp') && expr.funcId === enumEqual) {
    return pushedLabel(expr, column);
  }
  const typeOf = (columnId: number): number =>
    table.columns[table.positionOf[columnId] ?? -1]?.typeOid ?? 0;

  if (expr.kind === 'op' && expr.args.length === 2) {
    const comparison = comparisons.get(expr.funcId);
    if (comparison === undefined || !byteCollations.has(expr.inputCollation)) return undefined;
    const [left, right] = expr.args as [Expr, Expr];
    const leftColumn = column(left);
    const rightColumn = column(right);
    if (leftColumn !== undefined && isBound(right)) {
      const value = asColumnType(right, comparison.right, typeOf(leftColumn));
      return value && { columnId: leftColumn, op: comparison.op, values: [value] };
    }
    if (rightColumn !== undefined && isBound(left)) {
      const value = asColumnType(left, comparison.left, typeOf(rightColumn));
      return value && { columnId: rightColumn, op: flipped[comparison.op], values: [value] };
    }
    return undefined;
  }
  if (expr.kind === 'scalarArrayOp' && expr.useOr) {
    const comparison = comparisons.get(expr.funcId);
    const [left, right] = expr.args as [Expr, Expr];
    const columnId = column(left);
    if (comparison?.op !== '=' || columnId === undefined) return undefined;
    if (comparison.right !== typeOf(columnId) && typeOf(columnId) !== Oid.varchar) return undefined;
    if (right.kind === 'array' && right.elements.every(isBound)) {
      return { columnId, op: 'in', values: right.elements };
    }
    if (isBound(right)) return { columnId, op: 'in', values: [right] };
  }
  return undefined;
}

/**
 * Predicates that a scan of rtable[varno - 1] may use by itself: from WHERE, and from ON where a row that fails it can
 * not come out of the join. All of them stay in the query as well.
 */
export function pushedPredicates(
  query: Query,
  varno: number,
  rte: RangeTblEntry,
  table: CatalogTable,
): PushedPredicate[] {
  const found: PushedPredicate[] = [];
  const take = (quals: Expr | undefined): void => {
    for (const expr of conjunctsOf(quals)) {
      const predicate = pushed(expr, varno, table);
      if (predicate !== undefined) found.push(predicate);
    }
  };
  const contains = (item: FromItem): boolean => {
    switch (item.kind) {
      case 'ref':
        return item.rtindex === varno;
      case 'join':
        return contains(item.left) || contains(item.right);
      case 'from':
        return item.items.some(contains);
    }
  };
  const visit = (item: FromItem): void => {
    if (item.kind === 'from') {
      take(item.quals);
      for (const child of item.items) if (contains(child)) visit(child);
    } else if (item.kind === 'join') {
      const inLeft = contains(item.left);
      const filtered =
        item.joinType === 'inner' ||
        (item.joinType === 'left' && !inLeft) ||
        (item.joinType === 'right' && inLeft);
      if (filtered) take(item.quals);
      visit(inLeft ? item.left : item.right);
    }
  };
  if (contains(query.jointree)) visit(query.jointree);
  for (const qual of rte.securityQuals) take(qual);
  return found;
}
