import type { Engine } from '../engine.ts';
import { prefixEnd } from '../keys/buffer.ts';
import { tableKeyspaces, tablePrefix } from '../keys/keyspace.ts';
import type { TransactionState } from '../txn/state.ts';

/**
 * Whether there is anything under a table's id that dropping it would remove: keys, files, what the transaction is about to write.
 * Nobody else may write to the table meanwhile.
 */
export async function hasTraces(
  engine: Engine,
  { overlays, runs, spilledTables }: TransactionState,
  tableId: number,
): Promise<boolean> {
  const overlay = overlays.get(tableId);
  if (overlay !== undefined) {
    const { rows, index, truncatedAll, truncatedScopes } = overlay;
    if (rows.size > 0 || index.size > 0 || truncatedAll || truncatedScopes.size > 0) return true;
  }
  if (runs.some(({ table }) => table.tableId === tableId)) return true;
  if (spilledTables?.has(tableId) === true) return true;
  if (engine.files.condemnedOf(tableId).length > 0) return true;
  for (const { tables } of engine.bulks.values()) if (tables.includes(tableId)) return true;
  for (const keyspace of tableKeyspaces) {
    const from = tablePrefix(keyspace, tableId);
    const cursor = engine.store.scan({ from, to: prefixEnd(from), values: false, limit: 1 });
    try {
      if ((await cursor.next(1)).length > 0) return true;
    } finally {
      await cursor.close();
    }
  }
  return false;
}
