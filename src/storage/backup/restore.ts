/**
 * A data folder made of a backup, offline. A mark in it keeps servers out (claimDataFolder) until all is written, synced and read
 * again; its removal is what makes the folder one.
 */
import { mkdir, open, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { PgError, SqlState, diskError } from '../../base/index.ts';
import { fileChecksum } from '../cold/checksum.ts';
import type { Faults } from '../engine.ts';
import { openLevelStore } from '../hot/level-store.ts';
import type { HotStore } from '../hot/types.ts';
import { Keyspace } from '../keys/keyspace.ts';
import { dataFormat, markDataFolder, restoringName, syncFolder } from '../open/data-folder.ts';
import { lockDataFolder, pidFileName } from '../open/folder-lock.ts';
import { checkBackup, requireContents } from './check.ts';
import { compare, fileCopier } from './copy-file.ts';
import { contentsSum, readDump } from './dump.ts';
import type { BackupInfo } from './info.ts';
import { coldName, readInfo } from './info.ts';

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
  const { faults = () => undefined, signal } = options;
  const made = await mkdir(folder, { recursive: true });
  const lock = await lockDataFolder(folder);
  try {
    // Another restore may have been at work until now.
    await checkTarget(folder);
    await beginRestore(folder);
    await removeAllBut(folder, keptNames);
    await faults('restore: begun');
    await copyFiles(backup, folder, info, { signal, advance });
    await faults('restore: files copied');
    await writeHot(backup, folder, info, { signal, advance, faults });
    await faults('restore: hot store written');
    await checkRestored(folder, info, { signal, advance });
    await markDataFolder(folder);
    await syncAll(folder, made);
    await faults('restore: checked');
    await endRestore(folder);
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

async function beginRestore(folder: string): Promise<void> {
  const file = await open(join(folder, restoringName), 'w');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(folder);
}

async function endRestore(folder: string): Promise<void> {
  await rm(join(folder, restoringName), { force: true });
  await syncFolder(folder);
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
  readonly signal: AbortSignal | undefined;
  readonly advance: (bytes: number) => void;
}

async function copyFiles(
  backup: string,
  folder: string,
  { files }: BackupInfo,
  { signal, advance }: Work,
): Promise<void> {
  const copier = fileCopier();
  const folders = new Set([join(folder, coldName)]);
  await mkdir(join(folder, coldName), { recursive: true });
  for (const file of files) {
    signal?.throwIfAborted();
    const target = join(folder, file.path);
    if (!folders.has(dirname(target))) await mkdir(dirname(target), { recursive: true });
    for (let at = dirname(target); at.length > folder.length; at = dirname(at)) folders.add(at);
    await copier.copy(join(backup, file.path), target, file, {
      name: file.path,
      signal,
      onBytes: advance,
    });
  }
  for (const made of folders) await syncFolder(made);
}

async function writeHot(
  backup: string,
  folder: string,
  { hot }: BackupInfo,
  { signal, advance, faults }: Work & { readonly faults: Faults },
): Promise<void> {
  const sum = contentsSum();
  const store = await openLevelStore(join(folder, 'hot'));
  try {
    for await (const { entries, payload } of readDump(join(backup, hot.path), hot.path)) {
      signal?.throwIfAborted();
      sum.addPayload(payload, entries.length);
      const batch = store.batch();
      for (const [key, value] of entries) batch.put(key, value);
      await batch.write({ sync: false });
      advance(payload.length);
      await faults('restore: block written');
    }
  } finally {
    // Syncs what has been written.
    await store.close();
  }
  requireContents(sum, hot, hot.path);
}

/** Reads what has been written, as it will be read from now on. */
async function checkRestored(
  folder: string,
  { hot, files }: BackupInfo,
  { signal, advance }: Work,
): Promise<void> {
  const store = await openLevelStore(join(folder, 'hot'));
  try {
    requireContents(await contentsOf(store, signal, advance), hot, join(folder, 'hot'));
  } finally {
    await store.close();
  }
  for (const file of files) {
    signal?.throwIfAborted();
    compare(await fileChecksum(join(folder, file.path)), file, file.path);
    advance(file.bytes);
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

async function removeAllBut(folder: string, kept: readonly string[]): Promise<void> {
  for (const name of await readdir(folder))
    if (!kept.includes(name)) await rm(join(folder, name), { recursive: true, force: true });
}

/** The mark goes last. A folder that was there stays, empty. */
async function discard(folder: string, made: boolean): Promise<void> {
  const names = await readdir(folder);
  // A failure before anything was written.
  if (!names.includes(restoringName) && !names.every((name) => keptNames.includes(name))) return;
  await removeAllBut(folder, [restoringName]);
  await endRestore(folder);
  if (made) await rmdir(folder);
}
