import { assert } from '../../base/index.ts';
import type { Value } from '../../types/value.ts';
import type { Engine, TableState } from '../engine.ts';
import {
  Keyspace,
  bulkKey,
  metaKey,
  scopePrefix,
  tablePrefix,
  tablePrefixBytes,
} from '../keys/keyspace.ts';
import { keyText } from '../keys/buffer.ts';
import { encodeScope } from '../keys/scope.ts';
import { encodeRecord } from '../records.ts';
import type { BulkRecord, ScopeRecord, TableRecord } from '../records.ts';
import { encodeMark } from '../tiered/marks.ts';
import { addToEstimate } from '../tiered/estimates.ts';
import { lookupRow, markKey, markSeq } from '../tiered/point-read.ts';
import { sealTuple } from '../tuple/header.ts';
import type { CommitEvent } from '../types.ts';
import { UniqueConflictError, concurrentUpdate } from './errors.ts';
import type { FreshRun } from './fresh-run.ts';
import { lastKey, overlayOfRun } from './fresh-run.ts';
import type { OverlayIndexEntry, OverlayRow, TableOverlay } from './overlay.ts';
import type { Limits, View } from './reader.ts';
import { latestView, readScopeRecord, readTableRecord } from './reader.ts';
import type { CommitWriter } from './sequencer.ts';
import { forgetOld, recordCommit, validateReads } from './serializable.ts';
import type { TransactionState } from './state.ts';
import { latestContext } from './state.ts';
import { keyValuesOf } from './write.ts';
import {
  checkTuple,
  foreign,
  invisible,
  isDeleted,
  ownSeq,
  userOfKey,
  visibleSeq,
} from './visibility.ts';

/** Thrown inside validation when a unique key has been taken; its owner is looked up afterwards. */
class KeyTaken extends Error {
  readonly overlay: TableOverlay;
  readonly row: OverlayRow | undefined;
  readonly entry: OverlayIndexEntry | undefined;

  constructor(overlay: TableOverlay, taken: { row?: OverlayRow; entry?: OverlayIndexEntry }) {
    super('unique key taken');
    this.overlay = overlay;
    this.row = taken.row;
    this.entry = taken.entry;
  }
}

/** Thrown inside validation when a flush has moved rows since they were checked; the check is done again. */
class Moved extends Error {}

/** Commits what the transaction has written; see StorageTransaction.commit for the errors. */
export async function commitTransaction(state: TransactionState, sync: boolean): Promise<number> {
  for (;;) {
    if (mayHaveMoved(state)) {
      await recheckMoved(state);
      await recheckMovedRuns(state, state.runs);
    }
    try {
      return await submitCommit(state, sync);
    } catch (error) {
      if (error instanceof KeyTaken) throw await conflictError(state, error);
      if (!(error instanceof Moved)) throw error;
    }
  }
}

/** Whether a flush may have taken rows away that the transaction has looked at; only then there is something to wait for. */
function mayHaveMoved(state: TransactionState): boolean {
  if (state.runs.length > 0) return true;
  for (const { table } of state.overlays.values()) {
    if (state.engine.tableState(table.tableId).lastMoved !== 0) return true;
  }
  return false;
}

function submitCommit(state: TransactionState, sync: boolean): Promise<number> {
  const { engine } = state;
  const touched = [...state.overlays.values()].filter(
    (overlay) =>
      overlay.rows.size > 0 ||
      overlay.index.size > 0 ||
      overlay.truncatedAll ||
      overlay.truncatedScopes.size > 0,
  );
  const tableIds = new Set([
    ...touched.map((o) => o.table.tableId),
    ...state.runs.map((run) => run.table.tableId),
    ...(state.spilledTables?.keys() ?? []),
  ]);
  return engine.sequencer.submit({
    sync,
    takesSeq: true,
    validate: () => {
      validate(state, touched);
      validateRuns(state, state.runs);
      if (state.reads !== undefined) validateReads(engine, state.reads);
    },
    write: (writer) => {
      recordCommit(engine, writer.seq, touched, state.runs, [
        ...(state.spilledTables?.keys() ?? []),
      ]);
      for (const overlay of touched) writeOverlay(engine, overlay, writer);
      for (const run of state.runs) {
        writer.putRun(run);
        countRun(engine, run);
      }
      for (const tableId of tableIds) {
        const table = engine.tableState(tableId);
        table.lastCommit = writer.seq;
        table.accepted++;
      }
      for (const [name, value] of state.meta ?? []) {
        if (value === undefined) writer.delete(metaKey(name));
        else writer.put(metaKey(name), Buffer.from(value));
      }
      for (const bulkId of state.bulkIds) writeBulkCommit(state, bulkId, writer);
    },
    written: (seq) => {
      for (const tableId of tableIds) {
        const table = engine.tableState(tableId);
        table.version++;
        table.settled++;
      }
      forgetOld(engine);
      if (engine.listeners.size > 0) announce(state, seq, touched, tableIds);
    },
  });
}

