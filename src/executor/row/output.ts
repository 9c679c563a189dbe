import type { Query } from '../../analyzer/tree.ts';
import type { Row } from '../../types/value.ts';
import { requireByteCollation } from './collation-of.ts';
import { comparisonByOperator } from './functions/comparison.ts';
import type { Frame } from './frame.ts';
import { compositeKeyOf } from './hash-key.ts';
import { compileLimit } from './limit.ts';
import { tooManyRows, workRowsMax } from './limits.ts';
import type { Scope } from './scope.ts';
import { compileSort, createSorter, targetOf } from './sort.ts';
import { unsupported } from './unsupported.ts';

/** What is left to do with projected rows: DISTINCT, ORDER BY, LIMIT, and dropping junk columns. */
export interface Output {
  start(
    frame: Frame,
    emit: (row: Row) => boolean,
  ): {
    /** `complete` computes what was postponed. False: no more rows are wanted. */
    add(row: Row, complete: ((row: Row) => void) | undefined): boolean;
    finish(): void;
  };
}

interface Pending {
  readonly row: Row;
  readonly complete: ((row: Row) => void) | undefined;
}

type OutputQuery = Pick<
  Query,
  'targetList' | 'sortClause' | 'distinctClause' | 'hasDistinctOn' | 'limitCount' | 'limitOffset'
>;

export function compileOutput(query: OutputQuery, scope: Scope): Output {
  const { targetList } = query;
  const width = targetList.filter((target) => !target.junk).length;
  const junk = width < targetList.length;
  if (targetList.slice(0, width).some((target) => target.junk))
    unsupported('a junk column among the others');
  const compare =
    query.sortClause.length > 0 ? compileSort(query.sortClause, targetList) : undefined;
  const distinct = query.distinctClause.map((clause) => {
    if (comparisonByOperator(clause.eqOperator)?.op !== '=')
      unsupported('DISTINCT by this operator');
    const at = targetOf(clause, targetList);
    requireByteCollation(targetList[at]!.expr);
    return at;
  });
  const keyOf = compositeKeyOf(distinct.map((at) => targetList[at]!.expr.typeOid));
  const limit = compileLimit(query, scope);
  const strip = (row: Row): Row => {
    if (junk) row.length = width;
    return row;
  };
  return {
    start(frame, emit) {
      const window = limit(frame);
      const last = (row: Row): boolean => window.pass(() => emit(strip(row)));
      const seen = new Set<unknown>();
      const unseen = (row: Row): boolean => {
        if (distinct.length === 0) return true;
        const key = keyOf(distinct.map((at) => row[at]!));
        if (seen.has(key)) return false;
        if (seen.size >= workRowsMax) throw tooManyRows('DISTINCT');
        seen.add(key);
        return true;
      };
      if (!compare) {
        return {
          add(row, complete) {
            if (!unseen(row)) return !window.done();
            complete?.(row);
            return last(row);
          },
          finish: () => undefined,
        };
      }
      // DISTINCT ON keeps the first of each key in sort order, so it comes after the sort.
      const early = !query.hasDistinctOn;
      const wanted = early || distinct.length === 0 ? window.wanted : undefined;
      const sorter = createSorter<Pending>((l, r) => compare(l.row, r.row), wanted);
      return {
        add(row, complete) {
          if (!early || unseen(row)) sorter.add({ row, complete });
          return wanted !== 0;
        },
        finish() {
          for (const { row, complete } of sorter.sorted()) {
            if (!early && !unseen(row)) continue;
            complete?.(row);
            if (!last(row)) return;
          }
        },
      };
    },
  };
}
