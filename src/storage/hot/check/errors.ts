import { PgError, SqlState } from '../../../base/index.ts';

/** FATAL XX001: a file of the hot store is not what was written. `file` is a path. */
export function damagedFile(file: string, what: string): PgError {
  return new PgError(SqlState.dataCorrupted, `file "${file}" is corrupted: ${what}`, {
    severity: 'FATAL',
    hint: 'Restore the data folder from a backup.',
  });
}
