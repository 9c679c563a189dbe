import { access, mkdir, open, readFile, readdir, rename } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { PgError, SqlState } from '../../base/index.ts';

/** Changes when an older server could misread the data folder. */
export const dataFormat = 1;
const markerName = 'pgtide.json';
/** The marker before it is renamed: all that a power loss at the very first start may leave. */
const unfinishedName = `${markerName}.new`;
/** In the folder while a backup is being restored to it. */
export const restoringName = 'restore.unfinished';

/**
 * Makes sure that the folder is ours: creates it with a marker when it is absent or empty.
 * Errors (FATAL): 58P01 when it holds something else, 55000 when its format is not ours or a restore to it was interrupted.
 */
export async function claimDataFolder(dataDir: string): Promise<void> {
  const folder = resolve(dataDir);
  try {
    const made = await mkdir(folder, { recursive: true });
    // The new folders' own names.
    for (let at = folder; made !== undefined && at !== dirname(made);) {
      at = dirname(at);
      await syncFolder(at);
    }
  } catch (error) {
    throw fatal(
      SqlState.ioError,
      `could not create the data folder "${folder}": ${messageOf(error)}`,
    );
  }
  await refuseUnfinishedRestore(folder);
  const path = join(folder, markerName);
  const marker = await readMarker(path);
  if (marker === undefined) {
    const files = (await readdir(folder)).filter((name) => name !== unfinishedName);
    if (files.length > 0)
      throw fatal(
        SqlState.undefinedFile,
        `folder "${folder}" is not a pgtide data folder: it has files but no ${markerName}`,
        'Choose an empty folder or one that pgtide has made.',
      );
    await markDataFolder(folder);
    return;
  }
  if (marker !== dataFormat)
    throw fatal(
      SqlState.objectNotInPrerequisiteState,
      `data folder "${folder}" has format ${JSON.stringify(marker)}, this server needs format ${dataFormat}`,
    );
}

async function readMarker(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw fatal(SqlState.ioError, `could not read "${path}": ${messageOf(error)}`);
  }
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && 'format' in parsed) return parsed.format;
  } catch {
    // Reported below: a marker that is no JSON is a format we do not know.
  }
  return 'unknown';
}

async function refuseUnfinishedRestore(folder: string): Promise<void> {
  const restoring = await access(join(folder, restoringName)).then(
    () => true,
    () => false,
  );
  if (restoring)
    throw fatal(
      SqlState.objectNotInPrerequisiteState,
      `folder "${folder}" is no data folder yet: a restore to it was not finished`,
      'Run pgtide restore with this folder again.',
    );
}

/** Makes the folder ours, durably. */
export async function markDataFolder(folder: string): Promise<void> {
  const unfinished = join(folder, unfinishedName);
  const file = await open(unfinished, 'w');
  try {
    await file.writeFile(`${JSON.stringify({ product: 'pgtide', format: dataFormat })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(unfinished, join(folder, markerName));
  await syncFolder(folder);
}

/** Makes new names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function fatal(code: string, message: string, hint?: string): PgError {
  return new PgError(code, message, { severity: 'FATAL', hint });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
