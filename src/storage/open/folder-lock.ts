import { readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PgError, SqlState } from '../../base/index.ts';
import { takeLevelLock } from '../hot/level-lock.ts';

/** Beside the lock itself, for people: the process that has the folder. What it says counts only while the lock is held. */
export const pidFileName = 'pgtide.pid';

export interface FolderLock {
  release(): Promise<void>;
}

/**
 * Makes this process the only one on a data folder, by whatever path it is reached. A lock left by a process that was killed does
 * not block. Errors (FATAL): 55006 naming the holder's process, 58030 when the folder can't be written.
 */
export async function lockDataFolder(dataDir: string): Promise<FolderLock> {
  const folder = await realpath(dataDir);
  const pidFile = join(folder, pidFileName);
  let lock;
  try {
    lock = await takeLevelLock(join(folder, 'lock'));
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new PgError(SqlState.ioError, `could not lock data folder "${dataDir}": ${text}`, {
      severity: 'FATAL',
    });
  }
  if (lock === undefined) {
    const pid = await readFile(pidFile, 'utf8').catch(() => '');
    const holder = /^\d+$/.test(pid.trim()) ? ` (PID ${pid.trim()})` : '';
    throw new PgError(
      SqlState.objectInUse,
      `data folder "${dataDir}" is in use by another process${holder}`,
      {
        severity: 'FATAL',
        hint: 'Stop the other server, or start this one with another data folder.',
      },
    );
  }
  // Only a help: a disk that is full now may have space by the time that something has to be written.
  await writeFile(pidFile, `${process.pid}\n`).catch(() => undefined);
  return {
    async release() {
      await rm(pidFile, { force: true }).catch(() => undefined);
      await lock.release();
    },
  };
}