/** Rows of a bulk insert whose keys are told one by one. */
const announcedRunMax = 10_000;

function announce(
  { engine, runs, spilledTables }: TransactionState,
  seq: number,
  overlays: readonly TableOverlay[],
  tableIds: ReadonlySet<number>,
): void {
  const tables = new Map<number, { key: Uint8Array }[]>();
  for (const tableId of tableIds) tables.set(tableId, []);
  const unlisted = new Set(spilledTables?.keys());
  for (const run of runs) if (run.count > announcedRunMax) unlisted.add(run.table.tableId);
  const listed = runs.filter((run) => run.count <= announcedRunMax);
  for (const overlay of [...overlays, ...listed.map(overlayOfRun)]) {
    if (overlay.truncatedAll || overlay.truncatedScopes.size > 0) {
      unlisted.add(overlay.table.tableId);
    }
    const keys = tables.get(overlay.table.tableId)!;
    for (const row of overlay.rows.values()) keys.push({ key: row.key.subarray(tablePrefixBytes) });
  }
  const event: CommitEvent = { seq, tables, unlisted };
  for (const listener of engine.listeners) {
    try {
      listener(event);
    } catch (error) {
      engine.log.error({ err: error }, 'a commit listener failed');
    }
  }
}

/**
 * Rows that were checked before a flush moved rows out of the hot store are checked again, both tiers, so that the
 * validation at the sequencer need only look at the hot store.
 */
export async function recheckMoved(
  state: TransactionState,
  overlays: Iterable<TableOverlay> = state.overlays.values(),
): Promise<void> {
  for (const overlay of overlays) {
    const table = state.engine.tableState(overlay.table.tableId);
    if (table.lastMoved === 0) continue;
    for (const [text, row] of overlay.rows) {
      if (row.baseSeq !== 0 || row.seenSeq >= table.lastMoved || row.tuple === null) continue;
      const seenSeq = state.engine.counters.seq;
      const runtime = state.engine.runtime(overlay.table);
      const context = { ...latestContext(state, overlay.table), overlay: undefined };
      const found = await lookupRow(context, runtime, userOfKey(overlay.table, row.key), row.key);
      if (found === 'foreign') throw concurrentUpdate(overlay.table);
      if (found !== undefined && !found.deleted)
        throw new UniqueConflictError(overlay.table, { index: null, existing: found });
      overlay.rows.set(text, { ...row, seenSeq });
    }
  }
}

/** The same for runs. */
export async function recheckMovedRuns(
  state: TransactionState,
  runs: readonly FreshRun[],
): Promise<void> {
  for (const run of runs) {
    if (run.seenSeq >= state.engine.tableState(run.table.tableId).lastMoved) continue;
    const seenSeq = state.engine.counters.seq;
    await recheckMoved(state, [overlayOfRun(run)]);
    run.seenSeq = seenSeq;
  }
}

export function validateRuns(state: TransactionState, runs: readonly FreshRun[]): void {
  for (const run of runs) {
    const table = state.engine.tableState(run.table.tableId);
    if (Math.max(table.lastCommit, table.lastSpill) > run.seenSeq)
      validate(state, [overlayOfRun(run)]);
  }
}

/** What writeOverlay does for rows beside writing them. */
export function countRun(engine: Engine, run: FreshRun): void {
  engine.movedRows.forgetAll();
  const state = engine.tableState(run.table.tableId);
  if (state.maxKeys.size > 0) raiseMaxKey(state, run.userId, lastKey(run));
  if (state.rowCounts.size > 0) addToEstimate(state, run.userId, run.count);
}

