/**
 * columnar: runs a Query on DuckDB. Each scan becomes a SELECT over Parquet files read in place and hot rows loaded into a
 * DuckDB table (of shared tables a mirror is kept between statements, which follows commits by their keys: mirrors.ts); the
 * query is printed in DuckDB's words by the shippability table; result vectors become rows without a value object in between
 * (decode.ts).
 *
 * Whatever DuckDB can't hold or compute exactly is thrown as NotShippable before the first row, and the query then runs on
 * another executor. Tables made for an execution live until its end and have names of their own (r1, r2, …).
 *
 * To debug: print the SQL in run-columnar.ts; EXPLAIN ANALYZE it in DuckDB.
 */
export { createColumnar } from './run-columnar.ts';
export type { Columnar } from './run-columnar.ts';
export { scanPredicates } from './scan-options.ts';
