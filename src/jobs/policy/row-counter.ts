import type { FlushPolicy } from '../../catalog/flush-policy.ts';

/** Users of whom it is remembered one by one how much they may have; beyond that all are counted. */
const usersMax = 1_000_000;
/** After a count that was below the limit, the next one waits for this part of the limit to be written. */
const slack = 0.1;

/** Counts the rows that a flush would move; of all users, or of those asked for. */
export type CountRows = (users?: readonly string[]) => Promise<ReadonlyMap<string, number>>;

/** What is known of one user, or of all together: never less than there is. */
interface Known {
  /** Rows at the last count, and written since. */
  atMost: number;
  /** Written since the last count. */
  since: number;
}

/**
 * Knows at a commit's price how many hot rows users may have at most, and counts only where that reaches a limit: an update writes a
 * row that is hot already, which only a count tells.
 */
export interface RowCounter {
  /** Rows of a user have been written; undefined: of whom and how many is not known. */
  wrote(userId: string | undefined, rows: number): void;
  /** Whether there may be any. */
  readonly mayBeHot: boolean;
  /** Users that have reached the policy's `rows`, or 'all' when the table has reached `totalRows`. */
  reached(policy: FlushPolicy): Promise<readonly string[] | 'all'>;
  /** A flush of these begins: what is written from now on is what they have. */
  flushing(users: readonly string[] | 'all'): void;
  /** Users that have reached their limit and are still to be flushed. */
  postpone(users: readonly string[]): void;
  /** Nothing is known any more. */
  forget(): void;
}

export function createRowCounter(count: CountRows): RowCounter {
  const users = new Map<string, Known>();
  /** Users to be looked at. */
  const written = new Set<string>();
  const total: Known = { atMost: 0, since: 0 };
  let unknown = true;

  const isDue = ({ atMost, since }: Known, limit: number | undefined): boolean =>
    limit !== undefined && atMost >= limit && (since >= limit * slack || atMost - since >= limit);

  function add(known: Known, rows: number): void {
    known.atMost += rows;
    known.since += rows;
  }

  function learn(counts: ReadonlyMap<string, number>): void {
    users.clear();
    let sum = 0;
    for (const [userId, rows] of counts) {
      users.set(userId, { atMost: rows, since: 0 });
      sum += rows;
    }
    total.atMost = sum;
    total.since = 0;
  }

  return {
    wrote(userId, rows) {
      if (userId === undefined) {
        unknown = true;
        return;
      }
      add(total, rows);
      written.add(userId);
      const known = users.get(userId);
      if (known !== undefined) add(known, rows);
      else if (users.size < usersMax) users.set(userId, { atMost: rows, since: rows });
      else unknown = true;
    },
    get mayBeHot() {
      return unknown || total.atMost > 0;
    },
    async reached({ rows, totalRows }) {
      const looked = [...written];
      written.clear();
      if (unknown || isDue(total, totalRows)) {
        // Before it counts: what is written meanwhile may be counted twice, which is no harm, but must not be missed.
        unknown = false;
        const counts = await count().catch((error: unknown) => {
          unknown = true;
          throw error;
        });
        const meanwhile = [...written].map(
          (userId) => [userId, users.get(userId)?.since ?? 0] as const,
        );
        learn(counts);
        for (const [userId, since] of meanwhile) {
          add(total, since);
          users.set(userId, { atMost: (counts.get(userId) ?? 0) + since, since });
        }
        if (totalRows !== undefined && total.atMost >= totalRows) return 'all';
        if (rows === undefined) return [];
        return [...users].flatMap(([userId, { atMost }]) => (atMost >= rows ? [userId] : []));
      }
      if (rows === undefined) return [];
      const doubtful = looked.filter((userId) => isDue(users.get(userId) ?? total, rows));
      if (doubtful.length === 0) return [];
      const counts = await count(doubtful);
      for (const userId of doubtful) {
        const atMost = counts.get(userId) ?? 0;
        if (written.has(userId)) continue;
        users.set(userId, { atMost, since: 0 });
      }
      return doubtful.filter((userId) => (counts.get(userId) ?? 0) >= rows);
    },
    flushing(flushed) {
      if (flushed === 'all') {
        users.clear();
        total.atMost = 0;
        total.since = 0;
        return;
      }
      for (const userId of flushed) {
        const known = users.get(userId);
        if (known !== undefined) total.atMost = Math.max(0, total.atMost - known.atMost);
        users.delete(userId);
      }
    },
    postpone(due) {
      for (const userId of due) written.add(userId);
    },
    forget() {
      unknown = true;
    },
  };
}
