import { assert, notSupported } from '../../base/index.ts';
import { rowModes, written } from '../../locks/index.ts';
import type { Row, Value } from '../../types/value.ts';
import type { Engine } from '../engine.ts';
import { keyText } from '../keys/buffer.ts';
import { Keyspace, inKeyspace } from '../keys/keyspace.ts';
import { indexRows } from '../tiered/index-lookup.ts';
import type { ReadContext } from '../tiered/hot-scan.ts';
import { isCurrentCold, lookupHot, lookupRow, lookupRows } from '../tiered/point-read.ts';
import type { PointContext } from '../tiered/point-read.ts';
import { scanRows } from '../tiered/scan.ts';
import type {
  CommitResult,
  ScanPredicate,
  Snapshot,
  StorageTransaction,
  StoredIndex,
  StoredRow,
  StoredTable,
  TransactionOptions,
  UniqueConflict,
} from '../types.ts';
import { appendRows, closeRuns, settleRuns } from './append-rows.ts';
import { removeBulk, settleSpills, spillIfLarge } from './bulk.ts';
import { commitTransaction, scopeText } from './commit.ts';
import { lockRow, lockRows } from './locking.ts';
import { isNewMax, loadMaxKey } from './max-key.ts';
import { isTruncated } from './overlay.ts';
import type { Epoch } from '../tiered/file-life.ts';
import type { Reader } from './reader.ts';
import { createReader } from './reader.ts';
import { releaseSavepoint, rollbackToSavepoint, setSavepoint } from './savepoint.ts';
import { closeReads, openReads } from './serializable.ts';
import type { ReadSet } from './serializable.ts';
import type { Savepoint, TransactionState } from './state.ts';
import { latestContext, overlayOf, transactionState } from './state.ts';
import { truncateTable } from './truncate.ts';
import { userOfKey } from './visibility.ts';
import {
  deleteRow,
  insertRow,
  insertRowSync,
  newRowKey,
  updateRow,
  updateRowNow,
} from './write.ts';

/** Batches of at least this many rows are worth looking up the largest key for, and a run. */
const bulkRowsMin = 64;
/** Rows between two looks at the overlay's size. */
const spillCheckRows = 512;

/** What other parts of storage need of a transaction beyond its interface. */
export interface InternalTransaction extends StorageTransaction {
  readonly state: TransactionState;
  /** What to read from, once everything spilled is in the store. */
  readContext(): Promise<ReadContext>;
}

