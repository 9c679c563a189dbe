/**
 * executor/row: SELECT as compiled closures over typed rows, straight on storage.
 *
 * A Query tree is compiled once (compiled-query.ts keeps the result by the tree's identity): compile-select.ts makes FROM a
 * pipeline (pipeline.ts, join.ts) whose driving table's rows are pushed through as storage gives them, while every other
 * table is read ahead; then come grouping.ts, the target list, and output.ts (DISTINCT, ORDER BY, LIMIT). Expressions are
 * closures over a Frame (frame.ts), the registers of a query level. Functions are tables by pg_proc OID in functions/.
 *
 * What is not surely PostgreSQL's answer throws Unsupported while compiling, never while running: rowSupports() says why.
 * To debug a wrong answer, add the statement to run-select.test.ts, which asks PostgreSQL itself.
 */
export { rowSupports } from './compiled-query.ts';
export type { SlotRow } from './frame.ts';
export { runRow, runRowSync } from './run-select.ts';
export type { RowCatalog } from './scope.ts';
