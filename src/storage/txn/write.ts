import type { Row, Value } from '../../types/value.ts';
import { keyText } from '../keys/buffer.ts';
import { Keyspace, inKeyspace } from '../keys/keyspace.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { isExpired } from '../tiered/expiry.ts';
import { lookupHot, lookupRow } from '../tiered/point-read.ts';
import type { PointContext } from '../tiered/point-read.ts';
import { TupleFlag, tupleUpdated } from '../tuple/header.ts';
import type { StoredIndex, StoredRow, StoredTable, UniqueConflict } from '../types.ts';
import { rowModes, written } from '../../locks/index.ts';
import { concurrentUpdate } from './errors.ts';
import type { Look } from './locking.ts';
import { claimKey, claimMask, foreignOwner, lookForRow, runOwner } from './locking.ts';
import type { OverlayRow, TableOverlay } from './overlay.ts';
import { isTruncated, putOverlayIndex, putOverlayRow, rowTail } from './overlay.ts';
import type { TransactionState } from './state.ts';
import { latestContext, overlayOf } from './state.ts';
import { isDeleted, ownSeq } from './visibility.ts';

/** A version of a row with what its index entries come from. */
interface Version {
  readonly values: Row;
  readonly tail: Buffer;
  readonly deleted: boolean;
}

/** What the unique indexes say of a row: a conflict, or entries that lead nowhere and are written over. */
type Check = { readonly conflict: UniqueConflict } | { readonly stale: Map<string, Buffer> };

/**
 * The committed version that an overlay row replaces. A row that this transaction has spilled counts as one with seq ownSeq.
 */
function baseOf(row: StoredRow | undefined): number {
  if (row === undefined) return 0;
  return row.seq === 0 ? ownSeq : row.seq;
}

/** A full row key for a row that is being inserted. */
export function newRowKey(
  state: TransactionState,
  runtime: TableRuntime,
  userId: string,
  values: Row,
): Buffer {
  if (!runtime.hiddenKey) return runtime.keyOfRow(userId, values);
  const { counters, clock } = state.engine;
  return runtime.keyOfRowId(userId, clock.now(), ++counters.rowId);
}

/** Inserts, or tells the first unique key that is taken by a live row. Undefined: inserted. */
export async function insertRow(
  state: TransactionState,
  runtime: TableRuntime,
  userId: string,
  values: Row,
  key: Buffer,
  first: readonly StoredIndex[] = [],
): Promise<UniqueConflict | undefined> {
  const mark = state.owner.mark();
  if (first.length > 0) {
    const conflict = await claimFirst(state, runtime, userId, values, key, first);
    if (conflict !== undefined) {
      state.owner.releaseTo(mark);
      return conflict;
    }
  }
  let replaced: StoredRow | undefined;
  if (!runtime.hiddenKey) {
    const found = await claimKey(state, keyText(key), () =>
      lookForRow(state, runtime, userId, key),
    );
    if (found.kind === 'taken') {
      state.owner.releaseTo(mark);
      return { index: null, existing: found.row };
    }
    replaced = found.value;
  }
  const check = await claimIndexes(state, runtime, userId, values, key, undefined);
  if ('conflict' in check) {
    state.owner.releaseTo(mark);
    return check.conflict;
  }
  putVersion(state, runtime, userId, key, values, false, replaced, check.stale);
  return undefined;
}

/**
 * The same within the tick, for tables whose key and indexes the hot store alone can answer for; undefined: use insertRow.
 * `fresh`: the key is known to be taken by nobody.
 */
export function insertRowSync(
  state: TransactionState,
  context: PointContext,
  runtime: TableRuntime,
  userId: string,
  values: Row,
  key: Buffer,
  fresh: boolean,
  now: bigint,
): 'done' | undefined {
  const overlay = overlayOf(state, runtime.table);
  const text = keyText(key);
  const { owner } = state;
  const mark = owner.mark();
  if (!claimNow(state, context, runtime, userId, values, key, text, fresh)) {
    owner.releaseTo(mark);
    return undefined;
  }
  const tail = rowTail(key);
  const { indexes } = runtime.table;
  const { counters } = state.engine;
  putOverlayRow(overlay, text, {
    key,
    tuple: runtime.codec.encode(values, 0, now),
    baseSeq: 0,
    seenSeq: counters.seq,
    keyValues: null,
    locked: true,
  });
  for (const index of indexes) {
    const entry = runtime.indexEntry(index, userId, values, tail, false);
    putOverlayIndex(overlay, { ...entry, tail, base: null, seenSeq: counters.seq });
  }
  return 'done';
}

