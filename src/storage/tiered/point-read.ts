import { keyText } from '../keys/buffer.ts';
import { Keyspace, inKeyspace, tablePrefixBytes } from '../keys/keyspace.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import type { Engine } from '../engine.ts';
import type { TableOverlay } from '../txn/overlay.ts';
import { isTruncated } from '../txn/overlay.ts';
import type { View } from '../txn/reader.ts';
import {
  checkTuple,
  foreign,
  invisible,
  ownSeq,
  storedRow,
  visibleSeq,
} from '../txn/visibility.ts';
import type { ScanStats, StoredRow } from '../types.ts';

/** What the hot store and memory know of one key. */
export type HotLookup =
  | { readonly kind: 'row'; readonly row: StoredRow }
  | { readonly kind: 'absent' }
  /** Spilled by another transaction that has not committed. */
  | { readonly kind: 'foreign' }
  /** Not hot; the cold tier may have it. */
  | { readonly kind: 'cold?' };

export interface PointContext {
  readonly engine: Engine;
  readonly view: View;
  readonly ownBulks: readonly number[];
  readonly overlay: TableOverlay | undefined;
}

/** Soft-deleted rows are returned; the caller looks at `deleted`. */
export function lookupHot(
  context: PointContext,
  runtime: TableRuntime,
  userId: string,
  key: Buffer,
): HotLookup {
  const { engine, view, overlay, ownBulks } = context;
  const { table } = runtime;
  if (overlay !== undefined && overlay.rows.size > 0) {
    const own = overlay.rows.get(keyText(key));
    if (own !== undefined)
      return own.tuple === null
        ? absent
        : {
            kind: 'row',
            row: storedRow(runtime, own.key, own.tuple, 0, userId, undefined, 'overlay'),
          };
  }
  const hidden = isTruncated(overlay, userId);
  if (hidden && ownBulks.length === 0) return absent;
  const state = engine.tableState(table.tableId);
  const tuple = view.get(key);
  const limits = view.limits(state, userId);
  if (tuple !== undefined) {
    checkTuple(table, key, tuple);
    const seq = visibleSeq(engine, tuple, view.seq, limits, ownBulks);
    if (seq === foreign) return { kind: 'foreign' };
    // Rows that the transaction has written ahead came after its truncate.
    if (seq !== invisible && (!hidden || seq === ownSeq))
      return { kind: 'row', row: storedRow(runtime, key, tuple, seq, userId, undefined, 'hot') };
  }
  if (hidden) return absent;
  return limits.watermark > 0 ? { kind: 'cold?' } : absent;
}

/** By full row key, both tiers. Soft-deleted rows are returned. */
export async function lookupRow(
  context: PointContext,
  runtime: TableRuntime,
  userId: string,
  key: Buffer,
  stats?: ScanStats,
): Promise<StoredRow | 'foreign' | undefined> {
  const hot = lookupHot(context, runtime, userId, key);
  switch (hot.kind) {
    case 'row':
      return hot.row;
    case 'absent':
      return undefined;
    case 'foreign':
      return 'foreign';
    case 'cold?': {
      const rows = await lookupCold(context, runtime, userId, [key], stats);
      return rows[0];
    }
  }
}

/** Keys of one look-up in the cold tier. */
const coldLookupKeysMax = 1000;

/** lookupRow of several keys of one user, parallel to them. */
export async function lookupRows(
  context: PointContext,
  runtime: TableRuntime,
  userId: string,
  keys: readonly Buffer[],
): Promise<(StoredRow | 'foreign' | undefined)[]> {
  /** Each key once, with all its places. */
  const byText = new Map<string, number[]>();
  const found = keys.map((key, i): StoredRow | 'foreign' | undefined => {
    const hot = lookupHot(context, runtime, userId, key);
    if (hot.kind === 'cold?') {
      const text = keyText(key);
      const places = byText.get(text);
      if (places === undefined) byText.set(text, [i]);
      else places.push(i);
    }
    if (hot.kind === 'foreign') return 'foreign';
    return hot.kind === 'row' ? hot.row : undefined;
  });
  const cold = [...byText.values()];
  for (let from = 0; from < cold.length; from += coldLookupKeysMax) {
    const some = cold.slice(from, from + coldLookupKeysMax);
    const wanted = some.map(([first]) => keys[first!]!);
    const rows = await lookupCold(context, runtime, userId, wanted);
    some.forEach((places, at) => {
      for (const i of places) found[i] = rows[at];
    });
  }
  return found;
}

/** Whether a row that was read from the cold tier is the current version still, as far as hot store and memory can tell. */
export function isCurrentCold(
  { view, engine }: PointContext,
  runtime: TableRuntime,
  userId: string,
  key: Buffer,
  row: StoredRow,
): boolean {
  if (row.tier !== 'cold') return false;
  const state = engine.tableState(runtime.table.tableId);
  const mark = state.marks === 0 ? undefined : view.get(markKey(runtime, key));
  const { truncatedBefore } = view.limits(state, userId);
  return row.seq >= Math.max(truncatedBefore, mark === undefined ? 0 : markSeq(mark));
}

/** The visible cold versions of some keys of one scope, parallel to `keys`. */
export async function lookupCold(
  context: PointContext,
  runtime: TableRuntime,
  userId: string,
  keys: readonly Buffer[],
  stats?: ScanStats,
): Promise<(StoredRow | undefined)[]> {
  const { engine, view } = context;
  const state = engine.tableState(runtime.table.tableId);
  const limits = view.limits(state, userId);
  const least = keys.map((key) => {
    const mark = state.marks === 0 ? undefined : view.get(markKey(runtime, key));
    return Math.max(limits.truncatedBefore, mark === undefined ? 0 : markSeq(mark));
  });
  return await engine.cold.lookup(view, runtime, userId, limits, keys, least, stats);
}

export function markKey(runtime: TableRuntime, fullKey: Buffer): Buffer {
  return inKeyspace(Keyspace.marks, runtime.table.tableId, fullKey.subarray(tablePrefixBytes));
}

/** Cold versions below this seq are superseded. */
export function markSeq(mark: Buffer): number {
  return mark.readUIntLE(0, 6);
}

const absent: HotLookup = { kind: 'absent' };