export function beginTransaction(
  engine: Engine,
  { owner, isolation = 'read committed' }: TransactionOptions = {},
): InternalTransaction {
  const state = transactionState(
    engine,
    owner ?? engine.locks.owner(engine.locks.backend(0)),
    isolation,
    isolation === 'serializable' ? openReads(engine) : undefined,
  );
  let reader: Reader | undefined;
  let open = true;
  let judged = true;
  /**
   * From the statement's first look on, to the end of the commit: what was read may be judged again by the marks of that time, though
   * its reader is gone.
   */
  let hold: Epoch | undefined;

  const judgedReads = (): ReadSet | undefined => (judged ? state.reads : undefined);
  const check = (): void => assert(open, 'a call to a transaction that has ended');
  /** For what reads or changes rows. */
  const checkRows = (): void => {
    check();
    settleRuns(state);
  };
  const newReader = (): Reader => {
    hold ??= engine.files.enter();
    return createReader(engine);
  };
  const letGo = (): void => {
    if (hold !== undefined) engine.files.leave(hold);
    hold = undefined;
  };
  const currentReader = (): Reader => (reader ??= newReader());
  /** The snapshot of REPEATABLE READ and SERIALIZABLE: taken by the first statement, kept to the end. */
  const oneSnapshot = (): Snapshot => {
    const kept = currentReader();
    kept.hot();
    return { seq: kept.seq, pin: () => true, release: () => undefined };
  };
  const readContext = async (): Promise<ReadContext> => {
    settleRuns(state);
    if (state.spills.length > 0) await settleSpills(state);
    return {
      engine,
      reader: currentReader(),
      ownBulks: state.bulkIds,
      overlay: (tableId) => state.overlays.get(tableId),
    };
  };
  async function* later(
    read: (context: ReadContext) => AsyncIterable<StoredRow[]>,
  ): AsyncGenerator<StoredRow[]> {
    yield* read(await readContext());
  }
  const pointContext = (table: StoredTable): PointContext => ({
    engine,
    view: currentReader(),
    ownBulks: state.bulkIds,
    overlay: state.overlays.get(table.tableId),
  });
  /** No more reads. */
  const end = (): void => {
    open = false;
    if (state.reads !== undefined && reader !== undefined) state.reads.seq = reader.seq;
    reader?.release();
    reader = undefined;
  };
  /** What others may have waited for. */
  const close = (): void => {
    if (state.reads !== undefined) closeReads(engine, state.reads);
    for (const bulkId of state.bulkIds) engine.bulkOwners.delete(bulkId);
    if (owner === undefined) state.owner.releaseAll();
    letGo();
  };
  const ownRow = (table: StoredTable, key: Buffer, userId: string): StoredRow => {
    const found = lookupHot(latestContext(state, table), engine.runtime(table), userId, key);
    assert(found.kind === 'row', 'a row that was just written');
    return found.row;
  };

  return {
    state,
    isolation,
    owner: state.owner,
    async readContext() {
      check();
      return await readContext();
    },
    newStatement() {
      check();
      if (isolation !== 'read committed') return oneSnapshot();
      reader?.release();
      letGo();
      const fresh = newReader();
      reader = fresh;
      return {
        get seq() {
          return fresh.seq;
        },
        pin() {
          fresh.hot();
          return !engine.sequencer.writing;
        },
        release() {
          if (reader === fresh) {
            fresh.release();
            letGo();
            reader = undefined;
          }
        },
      };
    },
    endStatement() {
      if (isolation !== 'read committed') return;
      reader?.release();
      letGo();
      reader = undefined;
    },
    async getByKey(table, key) {
      checkRows();
      if (state.spills.length > 0) await settleSpills(state);
      const full = inKeyspace(Keyspace.rows, table.tableId, key);
      const runtime = engine.runtime(table);
      judgedReads()?.key(table, full);
      const row = await lookupRow(pointContext(table), runtime, userOfKey(table, full), full);
      return row === 'foreign' ? undefined : row;
    },
    getByKeySync(table, key) {
      checkRows();
      if (state.spills.length > 0) return 'unknown';
      const full = inKeyspace(Keyspace.rows, table.tableId, key);
      const runtime = engine.runtime(table);
      judgedReads()?.key(table, full);
      const found = lookupHot(pointContext(table), runtime, userOfKey(table, full), full);
      if (found.kind === 'cold?') return 'unknown';
      return found.kind === 'row' ? found.row : undefined;
    },
    async get(table, userId, key, options) {
      checkRows();
      if (state.spills.length > 0) await settleSpills(state);
      const runtime = engine.runtime(table);
      const full = runtime.keyOfValues(userId, key);
      judgedReads()?.key(table, full);
      const row = await lookupRow(pointContext(table), runtime, userId, full, options?.stats);
      return row === 'foreign' || row?.deleted === true ? undefined : row;
    },
    async getMany(table, userId, keys) {
      checkRows();
      if (state.spills.length > 0) await settleSpills(state);
      const runtime = engine.runtime(table);
      const full = keys.map((key) => runtime.keyOfValues(userId, key));
      for (const key of full) judgedReads()?.key(table, key);
      const rows = await lookupRows(pointContext(table), runtime, userId, full);
      return rows.map((row) => (row === 'foreign' || row?.deleted === true ? undefined : row));
    },
    getSync(table, userId, key) {
      checkRows();
      if (state.spills.length > 0) return 'unknown';
      const runtime = engine.runtime(table);
      const full = runtime.keyOfValues(userId, key);
      judgedReads()?.key(table, full);
      const found = lookupHot(pointContext(table), runtime, userId, full);
      switch (found.kind) {
        case 'row':
          return found.row.deleted ? undefined : found.row;
        case 'cold?':
          return 'unknown';
        case 'absent':
        case 'foreign':
          return undefined;
      }
    },
    scan(table, options) {
      check();
      judgedReads()?.scan(engine.runtime(table), options.scope, options.predicates ?? []);
      return later((context) => scanRows(context, engine.runtime(table), options));
    },
    indexLookup(table, index, userId, values, options = {}) {
      check();
      judgedReads()?.scan(
        engine.runtime(table),
        { kind: 'one', userId },
        equalities(index, values),
      );
      return later((context) =>
        indexRows(context, engine.runtime(table), index, userId, values, options),
      );
    },
    async insert(table, userId, values, first) {
      checkRows();
      const runtime = engine.runtime(table);
      const key = newRowKey(state, runtime, userId, values);
      const conflict = await insertRow(state, runtime, userId, values, key, first);
      if (conflict !== undefined) return { conflict };
      const row = ownRow(table, key, userId);
      await spillIfLarge(state);
      return { row };
    },
    async update(table, old, values) {
      checkRows();
      refuseStream(table, 'UPDATE');
      const updated = await updateRow(state, engine.runtime(table), old, values);
      if ('conflict' in updated) return updated;
      return { row: ownRow(table, updated.key, old.userId) };
    },
    updateNow(table, old, values) {
      if (state.spills.length > 0 || table.kind === 'stream') return false;
      checkRows();
      return updateRowNow(state, engine.runtime(table), old, values);
    },
    async delete(table, old, mode) {
      checkRows();
      refuseStream(table, 'DELETE');
      await deleteRow(state, engine.runtime(table), old, mode);
    },
    async lockRow(table, key, mode, wait) {
      checkRows();
      const full = inKeyspace(Keyspace.rows, table.tableId, key);
      judgedReads()?.key(table, full);
      return await lockRow(state, engine.runtime(table), full, mode, wait);
    },
    lockRowSync(table, key, mode, read) {
      checkRows();
      const full = inKeyspace(Keyspace.rows, table.tableId, key);
      judgedReads()?.key(table, full);
      const mark = state.owner.mark();
      if (!engine.locks.tryAcquire(state.owner, 'row', keyText(full), rowModes[mode]))
        return 'unknown';
      const context = latestContext(state, table);
      const userId = userOfKey(table, full);
      const runtime = engine.runtime(table);
      const found = lookupHot(context, runtime, userId, full);
      if (found.kind === 'row') return found.row;
      if (found.kind === 'cold?' && read !== undefined) {
        // Cold already when it was read: whoever has changed it since has left a mark.
        const limits = currentReader().limits(engine.tableState(table.tableId), userId);
        const tier = read.seq > 0 && read.seq <= limits.watermark ? 'cold' : 'hot';
        const row = { ...read, key, userId, deleted: false, tier } as const;
        if (isCurrentCold(context, runtime, userId, full, row)) return row;
      }
      state.owner.releaseTo(mark);
      return 'unknown';
    },
    async lockRows(table, read, mode) {
      checkRows();
      for (const { key } of read)
        judgedReads()?.key(table, inKeyspace(Keyspace.rows, table.tableId, key));
      return await lockRows(state, engine.runtime(table), read, mode);
    },
    lockKeySync(table, userId, key, mode) {
      checkRows();
      if (state.spills.length > 0) return 'unknown';
      const runtime = engine.runtime(table);
      const full = runtime.keyOfValues(userId, key);
      const { owner: holder } = state;
      const mark = holder.mark();
      if (!engine.locks.tryAcquire(holder, 'row', keyText(full), rowModes[mode])) return 'unknown';
      const found = lookupHot(latestContext(state, table), runtime, userId, full);
      if (found.kind === 'row' && !found.row.deleted) return found.row;
      holder.releaseTo(mark);
      return found.kind === 'cold?' || found.kind === 'foreign' ? 'unknown' : undefined;
    },
    sees: (row) => isolation === 'read committed' || row.seq <= currentReader().seq,
    unlockRow(table, key, mode) {
      check();
      const text = keyText(inKeyspace(Keyspace.rows, table.tableId, key));
      if ((engine.locks.held(state.owner, 'row', text) & written) === 0)
        engine.locks.release(state.owner, 'row', text, rowModes[mode]);
    },
    unjudged(work) {
      if (!judged || state.reads === undefined) return work();
      judged = false;
      const restore = (): void => {
        judged = true;
      };
      try {
        const result = work();
        if (result instanceof Promise) return result.finally(restore) as typeof result;
        restore();
        return result;
      } catch (error) {
        restore();
        throw error;
      }
    },
    async newest(read) {
      check();
      const own = currentReader();
      const fresh = createReader(engine);
      reader = fresh;
      if (isolation === 'read committed') {
        own.release();
        return await read();
      }
      // The one snapshot may not have been taken yet.
      own.hot();
      try {
        return await read();
      } finally {
        fresh.release();
        reader = own;
      }
    },
    savepoint() {
      check();
      return setSavepoint(state);
    },
    releaseSavepoint(savepoint) {
      check();
      releaseSavepoint(state, savepoint as Savepoint);
    },
    async rollbackTo(savepoint) {
      check();
      await rollbackToSavepoint(state, savepoint as Savepoint);
    },
    async truncate(table, scope) {
      checkRows();
      await settleSpills(state);
      await truncateTable(state, engine.runtime(table), scope);
    },
    putMeta(key, value) {
      check();
      const meta = (state.meta ??= new Map());
      const before = meta.get(key);
      state.undo?.push({ kind: 'meta', meta, name: key, had: meta.has(key), before });
      meta.set(key, value);
    },
    insertNow(table, userId, values) {
      check();
      return insertNow(state, table, userId, values);
    },
    async insertMany(table, userId, rows) {
      check();
      return await insertMany(state, table, userId, rows);
    },
    get ended() {
      return !open;
    },
    get hasWrites() {
      return hasWrites(state);
    },
    async commit({ sync }): Promise<CommitResult> {
      check();
      const wrote = hasWrites(state);
      end();
      if (!wrote) {
        close();
        if (engine.sequencesDirty())
          await engine.sequencer.submit({ sync, takesSeq: false, write: () => undefined });
        return { seq: engine.sequencer.appliedSeq };
      }
      try {
        await settleSpills(state);
        const seq = await commitTransaction(state, sync);
        engine.committed(state);
        return { seq };
      } catch (error) {
        await abandon(state);
        throw error;
      } finally {
        closeRuns(state);
        close();
      }
    },
    async rollback() {
      check();
      end();
      try {
        await abandon(state);
      } finally {
        close();
      }
    },
    release() {
      check();
      assert(!hasWrites(state), 'a transaction that has written is committed or rolled back');
      end();
      close();
    },
  };
}

