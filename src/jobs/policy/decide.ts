import type { FlushPolicy } from '../../catalog/flush-policy.ts';

/** How many rows a flush would move, at least about. */
export interface HotRowCounts {
  readonly total: number;
  ofUser(userId: string): number;
  users(): Iterable<string>;
}

/** Users of one flush at most; the next check finds the others. */
export const usersPerFlushMax = 1000;

/** What is to be flushed now: all of the table, or some users. */
export type Due = { readonly users: readonly string[] | 'all' };

export interface Judged {
  readonly policy: FlushPolicy;
  readonly isUserTable: boolean;
  readonly counts: HotRowCounts;
  /** Whose rows have changed since they were judged last. */
  readonly touched: Iterable<string>;
  /** How long there have been hot rows, microseconds. */
  readonly hotForMicros: bigint;
}

/** Judges a table by its policy. Undefined: nothing is due. */
export function dueFlush(judged: Judged): Due | undefined {
  const { policy, isUserTable, counts, touched, hotForMicros } = judged;
  const { rows, totalRows, intervalMicros } = policy;
  if (counts.total === 0) return undefined;
  if (intervalMicros !== undefined && hotForMicros >= intervalMicros) return { users: 'all' };
  if (totalRows !== undefined && counts.total >= totalRows) return { users: 'all' };
  if (rows === undefined) return undefined;
  if (!isUserTable) return counts.total >= rows ? { users: 'all' } : undefined;
  const users: string[] = [];
  for (const userId of touched) {
    if (counts.ofUser(userId) >= rows) users.push(userId);
    if (users.length >= usersPerFlushMax) break;
  }
  return users.length > 0 ? { users } : undefined;
}
