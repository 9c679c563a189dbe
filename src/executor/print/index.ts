/**
 * print: the Query tree back to SQL, as PostgreSQL's ruleutils.c does. One mechanism, two dialects: PostgreSQL's own words
 * (executor/postgres) and DuckDB's (planner/shippable, executor/columnar).
 *
 * printQuery walks the query: WITH, FROM, WHERE, GROUP BY, targets, WINDOW, ORDER BY, LIMIT. Every RTE gets a fresh alias
 * and made-up column names, so that no name can clash or be captured. Expressions are the dialect's. What it has no exact
 * words for is thrown as Unprintable, whose message names it.
 *
 * To debug: the SQL that comes back is complete; run it by hand in PGlite or DuckDB.
 */
export type { ColumnarType } from './columnar-type.ts';
export { decimalPrecisionMax, duckTypeName } from './columnar-type.ts';
export type {
  Dialect,
  PrintEnvironment,
  Printed,
  PrintedQuery,
  PrintedRelation,
  PrintedRte,
  Printer,
  RelationRequest,
  Scope,
} from './dialect.ts';
export { Unprintable } from './dialect.ts';
export type { StatementContext } from '../types.ts';
export { isRangeOffset } from './frame.ts';
export { quoteIdentifier, valueText } from './literal.ts';
export { sqlValue, stableFunction } from './own-functions.ts';
export { postgresDialect } from './postgres-dialect.ts';
export { printQuery } from './printer.ts';
export { walkTree } from './walk.ts';
