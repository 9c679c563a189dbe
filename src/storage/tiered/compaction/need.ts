import type { Engine } from '../../engine.ts';
import { prefixEnd } from '../../keys/buffer.ts';
import { Keyspace, tablePrefix, tablePrefixBytes } from '../../keys/keyspace.ts';
import { decodeScope, scopeLength } from '../../keys/scope.ts';
import type { TableRuntime } from '../../keys/table-runtime.ts';
import { mergeBounds, writableFiles } from './bounds.ts';
import type { Choice } from './choose.ts';
import { chooseMerges, mergedFilesMin, supersededShareMin } from './choose.ts';

/** Keys read at a time. */
const batchKeys = 4096;
/** Fewer marks of a scope are no reason to look at its files. */
const marksMin = 1000;

/** How many keys each scope of a table has in a keyspace. */
async function countByScope(
  engine: Engine,
  keyspace: number,
  tableId: number,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const prefix = tablePrefix(keyspace, tableId);
  const cursor = engine.store.scan({ from: prefix, to: prefixEnd(prefix), values: false });
  let scope: Buffer = Buffer.alloc(0);
  let userId = '';
  try {
    for (;;) {
      const entries = await cursor.next(batchKeys);
      if (entries.length === 0) return counts;
      for (const [key] of entries) {
        const same =
          scope.length > 0 &&
          key.length >= scope.length &&
          key.compare(scope, 0, scope.length, 0, scope.length) === 0;
        if (!same) {
          const end = scopeLength(key, tablePrefixBytes);
          scope = Buffer.from(key.subarray(0, end));
          userId = decodeScope(key, tablePrefixBytes, end);
        }
        counts.set(userId, (counts.get(userId) ?? 0) + 1);
      }
    }
  } finally {
    await cursor.close();
  }
}

/**
 * Scopes with files that may be worth writing again, judged by keys alone, with the number of their marks: all that have several files,
 * or marks, when asked.
 */
export async function scopesToCompact(
  engine: Engine,
  { table: { tableId } }: TableRuntime,
  { everySmall, everySuperseded }: Pick<Choice, 'everySmall' | 'everySuperseded'>,
): Promise<ReadonlyMap<string, number>> {
  const state = engine.tableState(tableId);
  if (!state.special) return new Map();
  const files = await countByScope(engine, Keyspace.manifest, tableId);
  const marks =
    state.marks === 0
      ? new Map<string, number>()
      : await countByScope(engine, Keyspace.marks, tableId);
  const found = new Set<string>();
  for (const [userId, count] of files)
    if (count >= (everySmall ? 2 : mergedFilesMin)) found.add(userId);
  for (const [userId, count] of marks) if (everySuperseded || count >= marksMin) found.add(userId);
  return new Map([...found].map((userId) => [userId, marks.get(userId) ?? 0]));
}

/**
 * Whether a compaction of the table would have something to do: a scope has too many files of a size, or a large part of its
 * rows is superseded. Looks at keys alone, then at the files of scopes that have many.
 */
export async function needsCompaction(
  engine: Engine,
  runtime: TableRuntime,
  memoryBytes: number,
): Promise<boolean> {
  const { tableId, kind } = runtime.table;
  const state = engine.tableState(tableId);
  if (kind === 'stream' || !state.special) return false;
  for (const [userId, count] of await countByScope(engine, Keyspace.manifest, tableId)) {
    if (count < mergedFilesMin) continue;
    const files = await writableFiles(engine, runtime, userId);
    const choice = {
      everySmall: false,
      everySuperseded: false,
      ...mergeBounds(runtime, memoryBytes),
      superseded: () => 0,
    };
    if (chooseMerges(files, choice).length > 0) return true;
  }
  // Counted again only when there may be many more of them.
  if (state.marks < marksMin || state.marks < state.marksJudged * 1.25) return false;
  state.marksJudged = state.marks;
  for (const [userId, count] of await countByScope(engine, Keyspace.marks, tableId)) {
    if (count < marksMin) continue;
    const files = await writableFiles(engine, runtime, userId);
    const rows = files.reduce((sum, file) => sum + file.rows, 0);
    if (count >= rows * supersededShareMin) return true;
  }
  return false;
}
