import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { restoringName, syncFolder } from '../open/data-folder.ts';

/** What the mark of an unfinished restore says: what it may have written outside of its folder. */
export interface RestoreMark {
  readonly tag: string;
  /** Absolute folders of tablespaces. */
  readonly roots: readonly string[];
}

/** From here on no server starts in the folder. */
export async function writeMark(folder: string, mark: RestoreMark): Promise<void> {
  const file = await open(join(folder, restoringName), 'w');
  try {
    await file.writeFile(JSON.stringify(mark));
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(folder);
}

/** Undefined: there is none, or it was not written completely, and then nothing else was. */
export async function readMark(folder: string): Promise<RestoreMark | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, restoringName), 'utf8')) as RestoreMark;
  } catch {
    return undefined;
  }
}

export async function removeMark(folder: string): Promise<void> {
  await rm(join(folder, restoringName), { force: true });
  await syncFolder(folder);
}
