/**
 * An online backup: all of the storage as it is at one commit, while reads and writes go on. A snapshot of the hot store says what
 * belongs to that commit, the files that it lists included. Work goes in small pieces, so that others have their turn between them.
 */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { diskError, pgEpochUnixMicros } from '../../base/index.ts';
import type { ManifestEntry } from '../cold/manifest.ts';
import { decodeManifestEntry } from '../cold/manifest.ts';
import type { Engine } from '../engine.ts';
import type { HotCursor, HotEntry } from '../hot/types.ts';
import { keyText, prefixEnd } from '../keys/buffer.ts';
import { Keyspace, metaKey, sequenceKey } from '../keys/keyspace.ts';
import { dataFormat, syncFolder } from '../open/data-folder.ts';
import type { SequenceStore } from '../sequences.ts';
import type { Reader } from '../txn/reader.ts';
import { createReader } from '../txn/reader.ts';
import type { BackupOptions, BackupResult } from '../types.ts';
import { fileCopier } from './copy-file.ts';
import type { DumpFile } from './dump.ts';
import { createDump } from './dump.ts';
import type { BackupFile, BackupInfo, BackupLocation } from './info.ts';
import { backupFormat, coldName, dumpName, readInfo, tablespacesName, writeInfo } from './info.ts';
import { checkBackupPath, claimTarget, markComplete } from './target.ts';

/** Entries per read of the hot store: what is done with them is what others wait for. */
const readEntries = 512;
/** Files being copied at a time: the threads that do it also sync commits. */
const copiesInFlightMax = 2;

export interface BackupParts {
  readonly engine: Engine;
  readonly sequences: SequenceStore;
  readonly dataDir: string;
  /** From the call on no file that is listed then goes; until the function that it returns is called. */
  holdFiles(): () => void;
}

/** Errors: 22023, 55000 and 58P01 for the path (target.ts), XX001 and 58P01 for a file that is damaged or missing, 53100, 58030. */
export async function backup(parts: BackupParts, options: BackupOptions): Promise<BackupResult> {
  const locations = [...parts.engine.places.locations.values()].map(({ root }) => root);
  await checkBackupPath(options.path, parts.dataDir, locations);
  const done = await readInfo(options.path).catch(() => undefined);
  if (done?.token === options.token) {
    await markComplete(options.path);
    return resultOf(options.path, done);
  }
  const target = await claimTarget(options.path, options.token);
  try {
    const info = await write(parts, options, target.folder);
    await parts.engine.faults('backup: written');
    await markComplete(target.folder);
    return resultOf(options.path, info);
  } catch (error) {
    await target.discard().catch((discarding: unknown) => {
      parts.engine.log.warn(
        { err: discarding, path: options.path },
        'what an unfinished backup has written could not be removed',
      );
    });
    throw options.signal?.aborted === true ? error : (diskError(error) ?? error);
  }
}

function resultOf(path: string, { commitSeq, tables, hot, files }: BackupInfo): BackupResult {
  return {
    path,
    commitSeq,
    tables,
    hotEntries: hot.entries,
    files: files.length,
    coldRows: files.reduce((sum, file) => sum + file.rows, 0),
    bytes: files.reduce((sum, file) => sum + file.bytes, hot.bytes),
  };
}

async function write(
  { engine, sequences, holdFiles }: BackupParts,
  options: BackupOptions,
  folder: string,
): Promise<BackupInfo> {
  const startedAt = isoTime(engine);
  const stopped = AbortSignal.any([engine.closing, ...(options.signal ? [options.signal] : [])]);
  // All that was committed before the backup was asked for is in it.
  await engine.sequencer.submit({ sync: false, takesSeq: false, write: () => undefined });
  const releaseFiles = holdFiles();
  const reader = createReader(engine);
  try {
    reader.hot();
    // In the same tick: what no commit that is in the backup can have gone beyond.
    const positions = sequences.positions();
    const commitSeq = reader.seq;
    await engine.faults('backup: snapshot taken');
    const tableExists = (tableId: number): boolean =>
      reader.get(metaKey(options.tableMetaKey(tableId))) !== undefined;
    const listed = (await filesAt(engine, reader)).filter(({ tableId }) => tableExists(tableId));
    const hotBytes = await engine.store.approximateBytes(Buffer.alloc(1), everyKeyEnd);
    const allBytes = listed.reduce((sum, file) => sum + file.bytes, Math.max(1, hotBytes));
    let doneBytes = 0;
    const advance = (bytes: number): void => {
      doneBytes += bytes;
      options.onProgress?.(Math.min(0.99, doneBytes / allBytes));
    };
    const files = await copyFiles(engine, listed, folder, stopped, advance);
    await engine.faults('backup: files copied');
    const dump = await dumpHot(engine, reader, join(folder, dumpName), {
      signal: stopped,
      advance,
      entryOf: entryFilter(options, positions),
    });
    await engine.faults('backup: hot store dumped');
    const info: BackupInfo = {
      product: 'pgtide',
      backupFormat,
      dataFormat,
      startedAt,
      finishedAt: isoTime(engine),
      commitSeq,
      tables: new Set(listed.map(({ tableId }) => tableId)).size,
      token: options.token,
      locations: locationsOf(engine, files),
      hot: { path: dumpName, ...dump },
      files,
    };
    stopped.throwIfAborted();
    await writeInfo(folder, info);
    return info;
  } finally {
    reader.release();
    releaseFiles();
  }
}

