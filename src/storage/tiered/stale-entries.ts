import type { Engine } from '../engine.ts';
import { prefixEnd } from '../keys/buffer.ts';
import { indexPrefix, Keyspace, tablePrefix, tablePrefixBytes } from '../keys/keyspace.ts';
import { decodeScope, scopeLength } from '../keys/scope.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { encodeRecord } from '../records.ts';
import { ownerKey } from '../txn/bulk.ts';
import { rowTail } from '../txn/overlay.ts';
import { latestView, readTableRecord } from '../txn/reader.ts';
import type { StoredIndex, StoredRow } from '../types.ts';
import type { PointContext } from './point-read.ts';
import { lookupHot, lookupRows } from './point-read.ts';

/** Entries judged at a time. */
const batchEntries = 1024;

type Verdict = 'stale' | 'right' | 'cold?';

interface Entry {
  readonly key: Buffer;
  readonly tail: Buffer;
  readonly userId: string;
  /** Full row key. */
  readonly owner: Buffer;
}

/**
 * Removes index entries that lead to no row, or to one with other values: those of rows that a TRUNCATE took and that were inserted
 * again before it had been cleaned up. From then on such an entry is a sign of damage again. In the table's turn. Returns how many went.
 */
export async function removeStaleEntries(engine: Engine, runtime: TableRuntime): Promise<number> {
  const { table } = runtime;
  const { tableId } = table;
  const state = engine.tableState(tableId);
  const record = latestView(engine).tableRecord(state);
  if (!record.truncated || record.cleaning) return 0;
  const { truncations } = state;
  let removed = 0;
  for (const index of table.indexes) removed += await ofIndex(engine, runtime, index);
  await engine.sequencer.submit({
    sync: false,
    takesSeq: false,
    write(writer) {
      if (state.truncations !== truncations) return;
      const now = readTableRecord((key) => engine.sequencer.latest(key), tableId);
      writer.put(tablePrefix(Keyspace.table, tableId), encodeRecord({ ...now, truncated: false }));
    },
  });
  return removed;
}

async function ofIndex(engine: Engine, runtime: TableRuntime, index: StoredIndex): Promise<number> {
  const prefix = indexPrefix(runtime.table.tableId, index.indexId);
  const context = contextOf(engine);
  const cursor = engine.store.scan({ from: prefix, to: prefixEnd(prefix) });
  let removed = 0;
  try {
    for (;;) {
      const read = await cursor.next(batchEntries);
      if (read.length === 0) return removed;
      engine.closing.throwIfAborted();
      const stale: Entry[] = [];
      const cold = new Map<string, Entry[]>();
      for (const [key, tail] of read) {
        const entry = entryOf(key, tail);
        const verdict = judge(context, runtime, index, entry);
        if (verdict === 'stale') stale.push(entry);
        if (verdict !== 'cold?') continue;
        const ofUser = cold.get(entry.userId);
        if (ofUser === undefined) cold.set(entry.userId, [entry]);
        else ofUser.push(entry);
      }
      for (const [userId, entries] of cold) {
        const keys = entries.map(({ owner }) => owner);
        const rows = await lookupRows(context, runtime, userId, keys);
        stale.push(...entries.filter((entry, i) => !leadsTo(runtime, index, entry, rows[i])));
      }
      if (stale.length === 0) continue;
      await engine.sequencer.submit({
        sync: false,
        takesSeq: false,
        write(writer) {
          const now = contextOf(engine);
          for (const entry of stale) {
            if (engine.sequencer.latest(entry.key)?.equals(entry.tail) !== true) continue;
            // A cold row that has been changed since is hot, or hard-deleted together with its own entries.
            if (judge(now, runtime, index, entry) === 'right') continue;
            writer.delete(entry.key);
            removed++;
          }
        },
      });
    }
  } finally {
    await cursor.close();
  }
}

function contextOf(engine: Engine): PointContext {
  return { engine, view: latestView(engine), ownBulks: [], overlay: undefined };
}

function entryOf(key: Buffer, tail: Buffer): Entry {
  const owner = ownerKey(key, tail);
  const end = scopeLength(owner, tablePrefixBytes);
  return { key, tail, owner, userId: decodeScope(owner, tablePrefixBytes, end) };
}

/** By the hot store alone. */
function judge(
  context: PointContext,
  runtime: TableRuntime,
  index: StoredIndex,
  entry: Entry,
): Verdict {
  const found = lookupHot(context, runtime, entry.userId, entry.owner);
  switch (found.kind) {
    case 'row':
      return leadsTo(runtime, index, entry, found.row) ? 'right' : 'stale';
    case 'absent':
      return 'stale';
    case 'foreign':
      return 'right';
    case 'cold?':
      return 'cold?';
  }
}

function leadsTo(
  runtime: TableRuntime,
  index: StoredIndex,
  { key, owner, userId }: Entry,
  row: StoredRow | 'foreign' | undefined,
): boolean {
  if (row === undefined || row === 'foreign') return row === 'foreign';
  return runtime.indexEntry(index, userId, row.values, rowTail(owner), row.deleted).key.equals(key);
}
