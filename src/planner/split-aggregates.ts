import type { AggrefExpr, Expr, FuncCall } from '../analyzer/tree.ts';
import { Oid } from '../types/oid.ts';
import type { Columns } from './split-columns.ts';
import { NoCut, targetOf } from './split-columns.ts';

/** avg of exact numbers, by pg_proc OID: the sum, its type, and how that becomes numeric. */
const averages: ReadonlyMap<number, { readonly sum: number; readonly sumType: number }> = new Map([
  [2100, { sum: 2107, sumType: Oid.numeric }],
  [2101, { sum: 2108, sumType: Oid.int8 }],
  [2102, { sum: 2109, sumType: Oid.int8 }],
  [2103, { sum: 2114, sumType: Oid.numeric }],
]);

const countAny = 2147;
const numericOfInt8 = 1781;
const numericDiv = { operatorId: 1761, funcId: 1727 } as const;

/** What stands for an aggregate above: its value, or for avg PostgreSQL's own division of sum by count. */
export function upperAggregate(expr: AggrefExpr, columns: Columns): Expr {
  const average = averages.get(expr.funcId);
  if (!average) return columns.use(expr, 0);
  const sum = columns.use({ ...expr, funcId: average.sum, typeOid: average.sumType }, 0);
  const count = columns.use({ ...expr, funcId: countAny, typeOid: Oid.int8 }, 0);
  return quotient(sum, count);
}

const call = (funcId: number, arg: Expr, typeOid: number): FuncCall => ({
  kind: 'func',
  funcId,
  args: [arg],
  typeOid,
  returnsSet: false,
  variadic: false,
  format: 'implicitCast',
  collation: 0,
  inputCollation: 0,
  location: -1,
});

/** avg computes numeric_div(sum, count) itself; of no rows the sum is NULL, and so is the quotient. */
function quotient(sum: Expr, count: Expr): Expr {
  const numeric = (arg: Expr): Expr =>
    arg.typeOid === Oid.numeric ? arg : call(numericOfInt8, arg, Oid.numeric);
  return {
    kind: 'op',
    ...numericDiv,
    args: [numeric(sum), numeric(count)],
    typeOid: Oid.numeric,
    collation: 0,
    inputCollation: 0,
    location: -1,
  };
}

const sumBigint = 2107;
const sumNumeric = 2114;
const int8OfNumeric = 1779;
const counts: ReadonlySet<number> = new Set([2803, countAny]);
/** Sums by pg_proc OID: what adds up their sums, and whether that is bigint again. */
const sums: ReadonlyMap<number, { readonly again: number; readonly bigint: boolean }> = new Map([
  [2108, { again: sumBigint, bigint: true }],
  [2109, { again: sumBigint, bigint: true }],
  [sumBigint, { again: sumNumeric, bigint: false }],
  [sumNumeric, { again: sumNumeric, bigint: false }],
]);
const sumDouble = 2111;
/** Aggregates of which that of several groups is the same aggregate of the groups': extremes, boolean and bitwise ones. */
const associative: ReadonlySet<number> = new Set(
  [
    [sumDouble],
    [2115, 2116, 2117, 2118, 2119, 2120, 2122, 2123, 2126, 2127, 2129, 2130, 6395],
    [2131, 2132, 2133, 2134, 2135, 2136, 2138, 2139, 2142, 2143, 2145, 2146, 6396],
    [2517, 2518, 2519, 2236, 2238, 2240, 2237, 2239, 2241],
  ].flat(),
);

/**
 * An aggregate of groups joined together, from the aggregates of finer groups. `always`: the query has no GROUP BY, so that it
 * answers for no groups at all too. @throws NoCut
 */
export function joinedAggregate(expr: AggrefExpr, columns: Columns, always: boolean): Expr {
  if (expr.distinct.length > 0 || expr.aggKind !== 'normal') throw new NoCut();
  const over = (funcId: number, typeOid: number, lower: AggrefExpr): AggrefExpr => {
    const arg = columns.use({ ...lower, order: [] }, 0);
    return {
      ...expr,
      funcId,
      typeOid,
      argTypes: [arg.typeOid],
      args: [targetOf(arg, 1)],
      order: [],
      filter: undefined,
      star: false,
    };
  };
  if (counts.has(expr.funcId)) {
    const sum = call(int8OfNumeric, over(sumBigint, Oid.numeric, expr), Oid.int8);
    return always ? { kind: 'coalesce', typeOid: Oid.int8, collation: 0, args: [sum, zero] } : sum;
  }
  const sum = sums.get(expr.funcId);
  if (sum) {
    const again = over(sum.again, Oid.numeric, expr);
    return sum.bigint ? call(int8OfNumeric, again, Oid.int8) : again;
  }
  const average = averages.get(expr.funcId);
  if (average) {
    const part: AggrefExpr = { ...expr, funcId: average.sum, typeOid: average.sumType };
    const count: AggrefExpr = { ...expr, funcId: countAny, typeOid: Oid.int8 };
    const again = average.sumType === Oid.int8 ? sumBigint : sumNumeric;
    return quotient(over(again, Oid.numeric, part), over(sumBigint, Oid.numeric, count));
  }
  if (!associative.has(expr.funcId)) throw new NoCut();
  return over(expr.funcId, expr.typeOid, expr);
}

const zero: Expr = {
  kind: 'const',
  typeOid: Oid.int8,
  typmod: -1,
  collation: 0,
  isNull: false,
  value: 0n,
  datum: undefined,
  location: -1,
};
