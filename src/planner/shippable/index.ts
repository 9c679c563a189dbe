/**
 * shippable: what DuckDB may compute for PostgreSQL. The rule is that of PostgreSQL's foreign-data wrappers: an expression is
 * shippable only when the answer is exactly PostgreSQL's: value, type, error, NULL, sort order. Everything is looked up by
 * pg_proc OID in one table (table.ts), each row with its translation; what has no row runs elsewhere.
 *
 * `duckdbDialect` prints a Query by that table (executor/print does the walking); `columnarSupports` is the same print with
 * the text thrown away. The differential test tries every row with edge values in DuckDB and in PGlite.
 *
 * To add a row: find the OID in pg_proc.dat, write the translation, run the test; when one edge differs, guard it with
 * raise() (the query then runs on another executor) or leave the row out.
 */
export type { SupportContext } from './supports.ts';
export { columnarSupports, relationColumn } from './supports.ts';
export { columnarTypeOf } from './column-type.ts';
export { duckdbDialect } from './duckdb-dialect.ts';
export { pgEpochUnixDays } from './literals.ts';
export { shippableAggregates, shippableFunctions } from './table.ts';
