import type { Storage, StorageTransaction, StoredIndex } from '../storage/types.ts';
import { relabelRows } from './enum-changes.ts';
import type { Reconciled } from './reconcile.ts';
import type { CatalogTable } from './types.ts';
import type { RowValidator } from './validate.ts';
import { validateRows } from './validate.ts';

/**
 * The same table under a storage id of its own, as PostgreSQL gives a rewritten table a new file: until the commit everyone else
 * reads the former rows, which are dropped with the former id. All rows of the new id are of one layout.
 */
export function withNewId(reconciled: Reconciled, tableId: number): Reconciled {
  const { schemaVersion, columns } = reconciled.stored;
  const layouts = new Map([[schemaVersion, columns]]);
  return { ...reconciled, stored: Object.freeze({ ...reconciled.stored, tableId, layouts }) };
}

/**
 * Makes the rows of a table those of the same table with another key or other columns, and judges them by what it demands of them
 * now. Throws PostgreSQL's errors for those that have no place there.
 */
export async function rewriteRows(
  storage: Storage,
  transaction: StorageTransaction,
  before: CatalogTable,
  after: CatalogTable,
  validate: RowValidator,
  relabelled?: ReadonlyMap<number, ReadonlyMap<string, string>>,
): Promise<void> {
  const { stored } = after;
  const rewriter =
    relabelled === undefined ? await validate.rewriter(before, after) : relabelRows(relabelled);
  const failure = await validate.rewriting(before, (options) =>
    storage.rewriteTable(transaction, before.stored, stored, { ...options, rewriter }),
  );
  if (failure === undefined) {
    // A rewriter has judged the rows already, as it saw them.
    if (rewriter === undefined) {
      await validateRows(before, after, transaction, validate, stored.primaryKey);
    }
    return;
  }
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
