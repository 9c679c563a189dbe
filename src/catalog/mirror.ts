import type { Report } from '../base/index.ts';

/** What the catalog needs of the PGlite that mirrors it. Errors are PgErrors, as PostgreSQL reported them. */
export interface MirrorConnection {
  /** Runs statements under the settings given (search_path, role, …) by the simple protocol. */
  exec(
    sql: string,
    settings: ReadonlyMap<string, string>,
  ): Promise<{ readonly tag: string; readonly notices: readonly Report[] }>;
  /** Whether the transaction that `begin` opened is still there: a worker that died has lost it. */
  inTransaction(): boolean;
  /** Rows in text, under pgtide's own superuser and default settings. */
  rows(sql: string): Promise<(string | null)[][]>;
}
