import { notSupported } from '../../base/index.ts';
import type { Engine } from '../engine.ts';
import { orderedMicros } from '../keys/table-runtime.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { backgroundPace } from '../txn/pace.ts';
import { rowTail } from '../txn/overlay.ts';
import { checkTuple } from '../txn/visibility.ts';
import { giveBack } from './give-back.ts';

/** Keys of the rows that have outlived their stream's ttl. */
function expiredRange(
  engine: Engine,
  runtime: TableRuntime,
  ttlMicros: bigint,
): { readonly from: Buffer; readonly to: Buffer } {
  const from = runtime.scopeRows('');
  return { from, to: Buffer.concat([from, orderedMicros(engine.clock.now() - ttlMicros + 1n)]) };
}

/** Whether a stream has a row that has outlived its ttl. */
export async function hasExpired(engine: Engine, runtime: TableRuntime): Promise<boolean> {
  const { table } = runtime;
  if (table.kind !== 'stream' || table.ttlMicros === undefined) return false;
  const range = expiredRange(engine, runtime, table.ttlMicros);
  const cursor = engine.store.scan({ ...range, values: false, limit: 1 });
  try {
    return (await cursor.next(1)).length > 0;
  } finally {
    await cursor.close();
  }
}

/**
 * Removes a stream's rows that have outlived its ttl, each with its index entries. Returns the number of rows. Repeats safely; the
 * cost goes with the rows that are removed.
 */
export async function evictExpired(
  engine: Engine,
  runtime: TableRuntime,
  { again = false, signal }: { readonly again?: boolean; readonly signal?: AbortSignal } = {},
): Promise<number> {
  const { table } = runtime;
  if (table.kind !== 'stream' || table.ttlMicros === undefined)
    throw notSupported('eviction from a table that is no stream');
  const range = expiredRange(engine, runtime, table.ttlMicros);
  const pace = backgroundPace();
  const cursor = engine.store.scan(range);
  let removed = 0;
  let bytes = 0;
  try {
    for (;;) {
      const entries = await cursor.next(pace.keys);
      if (entries.length === 0) break;
      signal?.throwIfAborted();
      engine.closing.throwIfAborted();
      const began = performance.now();
      const written = engine.sequencer.submit({
        sync: false,
        takesSeq: false,
        write(writer) {
          for (const [key, tuple] of entries) {
            checkTuple(table, key, tuple);
            const tail = rowTail(key);
            const row = table.indexes.length === 0 ? [] : runtime.codec.decode(tuple);
            for (const index of table.indexes) {
              const entry = runtime.indexEntry(index, '', row, tail, false);
              // A unique key may have been taken by a younger row.
              if (engine.sequencer.latest(entry.key)?.equals(tail) === true)
                writer.delete(entry.key);
            }
            writer.delete(key);
          }
        },
      });
      const took = performance.now() - began;
      await written;
      removed += entries.length;
      for (const [key, tuple] of entries) bytes += key.length + tuple.length;
      await engine.faults('evict: rows removed');
      await pace.rest(took);
    }
  } finally {
    await cursor.close();
  }
  await giveBack(engine, runtime, range, { rows: removed, bytes }, again);
  return removed;
}
