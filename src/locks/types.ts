/** Row locks, as SELECT … FOR takes them (PostgreSQL, "Row-Level Locks"), weakest first. */
export type RowLockMode = 'keyShare' | 'share' | 'noKeyUpdate' | 'update';

/** What to do when a lock can't be had at once. */
export type LockWait = 'wait' | 'nowait' | 'skip';

/** Table locks (PostgreSQL, "Table-Level Locks"), weakest first. */
export type TableLockMode =
  | 'accessShare'
  | 'rowShare'
  | 'rowExclusive'
  | 'shareUpdateExclusive'
  | 'share'
  | 'shareRowExclusive'
  | 'exclusive'
  | 'accessExclusive';

/** What is locked. Names are unique within a space. */
export type LockSpace = 'relation' | 'row' | 'transaction' | 'advisory' | 'catalog';

/** A session: locks that it holds never stand in its own way, whichever of its owners has them. */
export interface Backend {
  readonly processId: number;
  /** Of the statement that runs: its end (cancel, timeout) ends a wait, with the signal's reason as the error. */
  signal: AbortSignal | undefined;
  /** 0: wait as long as it takes. */
  lockTimeoutMs: number;
}

/** Where an owner's list of locks stood; see LockOwner.mark. */
export type LockMark = number;

/** Who holds locks: a transaction, or a session for locks that outlive transactions. */
export interface LockOwner {
  /** Counts up from 1; PostgreSQL's messages name transactions by such numbers. */
  readonly id: number;
  readonly backend: Backend;
  /** For releaseTo: a savepoint. */
  mark(): LockMark;
  /** Gives back what was locked since the mark. */
  releaseTo(mark: LockMark): void;
  releaseAll(): void;
}

/** One lock held or waited for: what pg_locks tells. */
export interface LockStatus {
  readonly space: LockSpace;
  readonly name: string;
  /** PostgreSQL's name: AccessShareLock, ForUpdate … */
  readonly mode: string;
  readonly processId: number;
  readonly granted: boolean;
}
