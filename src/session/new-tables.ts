import { PgError, SqlState } from '../base/index.ts';
import type { CatalogTable } from '../catalog/types.ts';
import type { StorageTransaction } from '../storage/types.ts';
import type { SessionState } from './state.ts';

/** Relids of the tables that a transaction has truncated. */
const truncated = new WeakMap<StorageTransaction, Set<number>>();

export function noteTruncated(transaction: StorageTransaction, relid: number): void {
  let relids = truncated.get(transaction);
  if (relids === undefined) {
    relids = new Set();
    truncated.set(transaction, relids);
  }
  relids.add(relid);
}

/**
 * COPY FREEZE promises that nobody can miss the older rows: PostgreSQL takes it only for a table that the transaction itself
 * has created or truncated. The rows are then stored as any others are: there is no freezing that would have to be done later.
 */
export function requireNewTable(session: SessionState, { relid }: CatalogTable): void {
  const { engine, transaction } = session;
  if (engine.catalog.current.table(relid) === undefined) return;
  if (truncated.get(transaction.statement())?.has(relid) === true) return;
  throw new PgError(
    SqlState.objectNotInPrerequisiteState,
    'cannot perform COPY FREEZE because the table was not created or truncated in the current subtransaction',
  );
}
