import { dirname } from 'node:path';
import { verifyStorage } from '../verify/verify.ts';
import { backup } from '../backup/backup.ts';
import type { FilesDuckdb } from '../cold/duck.ts';
import { prefixEnd } from '../keys/buffer.ts';
import { metaKey } from '../keys/keyspace.ts';
import { manifestOf, removeTruncated } from '../tiered/cleaning.ts';
import { dropTable } from '../tiered/drop-table.ts';
import { estimateRows, rowsMeasured } from '../tiered/estimates.ts';
import { tableStats, tableUsers } from '../tiered/figures.ts';
import type { Flushing } from '../tiered/flush-host.ts';
import { flushTable } from '../tiered/flush.ts';
import { compactTable } from '../tiered/compaction/compact.ts';
import { needsCompaction } from '../tiered/compaction/need.ts';
import { filesIn, forgetUser, userLeftovers } from '../tiered/forget-user.ts';
import { moveFiles } from '../tiered/move-files.ts';
import { removeMoved } from '../tiered/remove-moved.ts';
import { countHotRows } from '../tiered/hot-counts.ts';
import { scanHotRows } from '../tiered/hot-scan.ts';
import { coldScan } from '../tiered/scan.ts';
import { evictExpired, hasExpired } from '../tiered/evict.ts';
import { removeDeleted } from '../tiered/retention.ts';
import { removeStaleEntries } from '../tiered/stale-entries.ts';
import { hasTraces } from '../tiered/traces.ts';
import { buildIndex } from '../txn/build-index.ts';
import { latestView } from '../txn/reader.ts';
import { rewriteTable } from '../txn/rewrite-table.ts';
import type { InternalTransaction } from '../txn/transaction.ts';
import { beginTransaction } from '../txn/transaction.ts';
import type { Locations, Storage, StorageTransaction } from '../types.ts';
import type { EngineParts } from './engine.ts';
import type { FolderLock } from './folder-lock.ts';

