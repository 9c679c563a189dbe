import type { Engine } from '../engine.ts';
import { keyText, prefixEnd } from '../keys/buffer.ts';
import { orderedMicros } from '../keys/table-runtime.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import type { Projection } from '../tuple/codec.ts';
import { projection } from '../tuple/codec.ts';
import type { TableOverlay } from '../txn/overlay.ts';
import { isTruncated, overlayKeys } from '../txn/overlay.ts';
import type { Limits, Reader } from '../txn/reader.ts';
import {
  checkTuple,
  invisible,
  foreign,
  storedRow,
  isDeleted,
  ownSeq,
  visibleSeq,
} from '../txn/visibility.ts';
import type { ScanOptions, StoredRow } from '../types.ts';
import type { KeyRange } from './ranges.ts';
import { keyRanges, userIds } from './ranges.ts';

/** Rows in one batch of a scan, and entries in one read of the store. */
export const scanBatchRows = 2048;

/** What a scan reads: the committed state of a statement plus the transaction's own writes. */
export interface ReadContext {
  readonly engine: Engine;
  readonly reader: Reader;
  readonly ownBulks: readonly number[];
  overlay(tableId: number): TableOverlay | undefined;
}

/** The row-key ranges of a scan; expired rows of a stream are outside them. */
export function scanRanges(
  context: Pick<ReadContext, 'engine'>,
  runtime: TableRuntime,
  options: Pick<ScanOptions, 'scope' | 'predicates'>,
): KeyRange[] {
  const { table } = runtime;
  if (table.kind !== 'stream' || table.ttlMicros === undefined)
    return keyRanges(runtime, options.scope, options.predicates ?? []);
  const prefix = runtime.scopeRows('');
  const oldest = orderedMicros(context.engine.clock.now() - table.ttlMicros + 1n);
  return [{ from: Buffer.concat([prefix, oldest]), to: prefixEnd(prefix) }];
}

/** The hot rows (and the overlay's) of a scan, in key order or its reverse. Snapshots hold until the iteration ends. */
export async function* scanHotRows(
  context: ReadContext,
  runtime: TableRuntime,
  options: ScanOptions,
): AsyncGenerator<StoredRow[]> {
  const { reader } = context;
  if (nothingHot(context, runtime, options)) return;
  reader.retain();
  try {
    const ranges = scanRanges(context, runtime, options);
    if (options.order === 'desc') ranges.reverse();
    const wanted = projection(options.columns);
    let left = options.limit ?? Infinity;
    for (const range of ranges) {
      for await (const rows of scanRange(context, runtime, options, range, wanted, left)) {
        left -= rows.length;
        yield rows;
        options.signal?.throwIfAborted();
        if (left <= 0) return;
      }
    }
  } finally {
    reader.release();
  }
}

/**
 * Whether a flush has moved all of the scope's rows and nothing was written since: the keys that wait for their removal need
 * not be read to find that they are hidden.
 */
function nothingHot(
  { engine, reader, ownBulks, overlay }: ReadContext,
  { table }: TableRuntime,
  { scope }: ScanOptions,
): boolean {
  const state = engine.tableState(table.tableId);
  const movedUpTo = state.allMovedUpTo;
  if (movedUpTo === 0 || state.lastCommit > movedUpTo || scope.kind !== 'one') return false;
  if (ownBulks.length > 0 || overlay(table.tableId) !== undefined) return false;
  // The statement's own view must be one from after the flush.
  return reader.limits(state, scope.userId).watermark >= movedUpTo;
}

async function* scanRange(
  context: ReadContext,
  runtime: TableRuntime,
  options: ScanOptions,
  range: KeyRange,
  wanted: Projection,
  limit: number,
): AsyncGenerator<StoredRow[]> {
  const { engine, reader, ownBulks } = context;
  const { table } = runtime;
  const reverse = options.order === 'desc';
  const state = engine.tableState(table.tableId);
  const overlay = context.overlay(table.tableId);
  const userOf = userIds(runtime, options.scope);
  const own = overlay === undefined ? [] : [...overlayKeys(overlay, range.from, range.to)];
  if (reverse) own.reverse();
  let ownAt = 0;
  let out: StoredRow[] = [];
  let left = limit;

  const emitOwn = (text: string): void => {
    const row = overlay!.rows.get(text)!;
    if (row.tuple === null) return;
    if (isDeleted(row.tuple) && options.includeDeleted !== true) return;
    const userId = userOf(row.key);
    out.push(storedRow(runtime, row.key, row.tuple, 0, userId, wanted, 'overlay'));
  };

  let lastUser: string | undefined;
  let limits: Limits | undefined;
  let hidden = false;
  const cursor = engine.store.scan({
    from: range.from,
    to: range.to,
    reverse,
    snapshot: reader.hot(),
  });
  const viewSeq = reader.seq;
  const readRows = Math.min(scanBatchRows, limit * 2 + 16);
  try {
    let entries = await cursor.next(readRows);
    while (entries.length > 0) {
      // The store reads on while this batch is decoded. A short batch is not the end: batches have a limit in bytes too.
      const ahead = cursor.next(scanBatchRows);
      ahead.catch(() => undefined);
      for (const [key, tuple] of entries) {
        if (ownAt < own.length) {
          const text = keyText(key);
          while (ownAt < own.length && (reverse ? own[ownAt]! > text : own[ownAt]! < text))
            emitOwn(own[ownAt++]!);
          if (overlay!.rows.has(text)) continue;
        }
        checkTuple(table, key, tuple);
        const userId = userOf(key);
        if (userId !== lastUser) {
          limits = reader.limits(state, userId);
          hidden = isTruncated(overlay, userId);
          lastUser = userId;
        }
        const seq = visibleSeq(engine, tuple, viewSeq, limits!, ownBulks);
        // Rows that the transaction has written ahead came after its truncate.
        if (seq === invisible || seq === foreign || (hidden && seq !== ownSeq)) continue;
        if (options.includeDeleted !== true && isDeleted(tuple)) continue;
        out.push(storedRow(runtime, key, tuple, seq, userId, wanted, 'hot'));
        if (options.stats !== undefined) options.stats.hotRows++;
      }
      if (out.length >= left) {
        yield out.slice(0, left);
        return;
      }
      if (out.length > 0) {
        yield out;
        left -= out.length;
        out = [];
      }
      entries = await ahead;
    }
    while (ownAt < own.length) emitOwn(own[ownAt++]!);
    if (out.length > 0) yield out.length > left ? out.slice(0, left) : out;
  } finally {
    await cursor.close();
  }
}
