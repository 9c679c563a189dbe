import { Level } from 'level';
import type { HotEntry } from './types.ts';

/** How much one read of an iterator may prefetch. */
const readAheadBytes = 1024 * 1024;

/** Reads of a database from another thread than the one that has opened it, each as of the moment it begins. */
export interface LevelReader {
  get(key: Buffer): Buffer | undefined;
  scan(
    from: Buffer,
    to: Buffer,
  ): { next(max: number): Promise<HotEntry[]>; close(): Promise<void> };
  close(): Promise<void>;
}

/**
 * A second handle on the LevelDB database that this process has open in `folder` (by the same path, see level-store.ts). It must
 * be closed before the first one, or the database stays open. Damage of tables is not looked for here: the first handle has to vouch for
 * the range.
 */
export async function openLevelReader(folder: string): Promise<LevelReader> {
  const db = new Level<Buffer, Buffer>(folder, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    createIfMissing: false,
    multithreading: true,
  });
  await db.open();
  return {
    get: (key) => db.getSync(key, { keyEncoding: 'buffer', valueEncoding: 'buffer' }),
    scan(from, to) {
      const iterator = db.iterator({
        gte: from,
        lt: to,
        // What is flushed is not read again.
        fillCache: false,
        highWaterMarkBytes: readAheadBytes,
      });
      return {
        next: async (max) => (await iterator.nextv(max)) as HotEntry[],
        close: () => iterator.close(),
      };
    },
    close: () => db.close(),
  };
}
