/**
 * postgres: runs a Query in PGlite over rows that go along with it. The scans are read into memory (bounded by
 * tide.materialize_limit), the query is printed in PostgreSQL's own words with each relation as unnest($n::type[], …), and
 * PGlite computes it under the session's settings.
 *
 * To debug: the printed SQL and its parameters run by hand in any PostgreSQL that has the user's types and functions.
 */
export { pgliteFallback } from './fallback-postgres.ts';
export type { FallbackPostgres } from './fallback-postgres.ts';
export { createPostgres, postgresSupports } from './run-postgres.ts';
export type { Postgres } from './run-postgres.ts';