/** Takes a new row's keys when that needs neither a wait nor the cold tier. */
function claimNow(
  state: TransactionState,
  context: PointContext,
  runtime: TableRuntime,
  userId: string,
  values: Row,
  key: Buffer,
  text: string,
  fresh: boolean,
): boolean {
  const { owner, engine } = state;
  const overlay = overlayOf(state, runtime.table);
  if (!runtime.hiddenKey) {
    if (!engine.locks.tryAcquire(owner, 'row', text, claimMask)) return false;
    if (runOwner(state, runtime.table, key) !== undefined) return false;
    if (!fresh) {
      // A row that this transaction has deleted keeps its committed base, which the general way looks after.
      if (overlay.rows.has(text)) return false;
      if (lookupHot(context, runtime, userId, key).kind !== 'absent') return false;
    }
  }
  for (const index of runtime.table.indexes) {
    if (!index.unique) continue;
    const entry = runtime.indexEntry(index, userId, values, rowTail(key), false);
    if (!entry.unique) continue;
    const name = keyText(entry.key);
    if (!engine.locks.tryAcquire(owner, 'row', name, claimMask)) return false;
    const own = overlay.index.get(name);
    if (own !== undefined ? own.tail !== null : context.view.get(entry.key) !== undefined)
      return false;
  }
  return true;
}

/**
 * Marks the row as written by this transaction, which has locked it unless the caller is sure of the version some other way.
 * @throws 40001 when it was not locked and `old` is not the current version
 */
async function lockWritten(
  state: TransactionState,
  runtime: TableRuntime,
  old: StoredRow,
  key: Buffer,
): Promise<void> {
  const { owner, engine } = state;
  const text = keyText(key);
  const writing = rowModes.noKeyUpdate | rowModes.update;
  const locked = (engine.locks.held(owner, 'row', text) & writing) !== 0;
  await engine.locks.acquire(owner, 'row', text, rowModes.noKeyUpdate | written);
  if (locked) return;
  const { table } = runtime;
  const now = await lookupRow(latestContext(state, table), runtime, old.userId, key);
  if (now === undefined || now === 'foreign' || now.seq !== old.seq) throw concurrentUpdate(table);
}

/** A new version of `old`; the primary key may change. */
export async function updateRow(
  state: TransactionState,
  runtime: TableRuntime,
  old: StoredRow,
  values: Row,
): Promise<{ conflict: UniqueConflict } | { key: Buffer }> {
  const { table } = runtime;
  const { userId } = old;
  const oldKey = fullKey(table, old);
  const key = runtime.hiddenKey ? oldKey : runtime.keyOfRow(userId, values);
  await lockWritten(state, runtime, old, oldKey);
  const current = currentVersion(state, runtime, oldKey, old);
  if (key.equals(oldKey)) {
    if (!old.deleted) {
      const check = await claimIndexes(state, runtime, userId, values, key, current);
      if ('conflict' in check) return check;
      putVersion(state, runtime, userId, key, values, false, current, check.stale);
    } else putVersion(state, runtime, userId, key, values, true, current, noStale);
    return { key };
  }
  await state.engine.locks.acquire(state.owner, 'row', keyText(oldKey), claimMask);
  const found = await claimKey(state, keyText(key), () => lookForRow(state, runtime, userId, key));
  if (found.kind === 'taken') return { conflict: { index: null, existing: found.row } };
  const check = old.deleted
    ? { stale: noStale }
    : await claimIndexes(state, runtime, userId, values, key, current, rowTail(oldKey));
  if ('conflict' in check) return check;
  removeVersion(state, runtime, oldKey, current, key);
  putVersion(state, runtime, userId, key, values, old.deleted, found.value, check.stale);
  return { key };
}

/** The same within the tick, for a locked row whose key and unique entries do not change; false: use updateRow. */
export function updateRowNow(
  state: TransactionState,
  runtime: TableRuntime,
  old: StoredRow,
  values: Row,
): boolean {
  const { table, hiddenKey, keyPositions } = runtime;
  if (old.deleted) return false;
  const { owner, engine } = state;
  const changed = (position: number): boolean => !Object.is(old.values[position], values[position]);
  if (!hiddenKey && keyPositions.some(changed)) return false;
  for (const index of table.indexes) {
    if (index.unique && runtime.indexPositions(index).some(changed)) return false;
  }
  const key = fullKey(table, old);
  const text = keyText(key);
  const writing = rowModes.noKeyUpdate | rowModes.update;
  if ((engine.locks.held(owner, 'row', text) & writing) === 0) return false;
  if (!engine.locks.tryAcquire(owner, 'row', text, rowModes.noKeyUpdate | written)) return false;
  const current = currentVersion(state, runtime, key, old);
  putVersion(state, runtime, old.userId, key, values, false, current, noStale);
  return true;
}