const everyKeyEnd = Buffer.from([Keyspace.unsyncedTail]);

function isoTime({ clock }: Engine): string {
  return new Date(Number((clock.now() + pgEpochUnixMicros) / 1000n)).toISOString();
}

async function filesAt(engine: Engine, reader: Reader): Promise<ManifestEntry[]> {
  const from = Buffer.from([Keyspace.manifest]);
  const files: ManifestEntry[] = [];
  const cursor = engine.store.scan({ from, to: prefixEnd(from), snapshot: reader.hot() });
  try {
    for (;;) {
      const entries = await cursor.next(readEntries);
      if (entries.length === 0) return files;
      for (const [, value] of entries) files.push(decodeManifestEntry(value, 'a manifest entry'));
    }
  } finally {
    await cursor.close();
  }
}

/** What becomes of an entry: meta entries may stay out, sequences have the exact positions of the moment. */
function entryFilter(
  { without }: BackupOptions,
  positions: ReadonlyMap<number, Buffer>,
): (entry: HotEntry) => HotEntry | undefined {
  const exact = new Map([...positions].map(([id, record]) => [keyText(sequenceKey(id)), record]));
  return (entry) => {
    const [key] = entry;
    if (key[0] === Keyspace.meta && without?.(key.toString('utf8', 1)) === true) return undefined;
    if (key[0] !== Keyspace.sequences) return entry;
    const record = exact.get(keyText(key));
    return record === undefined ? entry : [key, record];
  };
}

/** Where files are in the backup. */
function folderOf(tablespaceId: number | undefined): string {
  return tablespaceId === undefined ? coldName : `${tablespacesName}/${tablespaceId}`;
}

function locationsOf({ places }: Engine, files: readonly BackupFile[]): BackupLocation[] {
  const ids = new Set(files.flatMap(({ tablespaceId }) => tablespaceId ?? []));
  return [...ids]
    .sort((a, b) => a - b)
    .flatMap((tablespaceId) => {
      const known = places.locations.get(tablespaceId);
      return known === undefined ? [] : [{ tablespaceId, location: known.location }];
    });
}

async function copyFiles(
  engine: Engine,
  listed: readonly ManifestEntry[],
  folder: string,
  signal: AbortSignal,
  advance: (bytes: number) => void,
): Promise<BackupFile[]> {
  const copier = fileCopier();
  const folders = new Set<string>([folder]);
  const files: BackupFile[] = [];
  let next = 0;
  const copyNext = async (): Promise<void> => {
    for (let file = listed[next++]; file !== undefined; file = listed[next++]) {
      signal.throwIfAborted();
      const { tablespaceId } = file;
      const path = `${folderOf(tablespaceId)}/${file.path}`;
      const target = join(folder, path);
      await makeFolders(dirname(target), folder, folders);
      await copier.copy(engine.places.path(file), target, file, {
        name: file.path,
        signal,
        onBytes: advance,
      });
      const { bytes, checksum, rows } = file;
      files.push({
        path,
        bytes,
        checksum,
        rows,
        ...(tablespaceId === undefined ? {} : { tablespaceId }),
      });
    }
  };
  const workers = Array.from({ length: copiesInFlightMax }, copyNext);
  const failed = (await Promise.allSettled(workers)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
  for (const made of folders) await syncFolder(made);
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** `folders` gathers what is to be synced. */
async function makeFolders(folder: string, root: string, folders: Set<string>): Promise<void> {
  if (folders.has(folder)) return;
  await mkdir(folder, { recursive: true });
  for (let at = folder; at.length > root.length; at = dirname(at)) folders.add(at);
}

async function dumpHot(
  engine: Engine,
  reader: Reader,
  path: string,
  options: {
    readonly signal: AbortSignal;
    readonly advance: (bytes: number) => void;
    readonly entryOf: (entry: HotEntry) => HotEntry | undefined;
  },
): Promise<DumpFile> {
  const dump = await createDump(path);
  let cursor: HotCursor | undefined;
  try {
    cursor = engine.store.scan({
      from: Buffer.alloc(1),
      to: everyKeyEnd,
      snapshot: reader.hot(),
    });
    for (;;) {
      options.signal.throwIfAborted();
      const entries = await cursor.next(readEntries);
      if (entries.length === 0) break;
      let bytes = 0;
      for (const [key, value] of entries) bytes += key.length + value.length;
      await dump.add(
        entries.flatMap((entry) => [options.entryOf(entry)].filter((kept) => kept !== undefined)),
      );
      options.advance(bytes);
    }
    return await dump.finish();
  } catch (error) {
    await dump.abort().catch(() => undefined);
    throw error;
  } finally {
    await cursor?.close();
  }
}
