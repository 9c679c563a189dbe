import { columnForm } from '../../cold/columns.ts';
import type { ManifestEntry } from '../../cold/manifest.ts';
import type { Engine } from '../../engine.ts';
import type { TableRuntime } from '../../keys/table-runtime.ts';
import { latestView } from '../../txn/reader.ts';
import type { Choice } from './choose.ts';
import { lacking, mergesInColumns } from './merge-columns.ts';

/** Of the memory that a compaction may have, the part that the files of one merge may be: they are larger in memory. */
const filesShare = 0.25;
/** Files read by one merge. Row by row each of them is a query that runs. */
const filesPerMergeMax = 512;
const filesPerRowMergeMax = 16;

/** What one merge may read. */
export function mergeBounds(
  { table }: TableRuntime,
  memoryBytes: number,
): Pick<Choice, 'bytesMax' | 'filesMax'> {
  return {
    bytesMax: Math.floor(memoryBytes * filesShare),
    filesMax: mergesInColumns(table) ? filesPerMergeMax : filesPerRowMergeMax,
  };
}

/**
 * The scope's files that a compaction may write again: not those that are known to be damaged, nor those without a column whose rows
 * read as a value that no file can carry.
 */
export async function writableFiles(
  engine: Engine,
  runtime: TableRuntime,
  userId: string,
): Promise<readonly ManifestEntry[]> {
  const { table } = runtime;
  const { damagedFiles } = engine.tableState(table.tableId);
  const all = await engine.cold.files(latestView(engine), runtime, { kind: 'one', userId });
  return all.filter(
    (file) =>
      !damagedFiles.has(file.fileId) &&
      lacking(table, file).every(
        ({ typeOid, typmod, missing }) =>
          columnForm(typeOid, typmod).carries?.(missing as NonNullable<typeof missing>) !== false,
      ),
  );
}
