import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Level } from 'level';
import { syncFolder } from '../open/data-folder.ts';

/**
 * Makes an empty database at `folder` unless there is something. LevelDB does not sync its first MANIFEST, so a power loss while it
 * makes a database leaves one that can't be opened; here it gets its name once all of it is safe.
 */
export async function createLevel(folder: string): Promise<void> {
  if (!(await isEmpty(folder))) return;
  const unfinished = `${folder}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  const db = new Level(unfinished);
  await db.open();
  await db.close();
  for (const name of await readdir(unfinished)) await syncFile(join(unfinished, name));
  await syncFolder(unfinished);
  await rename(unfinished, folder);
  await syncFolder(dirname(folder));
}

async function isEmpty(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).length === 0;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return true;
    throw error;
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
