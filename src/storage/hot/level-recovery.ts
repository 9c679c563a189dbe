import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PgError, SqlState } from '../../base/index.ts';
import { Keyspace } from '../keys/keyspace.ts';
import { laterRecords, soundEnd } from './level-log.ts';
import { logName, logNumbers } from './level-rotation.ts';

/** Never there. Each batch that is written while the log's end is not synced ends with its deletion, as a mark. */
export const tailMarkKey = Buffer.from([Keyspace.unsyncedTail]);
/** How LevelDB writes that: a deletion, the key after its length. */
const markedEnd = Buffer.from([0, 1, Keyspace.unsyncedTail]);

/**
 * Cuts LevelDB's last log where its sound records end: what a power loss or a failed write has left half there. A record that
 * follows the damage and that was written when all before it were synced says that it is no such thing: XX001.
 */
export async function cutLogs(
  folder: string,
  report?: { warn(fields: object, message: string): void },
): Promise<void> {
  let numbers: number[];
  try {
    numbers = await logNumbers(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  for (const number of numbers) {
    const path = join(folder, logName(number));
    const log = await readFile(path);
    const soundBytes = soundEnd(log);
    if (soundBytes === log.length) continue;
    // Each log is synced as a whole before the next is begun.
    if (number !== numbers.at(-1) || followedBySynced(log, soundBytes))
      throw corrupted(path, soundBytes);
    const cutBytes = log.length - soundBytes;
    report?.warn(
      { file: path, cutBytes },
      'the end of the log was not written completely: cut off',
    );
    const file = await open(path, 'r+');
    try {
      await file.truncate(soundBytes);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

function followedBySynced(log: Buffer, soundBytes: number): boolean {
  for (const { batch } of laterRecords(log, soundBytes)) {
    if (!batch.subarray(-markedEnd.length).equals(markedEnd)) return true;
  }
  return false;
}

function corrupted(path: string, offset: number): PgError {
  return new PgError(
    SqlState.dataCorrupted,
    `log file "${path}" is corrupted at byte ${offset}: wrong checksum`,
    {
      severity: 'FATAL',
      detail:
        'Transactions that were committed after this place are in the file, so it was not cut off there.',
      hint: 'Restore the data folder from a backup.',
    },
  );
}
