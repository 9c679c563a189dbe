/** LevelDB's change to a new log file, done at our moment and durably. */
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { PgError, SqlState } from '../../base/index.ts';
import { syncFolder } from '../open/data-folder.ts';

/** How often the folder is looked at for the new log. */
const newLogPollMs = 1;

/** Numbers of the log files in LevelDB's folder, in order of writing. */
export async function logNumbers(folder: string): Promise<number[]> {
  const numbers: number[] = [];
  for (const name of await readdir(folder)) {
    const match = /^(\d+)\.log$/.exec(name);
    if (match !== null) numbers.push(Number(match[1]));
  }
  return numbers.sort((a, b) => a - b);
}

/** The file of log `number` in `folder`. */
export function logName(number: number): string {
  return `${String(number).padStart(6, '0')}.log`;
}

/**
 * Makes LevelDB go on with a new log: `compact` of a range without keys moves it there first, then writes the old memtable as a
 * table. Resolves once the new log's name is durable; the caller writes nothing meanwhile.
 * `compacted` never rejects, and comes later.
 * LevelDB alone syncs the folder only with its next MANIFEST: until then a power loss would take the log, and what was
 * synced in it, away. Errors: 58030 when there is no new log, in which case the old one is still in use.
 */
export async function startNewLog(
  folder: string,
  compact: () => Promise<void>,
): Promise<{ readonly compacted: Promise<void> }> {
  const last = (await logNumbers(folder)).at(-1) ?? 0;
  let done = false;
  // When it fails, so does the next write.
  const compacted = compact().then(
    () => void (done = true),
    () => void (done = true),
  );
  for (;;) {
    const ended = done;
    const newest = (await logNumbers(folder)).at(-1) ?? 0;
    if (newest > last) break;
    if (ended) throw new PgError(SqlState.ioError, 'could not start a new log file');
    await sleep(newLogPollMs);
  }
  await syncFolder(folder);
  return { compacted };
}
