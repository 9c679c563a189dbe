import type { Row, Value } from '../../types/value.ts';
import { keyText } from '../keys/buffer.ts';
import { Keyspace, inKeyspace } from '../keys/keyspace.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { lookupHot, lookupRow } from '../tiered/point-read.ts';
import type { PointContext } from '../tiered/point-read.ts';
import { TupleFlag, tupleUpdated } from '../tuple/header.ts';
import type { StoredRow, StoredTable, UniqueConflict } from '../types.ts';
import { concurrentUpdate } from './errors.ts';
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

/** Why a write may not happen yet: a conflict, or a question for the cold tier. */
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
): Promise<UniqueConflict | undefined> {
  const { table } = runtime;
  let replaced: StoredRow | undefined;
  if (!runtime.hiddenKey) {
    const found = await lookupRow(latestContext(state, table), runtime, userId, key);
    if (found === 'foreign') throw concurrentUpdate(table);
    if (found !== undefined && !found.deleted) return { index: null, existing: found };
    replaced = found;
  }
  const check = await checkIndexes(state, runtime, userId, values, key, undefined);
  if ('conflict' in check) return check.conflict;
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
  if (!fresh && !runtime.hiddenKey) {
    // A row that this transaction has deleted keeps its committed base, which the general way looks after.
    if (overlay.rows.has(text)) return undefined;
    if (lookupHot(context, runtime, userId, key).kind !== 'absent') return undefined;
  }
  const tail = rowTail(key);
  const { indexes } = runtime.table;
  for (const index of indexes) {
    if (!index.unique) continue;
    const entry = runtime.indexEntry(index, userId, values, tail, false);
    if (!entry.unique) continue;
    const own = overlay.index.get(keyText(entry.key));
    if (own !== undefined ? own.tail !== null : context.view.get(entry.key) !== undefined)
      return undefined;
  }
  const { counters } = state.engine;
  putOverlayRow(overlay, text, {
    key,
    tuple: runtime.codec.encode(values, 0, now),
    baseSeq: 0,
    seenSeq: counters.seq,
    keyValues: null,
  });
  for (const index of indexes) {
    const entry = runtime.indexEntry(index, userId, values, tail, false);
    putOverlayIndex(overlay, { ...entry, tail, base: null, seenSeq: counters.seq });
  }
  return 'done';
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
  const current = currentVersion(state, runtime, oldKey, old);
  if (key.equals(oldKey)) {
    if (!old.deleted) {
      const check = await checkIndexes(state, runtime, userId, values, key, undefined);
      if ('conflict' in check) return check;
      putVersion(state, runtime, userId, key, values, false, current, check.stale);
    } else putVersion(state, runtime, userId, key, values, true, current, noStale);
    return { key };
  }
  const found = await lookupRow(latestContext(state, table), runtime, userId, key);
  if (found === 'foreign') throw concurrentUpdate(table);
  if (found !== undefined && !found.deleted) return { conflict: { index: null, existing: found } };
  const check = old.deleted
    ? { stale: noStale }
    : await checkIndexes(state, runtime, userId, values, key, rowTail(oldKey));
  if ('conflict' in check) return check;
  removeVersion(state, runtime, oldKey, current);
  putVersion(state, runtime, userId, key, values, old.deleted, found, check.stale);
  return { key };
}

export function deleteRow(
  state: TransactionState,
  runtime: TableRuntime,
  old: StoredRow,
  mode: 'soft' | 'hard',
): void {
  const key = fullKey(runtime.table, old);
  const current = currentVersion(state, runtime, key, old);
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
  putRow(overlay, key, tuple, replaced, seenOf(replaced, counters.seq), null);
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
): void {
  const overlay = overlayOf(state, runtime.table);
  const keyValues = keyValuesOf(runtime, key, old.values);
  putRow(overlay, key, null, old, seenOf(old, state.engine.counters.seq), keyValues);
  reindex(state, overlay, runtime, old.userId, versionOf(old, key), undefined, noStale);
}

/**
 * Up to which commit the writer has looked: a new key was checked against everything accepted, an old version was read at
 * some earlier view, of which its own seq is all that is sure.
 */
function seenOf(replaced: StoredRow | undefined, latestSeq: number): number {
  return replaced === undefined ? latestSeq : Math.min(latestSeq, replaced.seq);
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

/** Checks the unique indexes for a row at `key`; entries of the row at `movedFrom` do not count either. */
async function checkIndexes(
  state: TransactionState,
  runtime: TableRuntime,
  userId: string,
  values: Row,
  key: Buffer,
  movedFrom: Buffer | undefined,
): Promise<Check> {
  let stale = noStale;
  const { table } = runtime;
  const tail = rowTail(key);
  for (const index of table.indexes) {
    if (!index.unique) continue;
    const entry = runtime.indexEntry(index, userId, values, tail, false);
    if (!entry.unique) continue;
    const context = latestContext(state, table);
    const own = context.overlay?.index.get(keyText(entry.key));
    if (own === undefined && isTruncated(context.overlay, userId)) continue;
    const owner = own === undefined ? context.view.get(entry.key) : own.tail;
    if (owner === undefined || owner === null) continue;
    if (owner.equals(tail) || (movedFrom !== undefined && owner.equals(movedFrom))) continue;
    const ownerKey = Buffer.concat([runtime.scopeRows(userId), owner]);
    const row = await lookupRow(context, runtime, userId, ownerKey);
    if (row === 'foreign') throw concurrentUpdate(table);
    const owns =
      row !== undefined &&
      !row.deleted &&
      runtime.indexEntry(index, userId, row.values, owner, false).key.equals(entry.key);
    if (owns) return { conflict: { index, existing: row } };
    // Left over by a truncate or an unfinished bulk transaction; the new entry takes its place.
    if (stale === noStale) stale = new Map();
    stale.set(keyText(entry.key), owner);
  }
  return { stale };
}