export function validate(state: TransactionState, touched: readonly TableOverlay[]): void {
  const { engine } = state;
  const view = latestView(engine);
  for (const [tableId, seq] of state.unchangedSince ?? []) {
    const overlay = state.overlays.get(tableId);
    if (engine.tableState(tableId).lastCommit > seq) throw concurrentUpdate(overlay!.table);
  }
  for (const overlay of touched) {
    const table = engine.tableState(overlay.table.tableId);
    const limitsOf = limitsMemo(view, table);
    const changed = Math.max(table.lastCommit, table.lastSpill);
    for (const row of overlay.rows.values()) {
      if (!row.locked && changed > row.seenSeq)
        validateRow(state, view, table, limitsOf, overlay, row);
    }
    for (const entry of overlay.index.values()) {
      if (!entry.unique || entry.tail === null || table.lastCommit <= entry.seenSeq) continue;
      const found = view.get(entry.key);
      const same = found === undefined ? entry.base === null : entry.base?.equals(found) === true;
      if (!same && found !== undefined && !found.equals(entry.tail))
        throw new KeyTaken(overlay, { entry });
    }
  }
}

function limitsMemo(view: View, table: TableState): (overlay: TableOverlay, key: Buffer) => Limits {
  const memo = new Map<string, Limits>();
  return (overlay, key) => {
    const userId = userOfKey(overlay.table, key);
    let limits = memo.get(userId);
    if (limits === undefined) {
      limits = view.limits(table, userId);
      memo.set(userId, limits);
    }
    return limits;
  };
}

function validateRow(
  state: TransactionState,
  view: View,
  table: TableState,
  limitsOf: (overlay: TableOverlay, key: Buffer) => Limits,
  overlay: TableOverlay,
  row: OverlayRow,
): void {
  const { engine } = state;
  const tuple = view.get(row.key);
  const limits = limitsOf(overlay, row.key);
  let current = invisible;
  if (tuple !== undefined) {
    checkTuple(overlay.table, row.key, tuple);
    current = visibleSeq(engine, tuple, Infinity, limits, state.bulkIds);
  }
  if (current === foreign) throw concurrentUpdate(overlay.table);
  if (current === invisible && row.baseSeq === 0 && table.lastMoved > row.seenSeq)
    throw new Moved();
  if (current === row.baseSeq) return;
  if (row.baseSeq === 0) {
    // Someone inserted the same key since; a soft-deleted row is simply replaced.
    if (row.tuple === null || isDeleted(tuple!)) throw concurrentUpdate(overlay.table);
    throw new KeyTaken(overlay, { row });
  }
  if (current === invisible && row.baseSeq <= limits.watermark) {
    // The base has become cold; it counts unless superseded since.
    const mark = view.get(markKey(engine.runtime(overlay.table), row.key));
    const superseded = mark !== undefined && markSeq(mark) > row.baseSeq;
    if (!superseded && row.baseSeq >= limits.truncatedBefore) return;
  }
  assert(table.tableId === overlay.table.tableId, 'the state of another table');
  throw concurrentUpdate(overlay.table);
}

async function conflictError(state: TransactionState, taken: KeyTaken): Promise<Error> {
  const { table } = taken.overlay;
  const runtime = state.engine.runtime(table);
  const context = { ...latestContext(state, table), overlay: undefined };
  if (taken.row !== undefined) {
    const userId = userOfKey(table, taken.row.key);
    const existing = await lookupRow(context, runtime, userId, taken.row.key);
    if (existing !== undefined && existing !== 'foreign')
      return new UniqueConflictError(table, { index: null, existing });
  } else if (taken.entry !== undefined) {
    const { key } = taken.entry;
    const index = table.indexes.find((candidate) => candidate.indexId === key.readUInt32BE(5));
    const tail = context.view.get(key);
    if (index !== undefined && tail !== undefined) {
      // The entry's scope starts after keyspace, table and index.
      const userId = userOfKey(table, Buffer.concat([key.subarray(0, 5), key.subarray(9)]));
      const rowKey = Buffer.concat([runtime.scopeRows(userId), tail]);
      const existing = await lookupRow(context, runtime, userId, rowKey);
      if (existing !== undefined && existing !== 'foreign')
        return new UniqueConflictError(table, { index, existing });
    }
  }
  return concurrentUpdate(table);
}

