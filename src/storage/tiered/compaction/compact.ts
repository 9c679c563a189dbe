import {
  PgError,
  SqlState,
  diskError,
  notSupported,
  pgEpochUnixMicros,
} from '../../../base/index.ts';
import type { Duckdb } from '../../cold/duck.ts';
import type { ManifestEntry } from '../../cold/manifest.ts';
import type { FilePlace } from '../../cold/places.ts';
import type { Engine } from '../../engine.ts';
import type { TableRuntime } from '../../keys/table-runtime.ts';
import { latestView } from '../../txn/reader.ts';
import type { CompactOptions, CompactResult } from '../../types.ts';
import { changeManifest } from '../change-manifest.ts';
import { mergeBounds, writableFiles } from './bounds.ts';
import type { Choice } from './choose.ts';
import { chooseMerges, supersededShareMin } from './choose.ts';
import { cleanMarks, mayHoldVictim } from './clean-marks.ts';
import type { Merged } from './merge-columns.ts';
import { mergeColumns, mergesInColumns } from './merge-columns.ts';
import { mergeRows } from './merge-rows.ts';
import { marksOf } from './scope-marks.ts';
import { scopesToCompact } from './need.ts';

/** Scopes worked on at a time: small files cost mostly waiting for the disk. */
const scopesInFlightMax = 4;
export interface Compactor {
  readonly engine: Engine;
  readonly duckdb: () => Promise<Duckdb>;
  /** What that DuckDB may hold in memory. */
  readonly memoryBytes: number;
}

interface Totals {
  filesBefore: number;
  filesAfter: number;
  bytesBefore: number;
  bytesAfter: number;
  rowsRead: number;
  rowsRemoved: number;
}

/** Merges files of a table and leaves out what is superseded; see Storage.compact. In the table's turn. */
export async function compactTable(
  { engine, duckdb, memoryBytes }: Compactor,
  runtime: TableRuntime,
  options: CompactOptions,
): Promise<CompactResult> {
  const { table } = runtime;
  if (table.kind === 'stream') throw notSupported('compaction of a stream table');
  const signal = AbortSignal.any([engine.closing, ...(options.signal ? [options.signal] : [])]);
  const totals: Totals = {
    filesBefore: 0,
    filesAfter: 0,
    bytesBefore: 0,
    bytesAfter: 0,
    rowsRead: 0,
    rowsRemoved: 0,
  };
  const wanted = {
    everySmall: options.everything ?? false,
    everySuperseded: (options.everything ?? false) || (options.purge ?? false),
  };
  const scopes = await scopesToCompact(engine, runtime, wanted);
  const userIds = [...scopes.keys()];
  /** File ids: they need not be written again for what has changed meanwhile. */
  const made = new Set<number>();
  /** Scopes of which rows were left out. */
  const purged = new Set<string>();
  let failure: unknown;
  let at = 0;
  let ended = 0;
  const place = await engine.places.forTable(table);
  const worker = async (): Promise<void> => {
    while (at < userIds.length) {
      const userId = userIds[at++]!;
      try {
        await compactScope(userId);
      } catch (error) {
        if (signal.aborted) throw error;
        // Files of others are none the worse for it.
        failure ??= error;
        if (isFatal(error)) return;
      }
      ended++;
      options.onProgress?.(ended / userIds.length);
    }
  };
  try {
    const workers = Array.from({ length: Math.min(scopesInFlightMax, userIds.length) }, worker);
    const outcomes = await Promise.allSettled(workers);
    for (const outcome of outcomes) if (outcome.status === 'rejected') failure ??= outcome.reason;
  } finally {
    place.release();
  }
  options.signal?.throwIfAborted();
  if (signal.aborted) throw canceled();
  if (failure !== undefined) throw translated(failure);
  // Marks go with the rows that they hide; VACUUM looks at all of them.
  const cleaned = wanted.everySuperseded ? userIds : [...purged];
  const marksRemoved = await cleanMarks(engine, runtime, cleaned);
  options.onProgress?.(1);
  const leftFiles = await engine.files.retry();
  return { scopes: userIds.length, ...totals, marksRemoved, leftFiles };

  async function compactScope(userId: string): Promise<void> {
    const before = await writableFiles(engine, runtime, userId);
    for (const file of before) totals.bytesBefore += file.bytes;
    totals.filesBefore += before.length;
    let files = before;
    for (;;) {
      const groups = chooseMerges(files, await choiceFor(userId, files));
      if (groups.length === 0) break;
      for (const group of groups) await compactGroup(userId, group, place);
      files = await writableFiles(engine, runtime, userId);
    }
    totals.filesAfter += files.length;
    for (const file of files) totals.bytesAfter += file.bytes;
  }

  async function choiceFor(userId: string, files: readonly ManifestEntry[]): Promise<Choice> {
    const rows = files.reduce((sum, file) => sum + file.rows, 0);
    const marks = scopes.get(userId) ?? 0;
    const judged = files.filter((file) => !made.has(file.fileId));
    const superseded =
      wanted.everySuperseded || marks >= rows * supersededShareMin
        ? await supersededRows(engine, runtime, userId, judged)
        : new Map<number, number>();
    return {
      ...wanted,
      ...mergeBounds(runtime, memoryBytes),
      superseded: (file) => superseded.get(file.fileId) ?? 0,
    };
  }

  async function compactGroup(
    userId: string,
    files: readonly ManifestEntry[],
    to: FilePlace,
  ): Promise<void> {
    signal.throwIfAborted();
    await verified(engine, files);
    const fileId = ++engine.counters.fileId;
    const unixMs = Number((engine.clock.now() + pgEpochUnixMicros) / 1000n);
    const target = { place: to, path: to.file(userId, unixMs, fileId), fileId, userId };
    const request = { engine, runtime, files, target, signal };
    const duck = await duckdb();
    let merged: Merged | undefined;
    if (mergesInColumns(table)) merged = await mergeColumns(duck, request);
    merged ??= await mergeRows(duck, request);
    await engine.faults('compact: before commit');
    const list = merged.file === undefined ? [] : [merged.file];
    await changeManifest(engine, table.tableId, { unlist: files, list });
    engine.tableState(table.tableId).swaps++;
    await engine.faults('compact: committed');
    await engine.files.condemn(files);
    await engine.faults('compact: files removed');
    const read = files.reduce((sum, file) => sum + file.rows, 0);
    made.add(fileId);
    if (merged.rows < read) purged.add(userId);
    totals.rowsRead += read;
    totals.rowsRemoved += read - merged.rows;
  }
}