export async function deleteRow(
  state: TransactionState,
  runtime: TableRuntime,
  old: StoredRow,
  mode: 'soft' | 'hard',
): Promise<void> {
  const key = fullKey(runtime.table, old);
  await lockWritten(state, runtime, old, key);
  await state.engine.locks.acquire(state.owner, 'row', keyText(key), claimMask);
  const current = currentVersion(state, runtime, key, old);
  await claimOldEntries(state, runtime, current, key);
  if (mode === 'hard') removeVersion(state, runtime, key, current);
  else putVersion(state, runtime, old.userId, key, current.values, true, current, noStale);
}

const noStale: Map<string, Buffer> = new Map();

export function fullKey(table: StoredTable, row: StoredRow): Buffer {
  return inKeyspace(Keyspace.rows, table.tableId, row.key);
}

/** `old`, or the version of the same row that this transaction has written since. */
function currentVersion(
  state: TransactionState,
  runtime: TableRuntime,
  key: Buffer,
  old: StoredRow,
): StoredRow {
  const own = state.overlays.get(runtime.table.tableId)?.rows.get(keyText(key));
  if (own === undefined || own.tuple === null) return old;
  return {
    ...old,
    values: runtime.codec.decode(own.tuple),
    deleted: isDeleted(own.tuple),
    updated: tupleUpdated(own.tuple),
    tier: 'overlay',
  };
}

function versionOf(row: StoredRow, key: Buffer): Version {
  return { values: row.values, tail: rowTail(key), deleted: row.deleted };
}

function putVersion(
  state: TransactionState,
  runtime: TableRuntime,
  userId: string,
  key: Buffer,
  values: Row,
  deleted: boolean,
  replaced: StoredRow | undefined,
  stale: ReadonlyMap<string, Buffer>,
): void {
  const overlay = overlayOf(state, runtime.table);
  const { clock, counters } = state.engine;
  const tuple = runtime.codec.encode(values, deleted ? TupleFlag.deleted : 0, clock.now());
  putRow(overlay, key, tuple, replaced, counters.seq, null);
  reindex(
    state,
    overlay,
    runtime,
    userId,
    replaced === undefined ? undefined : versionOf(replaced, key),
    { values, tail: rowTail(key), deleted },
    stale,
  );
}

function removeVersion(
  state: TransactionState,
  runtime: TableRuntime,
  key: Buffer,
  old: StoredRow,
  movedTo?: Buffer,
): void {
  const overlay = overlayOf(state, runtime.table);
  const keyValues = keyValuesOf(runtime, key, old.values);
  putRow(overlay, key, null, old, state.engine.counters.seq, keyValues, movedTo);
  reindex(state, overlay, runtime, old.userId, versionOf(old, key), undefined, noStale);
}

/** The primary key's values, or the hidden row id: what a mark tells the columnar executor. */
export function keyValuesOf(runtime: TableRuntime, key: Buffer, values: Row): Value[] {
  if (runtime.hiddenKey) return [key.readBigUInt64BE(key.length - 8)];
  return runtime.keyPositions.map((position) => values[position]!);
}

function putRow(
  overlay: TableOverlay,
  key: Buffer,
  tuple: Buffer | null,
  replaced: StoredRow | undefined,
  seenSeq: number,
  keyValues: Value[] | null,
  movedTo?: Buffer,
): void {
  const text = keyText(key);
  const own: OverlayRow | undefined = overlay.rows.get(text);
  // A row read before this transaction changed it goes on from the same committed base.
  const base = own ?? { baseSeq: baseOf(replaced), seenSeq };
  putOverlayRow(overlay, text, {
    key,
    tuple,
    baseSeq: base.baseSeq,
    seenSeq: base.seenSeq,
    keyValues,
    locked: true,
    ...(movedTo === undefined ? {} : { movedTo }),
  });
}

function reindex(
  state: TransactionState,
  overlay: TableOverlay,
  runtime: TableRuntime,
  userId: string,
  before: Version | undefined,
  after: Version | undefined,
  stale: ReadonlyMap<string, Buffer>,
): void {
  const seenSeq = state.engine.counters.seq;
  for (const index of runtime.table.indexes) {
    const entryOf = (version: Version | undefined) =>
      version === undefined
        ? undefined
        : runtime.indexEntry(index, userId, version.values, version.tail, version.deleted);
    const old = entryOf(before);
    const fresh = entryOf(after);
    const same = old !== undefined && fresh !== undefined && old.key.equals(fresh.key);
    if (same && before!.tail.equals(after!.tail)) continue;
    if (old !== undefined && !same)
      putOverlayIndex(overlay, { ...old, tail: null, base: before!.tail, seenSeq });
    if (fresh !== undefined)
      putOverlayIndex(overlay, {
        ...fresh,
        tail: after!.tail,
        base: same ? before!.tail : (stale.get(keyText(fresh.key)) ?? null),
        seenSeq,
      });
  }
}

