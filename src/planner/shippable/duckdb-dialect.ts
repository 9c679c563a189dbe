import type { Expr, RangeTblEntry, TargetEntry } from '../../analyzer/tree.ts';
import type { ColumnarType, Dialect, Printed } from '../../executor/print/index.ts';
import { Unprintable, isRangeOffset } from '../../executor/print/index.ts';
import type { StatementContext } from '../../executor/types.ts';
import type { Value } from '../../types/value.ts';
import { columnarTypeOf } from './column-type.ts';
import { makeDuckdbExpr } from './duckdb-expr.ts';
import { requireByteCollation } from './shippable.ts';

export interface DuckdbDialectOptions {
  /** Undefined at planning time: TimeZone is taken to be UTC, constants of the statement print as NULL. */
  readonly statement: StatementContext | undefined;
  checkKey(key: Printed, target: TargetEntry | undefined, ordered: boolean): void;
}

/** DuckDB's words where they mean exactly what PostgreSQL's do; Unprintable everywhere else. */
export function duckdbDialect(statement: StatementContext | undefined): Dialect {
  const expr = makeDuckdbExpr({ statement, checkKey });
  return {
    name: 'duckdb',
    expr,
    columnNames: (rte: RangeTblEntry) => rte.columnNames.map((_, at) => `c${at + 1}`),
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
        if (typeof value !== 'bigint' || value < 0n) throw new Unprintable(`a computed or negative ${word}`);
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
      if (query.targetList.every((target) => target.junk)) throw new Unprintable('a query of no columns');
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

/** Grouping, distinct and ordering: only where DuckDB equates and orders as PostgreSQL does. */
function checkKey(key: Printed, target: TargetEntry | undefined, ordered: boolean): void {
  const name = key.type?.name;
  if (name === 'TEXT_FORM') throw new Unprintable('grouping or ordering by a type that DuckDB lacks');
  if (name === 'INTERVAL' && !ordered) throw new Unprintable('grouping by interval');
  if (!target) return;
  const collation = 'collation' in target.expr ? target.expr.collation : 0;
  if (name === 'VARCHAR' || name === 'BPCHAR') requireByteCollation(collation);
}

/** Alternatives must agree; numerics of unlike scale would each keep their own in PostgreSQL. */
export function commonType(
  types: readonly (ColumnarType | undefined)[],
  what: string,
): ColumnarType | undefined {
  let common: ColumnarType | undefined;
  for (const type of types) {
    if (!type) continue;
    if (!common) {
      common = type;
    } else if (common.name === 'DECIMAL' && type.name === 'DECIMAL') {
      if (common.scale !== type.scale) throw new Unprintable(what);
      if (type.precision > common.precision) common = type;
    } else if (common.name !== type.name) {
      throw new Unprintable(what);
    }
  }
  return common;
}