/** What an index look-up reads. NULLs narrow nothing. */
function equalities(index: StoredIndex, values: readonly Value[]): ScanPredicate[] {
  return values.flatMap((value, i) =>
    value === null ? [] : [{ columnId: index.columns[i]!, op: '=' as const, values: [value] }],
  );
}

function hasWrites(state: TransactionState): boolean {
  if (state.runs.length > 0) return true;
  if (state.bulkIds.length > 0 || state.spills.length > 0 || state.meta !== undefined) return true;
  for (const overlay of state.overlays.values()) {
    if (overlay.rows.size > 0 || overlay.index.size > 0) return true;
    if (overlay.truncatedAll || overlay.truncatedScopes.size > 0) return true;
  }
  return false;
}

/** Drops the overlay; what had been spilled is removed from the hot store. */
async function abandon(state: TransactionState): Promise<void> {
  await Promise.allSettled(state.spills.splice(0));
  closeRuns(state);
  state.overlays.clear();
  if (state.engine.sequencer.failure !== undefined) return;
  for (const bulkId of state.bulkIds) await removeBulk(state.engine, bulkId);
}

function insertNow(
  state: TransactionState,
  table: StoredTable,
  userId: string,
  values: Row,
): boolean {
  if (state.spills.length > 0 || state.runs.length > 0) return false;
  const { engine } = state;
  const runtime = engine.runtime(table);
  const overlay = overlayOf(state, table);
  const scope = scopeText(userId);
  const rising = !runtime.hiddenKey && !isTruncated(overlay, userId);
  const key = newRowKey(state, runtime, userId, values);
  const ownMax = overlay.maxKeys.get(scope);
  const fresh = rising && isNewMax(engine, table.tableId, scope, key, ownMax);
  const context = latestContext(state, table);
  const now = engine.clock.now();
  if (insertRowSync(state, context, runtime, userId, values, key, fresh, now) === undefined)
    return false;
  if (rising && (ownMax === undefined || key.compare(ownMax) > 0)) overlay.maxKeys.set(scope, key);
  return true;
}

