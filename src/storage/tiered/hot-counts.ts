import type { Engine } from '../engine.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { TupleFlag, tupleFlags } from '../tuple/header.ts';
import type { Limits } from '../txn/reader.ts';
import { latestView } from '../txn/reader.ts';
import { foreign, invisible, visibleSeq } from '../txn/visibility.ts';
import { flushRanges, userIds } from './ranges.ts';

/** Entries per read of the hot store. */
const readRows = 4096;

/**
 * How many rows a flush would move, by user id ('' in shared tables); users with none are left out. Reads the hot rows of all
 * users, or of those asked for.
 */
export async function countHotRows(
  engine: Engine,
  runtime: TableRuntime,
  users?: readonly string[],
): Promise<Map<string, number>> {
  const { table } = runtime;
  const state = engine.tableState(table.tableId);
  const userOf = userIds(runtime, { kind: 'all' });
  const counts = new Map<string, number>();
  let user: string | undefined;
  let limits: Limits | undefined;
  for (const range of flushRanges(runtime, users)) {
    const cursor = engine.store.scan(range);
    try {
      for (;;) {
        engine.closing.throwIfAborted();
        const entries = await cursor.next(readRows);
        if (entries.length === 0) break;
        for (const [key, tuple] of entries) {
          const userId = userOf(key);
          if (userId !== user || limits === undefined) {
            user = userId;
            limits = latestView(engine).limits(state, userId);
          }
          if ((tupleFlags(tuple) & TupleFlag.pinned) !== 0) continue;
          const seq = visibleSeq(engine, tuple, Infinity, limits, []);
          if (seq !== invisible && seq !== foreign)
            counts.set(userId, (counts.get(userId) ?? 0) + 1);
        }
      }
    } finally {
      await cursor.close();
    }
  }
  return counts;
}
