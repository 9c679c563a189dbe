import type { Engine } from '../engine.ts';
import { prefixEnd } from '../keys/buffer.ts';
import { Keyspace, tablePrefix } from '../keys/keyspace.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';

/**
 * What a table's removed rows may take up at most, in rows and in bytes of their keys and values, before the hot store is asked to give
 * their space back; by itself it does so only as other keys are written around them.
 */
export const unreturnedMax = { rows: 10_000, bytes: 4 * 2 ** 20 };

export interface Removed {
  readonly rows: number;
  /** Of keys and values, as far as they are known. */
  readonly bytes: number;
}

/**
 * Has the hot store give back the space of rows that have been removed from a range of a table's row keys, and of their index entries, once
 * it is worth the work, and readers from before have ended. `again`: an earlier attempt may have removed rows without coming this far.
 */
export async function giveBack(
  engine: Engine,
  { table }: TableRuntime,
  range: { readonly from: Buffer; readonly to: Buffer },
  removed: Removed,
  again: boolean,
): Promise<void> {
  const { unreturned } = engine.tableState(table.tableId);
  unreturned.rows += removed.rows;
  unreturned.bytes += removed.bytes;
  const isMuch = unreturned.rows >= unreturnedMax.rows || unreturned.bytes >= unreturnedMax.bytes;
  if (unreturned.range === undefined && !isMuch && !again) return;
  const isAsked = unreturned.range !== undefined;
  unreturned.range = range;
  // While a reader keeps one from being done there is one: each round would leave another.
  if (isAsked) return;
  // A compaction keeps what a snapshot from before the removal may still read.
  await engine.files.onceReadersEnded(async () => {
    const { from, to } = unreturned.range ?? range;
    Object.assign(unreturned, { rows: 0, bytes: 0, range: undefined });
    await engine.faults('space: before compaction');
    await engine.store.compactRange(from, to);
    if (table.indexes.length > 0) {
      const indexes = tablePrefix(Keyspace.index, table.tableId);
      await engine.store.compactRange(indexes, prefixEnd(indexes));
    }
    await engine.faults('space: given back');
  });
}
