import type { RowLocker } from '../../executor/lock-rows.ts';
import type { Row } from '../../types/value.ts';
import type { RowFeed } from './row-feed.ts';

/** Rows that are locked as they are taken, not as they are read ahead: a cursor locks what has been fetched from it. */
export function lockingFeed(feed: RowFeed, createLocker: () => Promise<RowLocker>): RowFeed {
  let locker: RowLocker | undefined;
  return {
    prime: () => feed.prime(),
    take: async (rowsMax) => {
      locker ??= await createLocker();
      const locked: Row[] = [];
      while (locked.length === 0 && !locker.done) {
        const rows = await feed.take(rowsMax);
        if (rows.length === 0) break;
        for (const row of rows) {
          if (locker.done) break;
          const now = await locker.lock(row);
          if (now !== undefined) locked.push(now);
        }
      }
      return locked;
    },
    drain: (limit, errors) => feed.drain(limit, errors),
    close: () => feed.close(),
  };
}