/** The storage as its callers see it, over an opened engine. */
export function makeStorage(
  parts: EngineParts,
  coldRoot: string,
  duckdb: FilesDuckdb,
  flushing: Flushing,
  lock: FolderLock | undefined,
  locations: Locations,
  compaction: { readonly duckdb: FilesDuckdb; readonly memoryBytes: number },
): Storage & { resume(cleaning: readonly number[], moving: readonly number[]): void } {
  const { engine, sequences } = parts;
  const { store, sequencer } = engine;
  const { inTurn } = engine;
  const clean = (tableId: number): Promise<void> =>
    inTurn(tableId, () => removeTruncated(engine, tableId));
  const internal = (transaction: StorageTransaction): InternalTransaction =>
    transaction as InternalTransaction;

  parts.onCommitted((transaction) => {
    for (const overlay of transaction.overlays.values())
      if (overlay.truncatedAll || overlay.truncatedScopes.size > 0)
        engine.background(clean(overlay.table.tableId));
  });

  return {
    locks: engine.locks,
    locations,
    begin: (options) => beginTransaction(engine, options),
    async meta(prefix, options) {
      const from = metaKey(prefix);
      const out: [string, Uint8Array][] = [];
      const cursor = store.scan({ from, to: prefixEnd(from), ...options });
      try {
        for (;;) {
          const entries = await cursor.next(1000);
          if (entries.length === 0) return out;
          for (const [key, value] of entries) out.push([key.toString('utf8', 1), value]);
        }
      } finally {
        await cursor.close();
      }
    },
    async overwriteMeta(prefix, write) {
      const from = metaKey(prefix);
      const to = prefixEnd(from);
      await write();
      await store.compactRange(from, to);
    },
    async *scanHot(transaction, table, options) {
      const inner = internal(transaction);
      const context = await inner.readContext();
      inner.state.reads?.scan(engine.runtime(table), options.scope, options.predicates ?? []);
      yield* scanHotRows(context, engine.runtime(table), options);
    },
    buildIndex: (transaction, table, index) =>
      buildIndex(internal(transaction), engine.runtime(table), index),
    rewriteTable: (transaction, from, to, options) =>
      rewriteTable(internal(transaction), engine.runtime(from), engine.runtime(to), options),
    vacuum: (table) =>
      inTurn(table.tableId, async () => {
        const { tableId } = table;
        await removeTruncated(engine, tableId);
        const state = engine.tableState(tableId);
        // Mostly the one of the last flush does it; what a crash or a failure left is looked for.
        await state.removing;
        if (latestView(engine).tableRecord(state).moving) await removeMoved(engine, tableId);
        await removeStaleEntries(engine, engine.runtime(table));
      }),
    async coldScan(transaction, table, options) {
      const inner = internal(transaction);
      inner.state.reads?.scan(engine.runtime(table), options.scope, options.predicates ?? []);
      return await coldScan(await inner.readContext(), engine.runtime(table), options);
    },
    countHotRows: (table, users) => countHotRows(engine, engine.runtime(table), users),
    flush: (table, options) =>
      inTurn(table.tableId, async () => {
        // A truncate's leftovers go first: an index entry without a row must mean one thing.
        await removeTruncated(engine, table.tableId);
        return await flushTable(engine, engine.runtime(table), flushing, options);
      }),
    hasTraces: (transaction, { tableId }) =>
      hasTraces(engine, internal(transaction).state, tableId),
    dropTable: (table, { onProgress } = {}) =>
      inTurn(table.tableId, () => dropTable(engine, table, onProgress)),
    moveFiles: (table, options = {}) =>
      inTurn(table.tableId, () => moveFiles(engine, table, options)),
    compact: (table, options = {}) =>
      inTurn(table.tableId, async () => {
        await removeTruncated(engine, table.tableId);
        const { duckdb: merging, memoryBytes } = compaction;
        const compactor = { engine, duckdb: () => merging.open(), memoryBytes };
        return await compactTable(compactor, engine.runtime(table), options);
      }),
    needsCompaction: (table) =>
      needsCompaction(engine, engine.runtime(table), compaction.memoryBytes),
    mayNeedVacuum: ({ tableId }) => engine.tableState(tableId).special,
    removeDeleted: (table, options) => removeDeleted(engine, engine.runtime(table), options),
    hasExpired: (table) => hasExpired(engine, engine.runtime(table)),
    pinFiles: () => engine.files.pin(),
    evictExpired: (table, options) => evictExpired(engine, engine.runtime(table), options),
    metrics: async () => ({
      lastSeq: sequencer.counters.seq,
      groups: { ...sequencer.groups },
      hotMemoryBytes: store.memoryBytes?.(),
      duckdbMemoryBytes: await duckdb.memoryBytes(),
    }),
    stats: (table, options) => tableStats(engine, engine.runtime(table), options),
    estimateRows: (table, scope) => estimateRows(engine, engine.runtime(table), scope),
    rowsMeasured: (table, scope) => rowsMeasured(engine, engine.runtime(table), scope),
    files: (tableId) => manifestOf(engine, tableId),
    filePath: (file) => engine.cold.path(file),
    users: (table) => tableUsers(engine, engine.runtime(table)),
    sequences,
    onCommit(listener) {
      engine.listeners.add(listener);
      return () => engine.listeners.delete(listener);
    },
    persistSequences() {
      // A batch under way may hold the position: then its end has to be waited for.
      if (!sequences.dirty && !sequencer.writing) return undefined;
      return sequencer
        .submit({ sync: true, takesSeq: false, write: () => undefined })
        .then(() => undefined);
    },
    async caughtUp() {
      await sequencer.submit({ sync: false, takesSeq: false, write: () => undefined });
    },
    tableVersion: (tableId) => engine.tableState(tableId).version,
    backup: (options) =>
      backup(
        { engine, sequences, dataDir: dirname(coldRoot), holdFiles: () => engine.files.pin() },
        options,
      ),
    verify: (options) => verifyStorage(engine, duckdb, options),
    forgetUser: async (table, userId) => {
      await inTurn(table.tableId, () => forgetUser(engine, table, userId));
      return await userLeftovers(engine, table, userId);
    },
    filesIn: (folders) => filesIn(engine, folders),
    async idle() {
      await parts.idle();
    },
    onFailure: (listener) => sequencer.onFailure(listener),
    resume(cleaning, moving) {
      for (const tableId of cleaning) engine.background(clean(tableId));
      for (const tableId of moving) engine.background(removeMoved(engine, tableId));
    },
    async close() {
      await parts.settle();
      if (sequencer.failure === undefined) {
        sequences.settle();
        if (sequences.dirty)
          await sequencer.submit({ sync: true, takesSeq: false, write: () => undefined });
      }
      try {
        await sequencer.stop();
      } finally {
        await flushing.close();
        await duckdb.close();
        await compaction.duckdb.close();
        await store.close();
        await lock?.release();
      }
    },
  };
}
