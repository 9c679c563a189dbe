import type { Engine } from '../../engine.ts';
import { prefixEnd } from '../../keys/buffer.ts';
import { Keyspace, tablePrefix, tablePrefixBytes } from '../../keys/keyspace.ts';
import { decodeScope, scopeLength } from '../../keys/scope.ts';
import type { TableRuntime } from '../../keys/table-runtime.ts';
import { latestView } from '../../txn/reader.ts';
import type { ManifestEntry } from '../../cold/manifest.ts';
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

/** Scopes with files that may be worth writing again, judged by keys alone: all that have several files, or marks, when asked. */
export async function scopesToCompact(
  engine: Engine,
  { table: { tableId } }: TableRuntime,
  { everySmall, everySuperseded }: Pick<Choice, 'everySmall' | 'everySuperseded'>,
): Promise<string[]> {
  const state = engine.tableState(tableId);
  if (!state.special) return [];
  const files = await countByScope(engine, Keyspace.manifest, tableId);
  const marks =
    state.marks === 0
      ? new Map<string, number>()
      : await countByScope(engine, Keyspace.marks, tableId);
  const found = new Set<string>();
  for (const [userId, count] of files)
    if (count >= (everySmall ? 2 : mergedFilesMin)) found.add(userId);
  for (const [userId, count] of marks) if (everySuperseded || count >= marksMin) found.add(userId);
  return [...found];
}

/**
 * Whether a compaction of the table would have something to do: a scope has too many files of a size, or a large part of its
 * rows is superseded. Looks at keys alone, then at the files of scopes that have many.
 */
export async function needsCompaction(engine: Engine, runtime: TableRuntime): Promise<boolean> {
  const { tableId, kind } = runtime.table;
  const state = engine.tableState(tableId);
  if (kind === 'stream' || !state.special) return false;
  const view = latestView(engine);
  const files = await countByScope(engine, Keyspace.manifest, tableId);
  const filesOf = async (userId: string): Promise<readonly ManifestEntry[]> => {
    const all = await engine.cold.files(view, runtime, { kind: 'one', userId });
    return all.filter((file) => !state.damagedFiles.has(file.fileId));
  };
  for (const [userId, count] of files) {
    if (count < mergedFilesMin) continue;
    const choice = {
      everySmall: false,
      everySuperseded: false,
      bytesMax: Infinity,
      filesMax: Infinity,
      superseded: () => 0,
    };
    if (chooseMerges(await filesOf(userId), choice).length > 0) return true;
  }
  // Counted again only when there may be many more of them.
  if (state.marks < marksMin || state.marks < state.marksJudged * 1.25) return false;
  state.marksJudged = state.marks;
  for (const [userId, count] of await countByScope(engine, Keyspace.marks, tableId)) {
    if (count < marksMin) continue;
    const rows = (await filesOf(userId)).reduce((sum, file) => sum + file.rows, 0);
    if (count >= rows * supersededShareMin) return true;
  }
  return false;
}
