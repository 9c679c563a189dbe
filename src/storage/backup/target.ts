import { lstat, mkdir, readFile, readdir, realpath, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { PgError, SqlState, diskError } from '../../base/index.ts';
import { syncFolder } from '../open/data-folder.ts';

/** In the folder while the backup is being written: whose it is, so that the same job may begin again. */
const unfinishedName = 'backup.unfinished';

/** The folder of a backup that is being written. */
export interface BackupTarget {
  readonly folder: string;
  /** Removes everything that was written, and the folder if it was made for this. */
  discard(): Promise<void>;
}

function refuse(path: string, why: string, hint?: string): PgError {
  return new PgError(
    SqlState.objectNotInPrerequisiteState,
    `could not back up to "${path}": ${why}`,
    { hint },
  );
}

/**
 * Errors: 22023 when the path is not absolute, 55000 when it is no place for a backup, 58P01 when the folder it is to be in
 * does not exist.
 */
export async function checkBackupPath(
  path: string,
  dataDir: string,
  locations: readonly string[],
): Promise<void> {
  if (path === '' || path.includes('\0') || !isAbsolute(path))
    throw new PgError(SqlState.invalidParameterValue, 'the path of a backup must be absolute', {
      detail: `"${path.replaceAll('\0', '\\0')}" is not.`,
    });
  const folder = resolve(path);
  const parent = await realpath(dirname(folder)).catch(() => undefined);
  if (parent === undefined)
    throw new PgError(SqlState.undefinedFile, `folder "${dirname(folder)}" does not exist`);
  const data = await realpath(dataDir);
  const inside = (inner: string, outer: string): boolean =>
    `${inner}${sep}`.startsWith(outer + sep);
  const real = await realpath(folder).catch(() =>
    join(parent, folder.slice(dirname(folder).length)),
  );
  if (inside(real, data) || inside(data, real))
    throw refuse(path, 'it is within the data folder, or the data folder within it');
  // A start removes files from there that bear its tag and that no manifest lists.
  for (const root of locations) {
    const location = await realpath(root).catch(() => root);
    if (inside(real, location) || inside(location, real))
      throw refuse(path, `it is within the location of a tablespace, "${root}", or that within it`);
  }
}

/** The folder's entries; undefined: there is no such folder. Throws 55000 when it is something else. */
async function entriesOf(folder: string): Promise<string[] | undefined> {
  try {
    return await readdir(folder);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' && !(await exists(folder))) return undefined;
    if (code === 'ENOTDIR') throw refuse(folder, 'it is not a folder');
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Makes the folder, or takes an empty one, or one in which the same job (`token`) has been interrupted. Errors: 55000 when there is
 * something in it, 58030 and 53100 when it can't be written.
 */
export async function claimTarget(path: string, token: string): Promise<BackupTarget> {
  const folder = resolve(path);
  const mark = join(folder, unfinishedName);
  try {
    const entries = await entriesOf(folder);
    let made = entries === undefined;
    if (entries !== undefined && entries.length > 0) {
      const [owner, madeIt] = await readFile(mark, 'utf8').then(
        (text) => text.split('\n'),
        () => [],
      );
      if (owner !== token)
        throw refuse(
          path,
          'the folder is not empty',
          'Choose a folder that does not exist yet, or an empty one.',
        );
      made = madeIt === 'made';
      await empty(folder, entries);
    }
    if (entries === undefined) {
      await mkdir(folder);
      await syncFolder(dirname(folder));
    }
    await writeFile(mark, `${token}\n${made ? 'made' : 'found'}\n`, { flag: 'wx', flush: true });
    await syncFolder(folder);
    return {
      folder,
      async discard() {
        await empty(folder, await readdir(folder));
        if (made) await rmdir(folder);
      },
    };
  } catch (error) {
    throw diskError(error) ?? error;
  }
}

/** Takes the mark away. */
export async function markComplete(folder: string): Promise<void> {
  await rm(join(folder, unfinishedName), { force: true });
  await syncFolder(folder);
}

/** The mark goes last, so that an interrupted removal can be taken up. */
async function empty(folder: string, entries: readonly string[]): Promise<void> {
  for (const name of entries)
    if (name !== unfinishedName) await rm(join(folder, name), { recursive: true, force: true });
  await rm(join(folder, unfinishedName), { force: true });
}
