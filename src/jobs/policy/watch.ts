import type { Clock } from '../../base/index.ts';
import type { FlushPolicy } from '../../catalog/flush-policy.ts';
import type { StoredTable } from '../../storage/types.ts';
import type { Due, HotRowCounts } from './decide.ts';
import { dueFlush } from './decide.ts';

/** After a commit: the commits that come together are judged together. */
const checkDelayMs = 100;
/** Users whose changes are remembered one by one; beyond that all are judged. */
const touchedUsersMax = 10_000;
/** Waits after failed flushes: doubled from the least to the most. */
const failureWaitMs = { least: 1000, most: 300_000 };

/** One-shot timers; the function returned calls it off. */
export type SetTimer = (ms: number, then: () => void) => () => void;

export interface WatchOptions {
  readonly clock: Clock;
  readonly setTimer: SetTimer;
  readonly counts: (table: StoredTable) => Promise<HotRowCounts>;
  /** Flushes as a job; how many rows were moved. Rejects when that has failed, which it has reported itself. */
  readonly flush: (table: StoredTable, due: Due) => Promise<number>;
  /** What keeps a table from being judged. */
  readonly onError: (table: StoredTable, error: unknown) => void;
}

/** A table with a policy. Nothing runs and no timer is set while it has no hot rows that a condition could meet. */
export interface Watch {
  /** The table or its policy is another; what is known of its rows stays. */
  become(table: StoredTable, policy: FlushPolicy): void;
  /** A commit has changed rows; undefined: of whom is not known. */
  touched(users: readonly string[] | undefined): void;
  close(): void;
}

export function createWatch(
  first: { readonly table: StoredTable; readonly policy: FlushPolicy },
  { clock, setTimer, counts, flush, onError }: WatchOptions,
): Watch {
  let { table, policy } = first;
  let touched: Set<string> | 'all' = 'all';
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
    const judging = touched;
    touched = new Set();
    try {
      const known = await counts(table);
      if (closed) return;
      if (known.total === 0) {
        hotSince = undefined;
        return;
      }
      hotSince ??= clock.now();
      const due = dueFlush({
        policy,
        isUserTable: table.kind === 'user',
        counts: known,
        touched: judging === 'all' ? known.users() : judging,
        hotForMicros: clock.now() - hotSince,
      });
      if (due === undefined) {
        const { intervalMicros } = policy;
        if (intervalMicros === undefined) return;
        checkIn(Number((hotSince + intervalMicros - clock.now()) / 1000n) + 1);
        return;
      }
      if (due.users === 'all') hotSince = undefined;
      const moved = await flush(table, due);
      failures = 0;
      // What no file can carry stays hot, and is not due before something else has changed.
      if (moved === 0) return;
      // Rows that came meanwhile, and users beyond those of one flush.
      again = true;
      touchAll(judging);
    } catch (error) {
      touchAll(judging);
      throw error;
    }
  }

  function touchAll(users: Iterable<string> | 'all'): void {
    if (users === 'all' || touched === 'all') {
      touched = 'all';
      return;
    }
    for (const userId of users) touched.add(userId);
    if (touched.size > touchedUsersMax) touched = 'all';
  }

  checkIn(checkDelayMs);
  return {
    become(nextTable, nextPolicy) {
      table = nextTable;
      policy = nextPolicy;
      touchAll('all');
      checkIn(checkDelayMs);
    },
    touched(users) {
      touchAll(users ?? 'all');
      hotSince ??= clock.now();
      if (failures === 0) checkIn(checkDelayMs);
    },
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}