/**
 * Takes the unique keys of a row at `key`, which replaces `before` (its entry is no conflict, nor is one at `movedFrom`). Keys
 * that the new version gives back are locked too: who wants them waits for what becomes of this transaction.
 */
async function claimIndexes(
  state: TransactionState,
  runtime: TableRuntime,
  userId: string,
  values: Row,
  key: Buffer,
  before: StoredRow | undefined,
  movedFrom?: Buffer,
): Promise<Check> {
  let stale = noStale;
  const { table } = runtime;
  const tail = rowTail(key);
  const beforeTail = movedFrom ?? tail;
  for (const index of table.indexes) {
    if (!index.unique) continue;
    const entry = runtime.indexEntry(index, userId, values, tail, false);
    const text = keyText(entry.key);
    const old =
      before === undefined || before.deleted
        ? undefined
        : runtime.indexEntry(index, userId, before.values, beforeTail, false);
    const same = old !== undefined && old.key.equals(entry.key);
    if (old?.unique === true && (!same || movedFrom !== undefined))
      await state.engine.locks.acquire(state.owner, 'row', keyText(old.key), claimMask);
    if (same || !entry.unique) continue;
    const found = await claimKey(state, text, () =>
      lookForEntry(state, runtime, index, userId, entry.key, text, [tail, beforeTail]),
    );
    if (found.kind === 'taken') return { conflict: { index, existing: found.row } };
    if (found.value === undefined) continue;
    // Left over by a truncate or an unfinished bulk transaction; the new entry takes its place.
    if (stale === noStale) stale = new Map();
    stale.set(text, found.value);
  }
  return { stale };
}

/** Takes some of the unique keys of a new row before it is known whether its primary key is free. */
async function claimFirst(
  state: TransactionState,
  runtime: TableRuntime,
  userId: string,
  values: Row,
  key: Buffer,
  indexes: readonly StoredIndex[],
): Promise<UniqueConflict | undefined> {
  for (const index of indexes) {
    const entry = runtime.indexEntry(index, userId, values, rowTail(key), false);
    if (!entry.unique) continue;
    const text = keyText(entry.key);
    const found = await claimKey(state, text, () =>
      lookForEntry(state, runtime, index, userId, entry.key, text, []),
    );
    if (found.kind === 'taken') return { index, existing: found.row };
  }
  return undefined;
}

/** Locks the unique keys that a row gives back. */
async function claimOldEntries(
  state: TransactionState,
  runtime: TableRuntime,
  old: StoredRow,
  key: Buffer,
): Promise<void> {
  if (old.deleted) return;
  const tail = rowTail(key);
  for (const index of runtime.table.indexes) {
    if (!index.unique) continue;
    const entry = runtime.indexEntry(index, old.userId, old.values, tail, false);
    if (entry.unique)
      await state.engine.locks.acquire(state.owner, 'row', keyText(entry.key), claimMask);
  }
}

/** Free, with the row key tail that a dead entry leads to, if there is one. */
async function lookForEntry(
  state: TransactionState,
  runtime: TableRuntime,
  index: StoredIndex,
  userId: string,
  key: Buffer,
  text: string,
  ownTails: readonly Buffer[],
): Promise<Look<Buffer | undefined>> {
  const { table } = runtime;
  const context = latestContext(state, table);
  const own = context.overlay?.index.get(text);
  if (own === undefined && isTruncated(context.overlay, userId))
    return { kind: 'free', value: undefined };
  const tail = own === undefined ? context.view.get(key) : own.tail;
  if (tail === undefined || tail === null) return { kind: 'free', value: undefined };
  if (ownTails.some((one) => one.equals(tail))) return { kind: 'free', value: undefined };
  const rowKey = Buffer.concat([runtime.scopeRows(userId), tail]);
  const row = await lookupRow(context, runtime, userId, rowKey);
  if (row === 'foreign') return { kind: 'foreign', owner: foreignOwner(state, table, rowKey) };
  const owns =
    row !== undefined &&
    !row.deleted &&
    !isExpired(state.engine, table, row) &&
    runtime.indexEntry(index, userId, row.values, tail, false).key.equals(key);
  return owns ? { kind: 'taken', row } : { kind: 'free', value: tail };
}