/** Checks the files before they are read; what is damaged is left alone from then on, so that others can be merged. */
async function verified(engine: Engine, files: readonly ManifestEntry[]): Promise<void> {
  let failure: PgError | undefined;
  for (const file of files) {
    try {
      await engine.cold.verify([file]);
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      engine.tableState(file.tableId).damagedFiles.add(file.fileId);
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
}

/** About how many rows of each file marks supersede, at most. */
async function supersededRows(
  engine: Engine,
  runtime: TableRuntime,
  userId: string,
  files: readonly ManifestEntry[],
): Promise<ReadonlyMap<number, number>> {
  const found = new Map<number, number>();
  const { tableId } = runtime.table;
  if (engine.tableState(tableId).marks === 0 || files.length === 0) return found;
  const view = latestView(engine);
  for await (const marks of marksOf(engine, tableId, userId)) {
    for (const mark of marks)
      for (const file of files)
        if (mayHoldVictim(engine, view, file, mark))
          found.set(file.fileId, (found.get(file.fileId) ?? 0) + 1);
  }
  return found;
}

/** What makes it senseless to go on with other scopes: the disk, or memory. */
function isFatal(error: unknown): boolean {
  const disk = diskError(error);
  return disk !== undefined || isOutOfMemory(error);
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Out of Memory Error');
}

function translated(error: unknown): unknown {
  if (!isOutOfMemory(error)) return diskError(error) ?? error;
  return new PgError(SqlState.outOfMemory, 'compaction needs more memory than it may use', {
    detail: (error as Error).message.split('\n')[0]!,
    hint: 'Start the server with a larger --compaction-memory-mib.',
  });
}

function canceled(): PgError {
  return new PgError(SqlState.queryCanceled, 'canceling statement due to user request');
}
