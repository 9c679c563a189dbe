/**
 * A data folder made of a backup, offline. A mark in it keeps servers out (claimDataFolder) until all is written, synced and read
 * again; its removal is what makes the folder one.
 */
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { PgError, SqlState, diskError, systemRandom } from '../../base/index.ts';
import { fileChecksum } from '../cold/checksum.ts';
import type { RandomBytes } from '../../base/index.ts';
import type { Faults } from '../engine.ts';
import { openLevelStore } from '../hot/level-store.ts';
import type { HotStore } from '../hot/types.ts';
import { Keyspace } from '../keys/keyspace.ts';
import { dataFormat, markDataFolder, restoringName, syncFolder } from '../open/data-folder.ts';
import { lockDataFolder, pidFileName } from '../open/folder-lock.ts';
import { checkBackup, requireContents } from './check.ts';
import { compare, fileCopier } from './copy-file.ts';
import type { DumpContents } from './dump.ts';
import { contentsSum, readDump } from './dump.ts';
import type { BackupFile, BackupInfo } from './info.ts';
import { coldName, readInfo } from './info.ts';
import { claimLocations, clearLocations, entryWithTag, placeOf, rootsOf } from './locations.ts';
import { readMark, removeMark, writeMark } from './restore-mark.ts';

/** Entries per read of the restored hot store. */
const readEntries = 2048;
/** The hot store's payload and the files are read, written and read again. */
const passes = 3;

export interface RestoreOptions {
  /** The backup's folder. */
  readonly backup: string;
  /** The new data folder: absent, empty, or one in which a restore was interrupted. */
  readonly dataDir: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (fraction: number) => void;
  readonly random?: RandomBytes;
  /** Called (and awaited) at each named step; for tests. */
  readonly faults?: Faults;
}

export interface RestoreResult {
  readonly commitSeq: number;
  readonly hotEntries: number;
  readonly files: number;
  readonly bytes: number;
  /** ISO 8601: of the state that is there now. */
  readonly backupStartedAt: string;
}

/**
 * Errors: 55000 when the backup is not complete or the target is not empty, 55006 when another process works in it, XX001 or 58P01
 * naming a file of the backup that is damaged or missing, 53100, 58030. A restore that fails leaves nothing behind but, where that
 * can't be removed, the mark.
 */
export async function restore(options: RestoreOptions): Promise<RestoreResult> {
  const backup = resolve(options.backup);
  const folder = resolve(options.dataDir);
  const info = await readInfo(backup);
  if (info.dataFormat !== dataFormat)
    throw new PgError(
      SqlState.objectNotInPrerequisiteState,
      `backup "${options.backup}" has data of format ${info.dataFormat}, this pgtide needs format ${dataFormat}`,
    );
  const bytes = info.files.reduce((sum, file) => sum + file.bytes, info.hot.payloadBytes);
  let doneBytes = 0;
  const advance = (more: number): void => {
    doneBytes += more;
    options.onProgress?.(Math.min(1, doneBytes / Math.max(1, bytes * passes)));
  };
  await checkTarget(folder);
  await checkBackup(backup, info, { signal: options.signal, onBytes: advance });
  const { faults = () => undefined, signal, random = systemRandom } = options;
  const tag = Buffer.from(random(4)).toString('hex');
  const work: Work = { backup, folder, info, tag, signal, advance, faults };
  const made = await mkdir(folder, { recursive: true });
  const lock = await lockDataFolder(folder);
  try {
    // Another restore may have been at work until now.
    await checkTarget(folder);
    await removeUnfinished(folder);
    await writeMark(folder, { tag, roots: rootsOf(info) });
    await faults('restore: begun');
    await copyFiles(work);
    await faults('restore: files copied');
    await checkHot(work, await writeHot(work));
    await checkFiles(work);
    await markDataFolder(folder);
    await syncAll(folder, made);
    await faults('restore: checked');
    await removeMark(folder);
  } catch (error) {
    await lock.release();
    await discard(folder, made !== undefined).catch(() => undefined);
    throw signal?.aborted === true ? error : (diskError(error) ?? error);
  }
  await lock.release();
  options.onProgress?.(1);
  const { commitSeq, hot, files, startedAt } = info;
  return {
    commitSeq,
    hotEntries: hot.entries,
    files: files.length,
    bytes: files.reduce((sum, file) => sum + file.bytes, hot.bytes),
    backupStartedAt: startedAt,
  };
}

/** What is there of a folder before anything is restored to it. */
const keptNames: readonly string[] = [restoringName, 'lock', pidFileName];

async function checkTarget(folder: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return;
    if (code !== 'ENOTDIR') throw diskError(error) ?? error;
    throw new PgError(SqlState.objectNotInPrerequisiteState, `"${folder}" is not a folder`);
  }
  if (names.includes(restoringName) || names.every((name) => keptNames.includes(name))) return;
  throw new PgError(
    SqlState.objectNotInPrerequisiteState,
    `could not restore to "${folder}": the folder is not empty`,
    { hint: 'Choose a data folder that does not exist yet, or an empty one.' },
  );
}

