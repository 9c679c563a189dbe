import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { PgError, SqlState } from '../../base/index.ts';
import { syncFolder } from '../open/data-folder.ts';
import type { DumpFile } from './dump.ts';
import { hex } from './dump.ts';

/** Changes when an older pgtide could misread a backup. */
export const backupFormat = 1;
/** Written last: a folder without it is no backup. */
export const infoName = 'backup.json';
export const dumpName = 'hot.dump';
/** The folder of the Parquet files, laid out as in the data folder. */
export const coldName = 'cold';

/** The folder of those in tablespaces, each tablespace's in one that is called as its id. */
export const tablespacesName = 'tablespaces';

/** A Parquet file of the backup. */
export interface BackupFile {
  /** Below the backup's folder, with forward slashes. */
  readonly path: string;
  readonly bytes: number;
  /** CRC-32, hexadecimal. */
  readonly checksum: string;
  readonly rows: number;
  /** Whose location it comes from; undefined: the data folder. */
  readonly tablespaceId?: number;
}

/** Where the files of a tablespace are when they are not in a backup. */
export interface BackupLocation {
  readonly tablespaceId: number;
  /** The tablespace's LOCATION. */
  readonly location: string;
}

/** What backup.json says. */
export interface BackupInfo {
  readonly product: 'pgtide';
  readonly backupFormat: number;
  /** The data folder's. */
  readonly dataFormat: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** The last commit that is in it. */
  readonly commitSeq: number;
  readonly tables: number;
  /** Tells backups apart: the job that made it. */
  readonly token: string;
  /** Of those tablespaces that have files in the backup. */
  readonly locations: readonly BackupLocation[];
  readonly hot: DumpFile & { readonly path: string };
  readonly files: readonly BackupFile[];
}

/** Writes backup.json and makes it durable, checksum included. */
export async function writeInfo(folder: string, info: BackupInfo): Promise<void> {
  const unfinished = join(folder, `${infoName}.tmp`);
  const file = await open(unfinished, 'wx');
  try {
    const text = JSON.stringify(info);
    await file.writeFile(`{"checksum":"${hex(crc32(text))}","backup":${text}}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(unfinished, join(folder, infoName));
  await syncFolder(folder);
}

/** Errors: 55000 when there is none (the backup is not complete) or its format is not ours, XX001 when it is damaged. */
export async function readInfo(folder: string): Promise<BackupInfo> {
  const path = join(folder, infoName);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    throw new PgError(
      SqlState.objectNotInPrerequisiteState,
      `"${folder}" is not a complete backup: it has no ${infoName}`,
      { hint: `A backup gets its ${infoName} when all of it is safely written.` },
    );
  }
  const stored = parsed(text);
  if (stored === undefined || hex(crc32(JSON.stringify(stored.backup))) !== stored.checksum)
    throw new PgError(
      SqlState.dataCorrupted,
      `file "${infoName}" of the backup is corrupted: wrong checksum`,
    );
  const info = stored.backup as BackupInfo;
  if (info.product !== 'pgtide' || info.backupFormat !== backupFormat)
    throw new PgError(
      SqlState.objectNotInPrerequisiteState,
      `backup "${folder}" has format ${JSON.stringify(info.backupFormat)}, this pgtide reads format ${backupFormat}`,
    );
  for (const { path } of [info.hot, ...info.files]) {
    if (path.startsWith('/') || path.split('/').includes('..'))
      throw new PgError(
        SqlState.dataCorrupted,
        `file "${infoName}" of the backup names a file outside of it: "${path}"`,
      );
  }
  return info;
}

function parsed(
  text: string,
): { readonly checksum: unknown; readonly backup: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'checksum' in value && 'backup' in value)
      return { checksum: value.checksum, backup: value.backup };
  } catch {
    // Told by the caller.
  }
  return undefined;
}