async function insertMany(
  state: TransactionState,
  table: StoredTable,
  userId: string,
  rows: readonly Row[],
): Promise<{ conflict: UniqueConflict; at: number } | undefined> {
  const { engine } = state;
  const runtime = engine.runtime(table);
  const overlay = overlayOf(state, table);
  const scope = scopeText(userId);
  const rising = !runtime.hiddenKey && !isTruncated(overlay, userId);
  if (rising && rows.length >= bulkRowsMin) await loadMaxKey(engine, runtime, userId);
  const now = engine.clock.now();
  let from = 0;
  if (rows.length >= bulkRowsMin) {
    while (from < rows.length) {
      const next = appendRows(state, runtime, userId, rows, from, now);
      if (next === from) break;
      from = next;
      await spillIfLarge(state);
    }
    if (from === rows.length) return undefined;
  }
  settleRuns(state);
  const context = latestContext(state, table);
  for (let i = from; i < rows.length; i++) {
    const values = rows[i]!;
    const key = newRowKey(state, runtime, userId, values);
    const ownMax = overlay.maxKeys.get(scope);
    const fresh = rising && isNewMax(engine, table.tableId, scope, key, ownMax);
    if (insertRowSync(state, context, runtime, userId, values, key, fresh, now) === undefined) {
      const conflict = await insertRow(state, runtime, userId, values, key);
      if (conflict !== undefined) return { conflict, at: i };
    }
    if (rising && (ownMax === undefined || key.compare(ownMax) > 0))
      overlay.maxKeys.set(scope, key);
    if (i % spillCheckRows === spillCheckRows - 1) await spillIfLarge(state);
  }
  await spillIfLarge(state);
  return undefined;
}

function refuseStream(table: StoredTable, what: string): void {
  if (table.kind === 'stream') throw notSupported(`${what} on a stream table`);
}
