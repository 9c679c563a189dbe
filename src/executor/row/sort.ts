import type { SortGroupClause, TargetEntry } from '../../analyzer/tree.ts';
import type { Row, Value } from '../../types/value.ts';
import { requireByteCollation } from './collation-of.ts';
import { comparisonByOperator } from './functions/comparison.ts';
import { tooManyRows, workRowsMax } from './limits.ts';
import { typeOf } from './type-of.ts';
import { unsupported } from './unsupported.ts';

export type CompareRows = (left: readonly Value[], right: readonly Value[]) => number;

/** The position in the target list that a clause names. */
export function targetOf(clause: SortGroupClause, targets: readonly TargetEntry[]): number {
  const at = targets.findIndex((target) => target.sortGroupRef === clause.ref);
  return at >= 0 ? at : unsupported('a sort clause without its target');
}

function compareAt(
  at: number,
  compare: (left: Value, right: Value) => number,
  sign: 1 | -1,
  nullsFirst: boolean,
): CompareRows {
  const nullOrder = nullsFirst ? -1 : 1;
  return (left, right) => {
    const l = left[at]!;
    const r = right[at]!;
    if (l === null) return r === null ? 0 : nullOrder;
    if (r === null) return -nullOrder;
    return compare(l, r) * sign;
  };
}

/** Compares rows parallel to `targets` as ORDER BY says. */
export function compileSort(
  clauses: readonly SortGroupClause[],
  targets: readonly TargetEntry[],
): CompareRows {
  const keys = clauses.map((clause) => {
    const at = targetOf(clause, targets);
    const { expr } = targets[at]!;
    requireByteCollation(expr);
    const comparison = comparisonByOperator(clause.sortOperator);
    if (!comparison || (comparison.op !== '<' && comparison.op !== '>')) {
      unsupported(`ordering by operator ${clause.sortOperator}`);
    }
    const { compare } = typeOf(expr.typeOid);
    if (!compare) unsupported(`ordering by type ${expr.typeOid}`);
    return compareAt(at, compare, comparison.op === '<' ? 1 : -1, clause.nullsFirst);
  });
  const [only] = keys;
  if (only && keys.length === 1) return only;
  return (left, right) => {
    for (const key of keys) {
      const order = key(left, right);
      if (order !== 0) return order;
    }
    return 0;
  };
}

/** Rows kept beyond the wanted ones before the surplus is cut off. */
const topSlackRows = 1024;

/** Collects rows and gives them sorted (stable); keeps only the first `wanted` where that is known. */
export function createSorter<T>(
  compare: (left: T, right: T) => number,
  wanted: number | undefined,
): { add(row: T): void; sorted(): T[] } {
  const rows: T[] = [];
  const cutAt = wanted === undefined ? Infinity : wanted * 2 + topSlackRows;
  return {
    add(row) {
      rows.push(row);
      if (rows.length >= cutAt) {
        rows.sort(compare);
        rows.length = wanted!;
      }
      if (rows.length > workRowsMax) throw tooManyRows('a sort');
    },
    sorted() {
      rows.sort(compare);
      if (wanted !== undefined && rows.length > wanted) rows.length = wanted;
      return rows;
    },
  };
}

export type SortedRows = ReturnType<typeof createSorter<Row>>;
