import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';

export interface LevelLock {
  release(): Promise<void>;
}

/** The file that LevelDB locks. */
const lockName = 'LOCK';

/**
 * Takes the lock that LevelDB keeps on a database of its own in `folder`: one of the operating system, which ends with the process,
 * however that ends. Held before the hot store is opened, as its log may be repaired then. Undefined when another process has it.
 * Throws what LevelDB does when the folder can't be written.
 */
export async function takeLevelLock(folder: string): Promise<LevelLock | undefined> {
  try {
    return await open(folder);
  } catch {
    // The database holds nothing, and LevelDB does not make a new one safely: a power loss may have left it unreadable.
    for (const name of await readdir(folder)) {
      if (name !== lockName) await rm(join(folder, name), { force: true });
    }
    return await open(folder);
  }
}

async function open(folder: string): Promise<LevelLock | undefined> {
  const db = new Level<Buffer, Buffer>(folder, { cacheSize: 0, writeBufferSize: 64 * 1024 });
  try {
    await db.open();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    if (cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED')
      return undefined;
    throw cause;
  }
  return { release: () => db.close() };
}
