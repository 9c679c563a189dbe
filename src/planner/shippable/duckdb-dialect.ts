import type { Expr, RangeTblEntry } from '../../analyzer/tree.ts';
import type { Dialect } from '../../executor/print/index.ts';
import { Unprintable, isRangeOffset } from '../../executor/print/index.ts';
import type { StatementContext } from '../../executor/print/index.ts';
import type { Value } from '../../types/value.ts';
import { columnarTypeOf } from './column-type.ts';
import { checkKey, commonType } from './common-type.ts';
import { makeDuckdbExpr } from './duckdb-expr.ts';

/** DuckDB's words where they mean exactly what PostgreSQL's do; Unprintable everywhere else. */
export function duckdbDialect(statement: StatementContext | undefined): Dialect {
  const expr = makeDuckdbExpr(statement);
  return {
    name: 'duckdb',
    expr,
    columnNames: (rte: RangeTblEntry) => rte.columnNames.map((_, at) => `c${at + 1}`),
    // DuckDB gives back what it sorted by, where -0 has become 0.
    keyApart: ({ sql, type }) =>
      type?.name === 'FLOAT' || type?.name === 'DOUBLE' ? `(${sql} + 0)` : sql,
    sortKey(key, clause, printer) {
      const operator = printer.env.catalog.operatorName(clause.sortOperator);
      if (operator !== undefined && !/^(?:pg_catalog\.)?[<>]$/.test(operator)) {
        throw new Unprintable(`ORDER BY USING ${operator}`);
      }
      return `${key} ${clause.descending ? 'DESC' : 'ASC'}`;
    },
    limit(query, _scope, printer) {
      if (query.limitOption === 'withTies') throw new Unprintable('FETCH FIRST WITH TIES');
      const count = (bound: typeof query.limitCount, word: string): string => {
        if (!bound) return '';
        const value = boundValue(bound, printer.env.params);
        if (value === null) return '';
        if (typeof value !== 'bigint' || value < 0n)
          throw new Unprintable(`a computed or negative ${word}`);
        return ` ${word} ${value}`;
      };
      return count(query.limitCount, 'LIMIT') + count(query.limitOffset, 'OFFSET');
    },
    functionRte() {
      throw new Unprintable('a function in FROM');
    },
    wholeRow() {
      throw new Unprintable('a whole-row reference');
    },
    checkQuery(query) {
      if (query.hasModifyingCTE) throw new Unprintable('a data-modifying WITH');
      if (query.hasTargetSRFs) throw new Unprintable('a set-returning function');
      if (query.targetList.every((target) => target.junk))
        throw new Unprintable('a query of no columns');
      if (query.groupDistinct) throw new Unprintable('GROUP BY DISTINCT');
      for (const window of query.windowClause) {
        if (isRangeOffset(window)) throw new Unprintable('RANGE with an offset');
      }
    },
    checkKey,
    declaredType: columnarTypeOf,
    commonType,
    barrier: '',
  };
}

/** Casts of smaller integers that LIMIT 2 comes with. */
const wideningCasts: ReadonlySet<number> = new Set([481, 754]);

/** A LIMIT or OFFSET as a number of rows; null: none; undefined: it is computed. Parameters not yet bound count as none. */
function boundValue(expr: Expr, params: readonly Value[] | undefined): Value | undefined {
  if (expr.kind === 'const') return expr.isNull ? null : expr.value;
  if (expr.kind === 'param' && expr.paramKind === 'extern') return params?.[expr.id - 1] ?? null;
  if (expr.kind === 'func' && wideningCasts.has(expr.funcId)) {
    const value = boundValue(expr.args[0]!, params);
    return typeof value === 'number' ? BigInt(value) : value;
  }
  return undefined;
}
