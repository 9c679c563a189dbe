import type { Clock } from '../../base/index.ts';
import type { FlushPolicy } from '../../catalog/flush-policy.ts';
import type { StoredTable } from '../../storage/types.ts';
import type { SetTimer } from '../timer.ts';
import type { CountRows } from './row-counter.ts';
import { createRowCounter } from './row-counter.ts';

/** After a commit: the commits that come together are judged together. */
const checkDelayMs = 100;
/** Users of one flush at most; the next one takes the others. */
export const usersPerFlushMax = 1000;
/** Waits after failed flushes: doubled from the least to the most. */
const failureWaitMs = { least: 1000, most: 300_000 };

/** Whose rows are to be flushed. */
export type Due = readonly string[] | 'all';

export interface WatchOptions {
  readonly clock: Clock;
  readonly setTimer: SetTimer;
  readonly count: (table: StoredTable, ...users: Parameters<CountRows>) => ReturnType<CountRows>;
  /** Flushes as a job; how many rows were moved. Rejects when that has failed, which it has reported itself. */
  readonly flush: (table: StoredTable, due: Due) => Promise<number>;
  /** What keeps a table from being judged. */
  readonly onError: (table: StoredTable, error: unknown) => void;
}

/** A table with a policy. Nothing runs and no timer is set while it has no hot rows that a condition could meet. */
export interface Watch {
  /** The table or its policy is another; what is known of its rows stays. */
  become(table: StoredTable, policy: FlushPolicy): void;
  /** A commit has written so many rows of a user ('' in shared tables); undefined: of whom and how many is not known. */
  wrote(userId: string | undefined, rows: number): void;
  close(): void;
}

export function createWatch(
  first: { readonly table: StoredTable; readonly policy: FlushPolicy },
  { clock, setTimer, count, flush, onError }: WatchOptions,
): Watch {
  let { table, policy } = first;
  const counter = createRowCounter((users) => count(table, users));
  let hotSince: bigint | undefined;
  let failures = 0;
  let working = false;
  let again = false;
  let closed = false;
  let timer: { readonly atMs: number; readonly cancel: () => void } | undefined;

  function checkIn(ms: number): void {
    if (closed) return;
    const atMs = clock.monotonicMs() + ms;
    if (timer !== undefined && timer.atMs <= atMs) return;
    timer?.cancel();
    const cancel = setTimer(ms, () => {
      timer = undefined;
      void check();
    });
    timer = { atMs, cancel };
  }

  /** Judges the table and flushes what is due, until nothing is. */
  async function check(): Promise<void> {
    if (working) {
      again = true;
      return;
    }
    working = true;
    try {
      do {
        again = false;
        await step();
      } while (again && !closed);
    } catch (error) {
      onError(table, error);
      failures++;
      const { least, most } = failureWaitMs;
      checkIn(Math.min(least * 2 ** Math.min(failures - 1, 20), most));
    } finally {
      working = false;
    }
  }

  async function step(): Promise<void> {
    if (!counter.mayBeHot) {
      hotSince = undefined;
      return;
    }
    hotSince ??= clock.now();
    const due = await dueNow(clock.now() - hotSince);
    if (closed) return;
    if (due === undefined) {
      const { intervalMicros } = policy;
      if (!counter.mayBeHot) hotSince = undefined;
      if (intervalMicros === undefined || hotSince === undefined) return;
      checkIn(Number((hotSince + intervalMicros - clock.now()) / 1000n) + 1);
      return;
    }
    if (due === 'all') hotSince = undefined;
    counter.flushing(due);
    try {
      const moved = await flush(table, due);
      failures = 0;
      // Rows that came meanwhile. What no file can carry stays hot, and is not due before something else is written.
      if (moved > 0) again = true;
    } catch (error) {
      counter.forget();
      throw error;
    }
  }

  async function dueNow(hotForMicros: bigint): Promise<Due | undefined> {
    const { intervalMicros } = policy;
    if (intervalMicros !== undefined && hotForMicros >= intervalMicros) return 'all';
    const reached = await counter.reached(policy);
    if (reached === 'all') return 'all';
    if (reached.length === 0) return undefined;
    if (table.kind !== 'user') return 'all';
    counter.postpone(reached.slice(usersPerFlushMax));
    return reached.slice(0, usersPerFlushMax);
  }

  checkIn(checkDelayMs);
  return {
    become(nextTable, nextPolicy) {
      table = nextTable;
      policy = nextPolicy;
      counter.forget();
      checkIn(checkDelayMs);
    },
    wrote(userId, rows) {
      counter.wrote(userId, rows);
      hotSince ??= clock.now();
      if (failures === 0) checkIn(checkDelayMs);
    },
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}