function writeOverlay(engine: Engine, overlay: TableOverlay, writer: CommitWriter): void {
  const { table } = overlay;
  const state = engine.tableState(table.tableId);
  const runtime = engine.runtime(table);
  const limitsOf = limitsMemo(latestView(engine), state);
  for (const row of overlay.rows.values()) {
    if (row.tuple === null) {
      writer.delete(row.key);
      if (row.movedTo === undefined) engine.movedRows.forget(row.key);
      else engine.movedRows.note(row.key, row.movedTo);
    } else {
      engine.movedRows.forget(row.key);
      sealTuple(row.tuple, writer.seq, false);
      writer.put(row.key, row.tuple);
    }
    if (row.baseSeq !== 0 && row.baseSeq !== ownSeq) {
      const mayBeCold =
        (row.baseSeq <= state.flushing && isInFlush(state, overlay, row.key)) ||
        (state.special && row.baseSeq <= limitsOf(overlay, row.key).watermark);
      if (mayBeCold) {
        const values: readonly Value[] =
          row.keyValues ?? keyValuesOf(runtime, row.key, runtime.codec.decode(row.tuple!));
        writer.put(markKey(runtime, row.key), encodeMark(table, writer.seq, values));
        state.marks++;
      }
    }
  }
  raiseMaxKeys(state, overlay);
  countRows(state, overlay);
  for (const entry of overlay.index.values()) {
    if (entry.tail === null) writer.delete(entry.key);
    else writer.put(entry.key, entry.tail);
  }
  if (overlay.truncatedAll || overlay.truncatedScopes.size > 0)
    writeTruncation(engine, state, overlay, writer);
}

function isInFlush({ flushingUsers }: TableState, { table }: TableOverlay, key: Buffer): boolean {
  return flushingUsers === undefined || flushingUsers.has(userOfKey(table, key));
}

/** Keeps the cached largest keys right. */
export function raiseMaxKeys(state: TableState, overlay: TableOverlay): void {
  if (state.maxKeys.size === 0) return;
  for (const row of overlay.rows.values()) {
    if (row.tuple !== null) raiseMaxKey(state, userOfKey(overlay.table, row.key), row.key);
  }
}

/** Keeps the estimates of rows right, roughly: soft-deleted rows count until they are gone. */
export function countRows(state: TableState, overlay: TableOverlay): void {
  if (state.rowCounts.size === 0) return;
  if (overlay.truncatedAll || overlay.truncatedScopes.size > 0) state.rowCounts.clear();
  if (overlay.table.kind !== 'user') {
    let rows = 0;
    for (const row of overlay.rows.values()) rows += rowsAdded(row);
    addToEstimate(state, '', rows);
    return;
  }
  for (const row of overlay.rows.values()) {
    const rows = rowsAdded(row);
    if (rows !== 0) addToEstimate(state, userOfKey(overlay.table, row.key), rows);
  }
}

function rowsAdded(row: OverlayRow): number {
  if (row.baseSeq === 0) return row.tuple === null ? 0 : 1;
  return row.tuple === null ? -1 : 0;
}

function raiseMaxKey(state: TableState, userId: string, key: Buffer): void {
  const scope = scopeText(userId);
  const max = state.maxKeys.get(scope);
  if (max !== undefined && key.compare(max) > 0) state.maxKeys.set(scope, key);
}

export function scopeText(userId: string): string {
  return userId === '' ? '' : keyText(encodeScope(userId));
}

function writeTruncation(
  engine: Engine,
  state: TableState,
  overlay: TableOverlay,
  writer: CommitWriter,
): void {
  const { tableId } = overlay.table;
  const get = (key: Buffer): Buffer | undefined => engine.sequencer.latest(key);
  const before = readTableRecord(get, tableId);
  const record: TableRecord = {
    ...before,
    truncated: true,
    cleaning: true,
    truncatedBefore: overlay.truncatedAll ? writer.seq : before.truncatedBefore,
  };
  writer.put(tablePrefix(Keyspace.table, tableId), encodeRecord(record));
  for (const userId of overlay.truncatedScopes) {
    const scope: ScopeRecord = {
      ...readScopeRecord(get, tableId, userId),
      truncatedBefore: writer.seq,
    };
    writer.put(scopePrefix(Keyspace.scope, tableId, userId), encodeRecord(scope));
  }
  state.special = true;
  state.truncations++;
}

function writeBulkCommit(state: TransactionState, bulkId: number, writer: CommitWriter): void {
  const record: BulkRecord = {
    tables: [...(state.spilledTables?.keys() ?? [])],
    indexes: [],
    committed: writer.seq,
  };
  state.engine.bulks.set(bulkId, record);
  writer.put(bulkKey(bulkId), encodeRecord(record));
}
