import { notSupported } from '../base/index.ts';
import type { Storage, StorageTransaction, StoredIndex } from '../storage/types.ts';
import type { Reconciled } from './reconcile.ts';
import type { CatalogTable } from './types.ts';
import type { RowValidator } from './validate.ts';

/**
 * The same table under a storage id of its own, as PostgreSQL gives a rewritten table a new file: its rows are found by another
 * key, and until the commit everyone else reads the former ones. Those are dropped with the former id.
 */
export function withNewId(reconciled: Reconciled, tableId: number): Reconciled {
  return { ...reconciled, stored: Object.freeze({ ...reconciled.stored, tableId }) };
}

/** Moves a table's rows to their new primary key. Throws PostgreSQL's errors for those that have no place there. */
export async function rewriteRows(
  storage: Storage,
  transaction: StorageTransaction,
  before: CatalogTable,
  after: CatalogTable,
  validate: RowValidator,
): Promise<void> {
  const { stored } = after;
  const computed = after.columns.some(
    (column) =>
      stored.primaryKey.includes(column.id) &&
      column.defaultExpr !== undefined &&
      column.missing === null &&
      !before.columns.some((former) => former.id === column.id),
  );
  if (computed) {
    throw notSupported(
      'adding a column with a computed default as primary key of a table that has rows',
      {
        hint: 'Add the column first, then the primary key.',
      },
    );
  }
  const failure = await storage.rewriteTable(transaction, before.stored, stored);
  if (failure === undefined) return;
  if ('nullColumn' in failure) {
    const column = after.columns.find((one) => one.id === failure.nullColumn)!;
    throw validate.nullsPresent(after, column);
  }
  const { index, existing } = failure.conflict;
  const primary: StoredIndex = {
    indexId: 0,
    name: stored.primaryKeyName ?? stored.name,
    columns: stored.primaryKey,
    unique: true,
    nullsNotDistinct: false,
  };
  throw validate.uniqueViolation(after, index ?? primary, existing);
}
