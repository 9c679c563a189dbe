import { PgError, SqlState } from '../../base/index.ts';
import type { StoredTable, UniqueConflict } from '../types.ts';

/** Thrown by commit when a unique key has been taken since it was checked. `dml` turns it into 23505. */
export class UniqueConflictError extends Error {
  readonly table: StoredTable;
  readonly conflict: UniqueConflict;

  constructor(table: StoredTable, conflict: UniqueConflict) {
    super('duplicate key value violates unique constraint');
    this.name = 'UniqueConflictError';
    this.table = table;
    this.conflict = conflict;
  }
}

/** 40001, in PostgreSQL's words. */
export function concurrentUpdate(table: StoredTable): PgError {
  return new PgError(
    SqlState.serializationFailure,
    'could not serialize access due to concurrent update',
    {
      detail: `Another transaction changed the same row of table "${table.name}".`,
      hint: 'The transaction might succeed if retried.',
      schema: table.namespace,
      table: table.name,
    },
  );
}
