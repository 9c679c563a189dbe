import type { TableRuntime } from '../keys/table-runtime.ts';
import { keyText } from '../keys/buffer.ts';
import { scanRows } from '../tiered/scan.ts';
import type { StoredIndex, StoredRow, UniqueConflict } from '../types.ts';
import { spillIndexEntries } from './bulk.ts';
import type { OverlayIndexEntry } from './overlay.ts';
import { putOverlayIndex, rowTail } from './overlay.ts';
import { overlayOf } from './state.ts';
import type { InternalTransaction } from './transaction.ts';
import { fullKey } from './write.ts';

/** More entries than this go to the hot store before the commit; nobody reads the index until then. */
const entriesInMemoryMax = 50_000;

/**
 * Makes the entries of a new index from all rows of all scopes, soft-deleted ones included. The table must not be written to
 * by others until the commit, which checks that (40001).
 */
export async function buildIndex(
  transaction: InternalTransaction,
  runtime: TableRuntime,
  index: StoredIndex,
): Promise<UniqueConflict | undefined> {
  const { state } = transaction;
  const { table } = runtime;
  const overlay = overlayOf(state, table);
  const context = await transaction.readContext();
  const pending = new Map<string, OverlayIndexEntry>();
  /** Unique entries seen so far, spilled ones too: the key they lead to. */
  const taken = new Map<string, StoredRow>();
  let spilled = false;
  context.reader.retain();
  try {
    context.reader.hot();
    state.unchangedSince ??= new Map();
    state.unchangedSince.set(table.tableId, context.reader.seq);
    const scan = { scope: { kind: 'all' }, includeDeleted: true } as const;
    for await (const rows of scanRows(context, runtime, scan)) {
      for (const row of rows) {
        const tail = rowTail(fullKey(table, row));
        const entry = runtime.indexEntry(index, row.userId, row.values, tail, row.deleted);
        const text = keyText(entry.key);
        if (entry.unique) {
          const existing = taken.get(text);
          if (existing !== undefined) return { index, existing };
          taken.set(text, row);
        }
        const full = { ...entry, tail: Buffer.from(tail), base: null, seenSeq: context.reader.seq };
        pending.set(text, full);
      }
      if (pending.size >= entriesInMemoryMax) {
        spilled = true;
        await spillIndexEntries(state, table.tableId, index.indexId, [...pending.values()]);
        pending.clear();
      }
    }
  } finally {
    context.reader.release();
  }
  if (spilled && pending.size > 0)
    await spillIndexEntries(state, table.tableId, index.indexId, [...pending.values()]);
  else for (const entry of pending.values()) putOverlayIndex(overlay, entry);
  return undefined;
}