interface Work {
  readonly backup: string;
  readonly folder: string;
  readonly info: BackupInfo;
  /** The restored folder's, in locations that others may use as well. */
  readonly tag: string;
  readonly signal: AbortSignal | undefined;
  readonly advance: (bytes: number) => void;
  readonly faults: Faults;
}

/** Absolute path of a restored file. */
function targetOf({ folder, info, tag }: Work, file: BackupFile): string {
  return placeOf(info, file, tag) ?? join(folder, file.path);
}

async function copyFiles(work: Work): Promise<void> {
  const { backup, folder, info, tag, signal, advance } = work;
  const copier = fileCopier();
  const roots = rootsOf(info);
  await claimLocations(roots, folder, tag);
  const folders = new Set([join(folder, coldName)]);
  await mkdir(join(folder, coldName), { recursive: true });
  for (const file of info.files) {
    signal?.throwIfAborted();
    const target = targetOf(work, file);
    if (!folders.has(dirname(target))) await mkdir(dirname(target), { recursive: true });
    const root = [folder, ...roots].find((one) => target.startsWith(`${one}/`)) ?? '/';
    for (let at = dirname(target); at.length >= root.length; at = dirname(at)) {
      if (folders.has(at)) break;
      folders.add(at);
    }
    await copier.copy(join(backup, file.path), target, file, {
      name: file.path,
      signal,
      onBytes: advance,
    });
  }
  for (const made of folders) await syncFolder(made);
}

/** Returns what is in the hot store now: the dump, but for names of files. */
async function writeHot(work: Work): Promise<DumpContents> {
  const { backup, folder, info, tag, signal, advance, faults } = work;
  const { hot } = info;
  const read = contentsSum();
  const written = contentsSum();
  const store = await openLevelStore(join(folder, 'hot'));
  try {
    for await (const { entries, payload } of readDump(join(backup, hot.path), hot.path)) {
      signal?.throwIfAborted();
      read.addPayload(payload, entries.length);
      const own = entries.map((entry) => entryWithTag(entry, tag));
      written.add(own);
      const batch = store.batch();
      for (const [key, value] of own) batch.put(key, value);
      await batch.write({ sync: false });
      advance(payload.length);
      await faults('restore: block written');
    }
  } finally {
    // Syncs what has been written.
    await store.close();
  }
  requireContents(read, hot, hot.path);
  await faults('restore: hot store written');
  return written.contents();
}

/** Reads what has been written, as it will be read from now on. */
async function checkHot({ folder, signal, advance }: Work, expected: DumpContents): Promise<void> {
  const store = await openLevelStore(join(folder, 'hot'));
  try {
    requireContents(await contentsOf(store, signal, advance), expected, join(folder, 'hot'));
  } finally {
    await store.close();
  }
}

async function checkFiles(work: Work): Promise<void> {
  for (const file of work.info.files) {
    work.signal?.throwIfAborted();
    compare(await fileChecksum(targetOf(work, file)), file, file.path);
    work.advance(file.bytes);
  }
}

async function contentsOf(
  store: HotStore,
  signal: AbortSignal | undefined,
  advance: (bytes: number) => void,
): Promise<ReturnType<typeof contentsSum>> {
  const sum = contentsSum();
  const cursor = store.scan({ from: Buffer.alloc(1), to: Buffer.from([Keyspace.unsyncedTail]) });
  try {
    let before = 0;
    for (;;) {
      signal?.throwIfAborted();
      const entries = await cursor.next(readEntries);
      if (entries.length === 0) return sum;
      sum.add(entries);
      const { payloadBytes } = sum.contents();
      advance(payloadBytes - before);
      before = payloadBytes;
    }
  } finally {
    await cursor.close();
  }
}

/** The names of the folder and of those that were made for it. */
async function syncAll(folder: string, made: string | undefined): Promise<void> {
  await syncFolder(folder);
  for (let at = folder; made !== undefined && at !== dirname(made);) {
    at = dirname(at);
    await syncFolder(at);
  }
}

/** What a restore that was interrupted has written. */
async function removeUnfinished(folder: string): Promise<void> {
  const mark = await readMark(folder);
  if (mark !== undefined) await clearLocations(mark.roots, mark.tag);
  await removeAllBut(folder, keptNames);
}

async function removeAllBut(folder: string, kept: readonly string[]): Promise<void> {
  for (const name of await readdir(folder))
    if (!kept.includes(name)) await rm(join(folder, name), { recursive: true, force: true });
}

/** The mark goes last. A folder that was there stays, empty. */
async function discard(folder: string, made: boolean): Promise<void> {
  const names = await readdir(folder);
  // A failure before anything was written.
  if (!names.includes(restoringName) && !names.every((name) => keptNames.includes(name))) return;
  await removeUnfinished(folder);
  await removeAllBut(folder, [restoringName]);
  await removeMark(folder);
  if (made) await rmdir(folder);
}
