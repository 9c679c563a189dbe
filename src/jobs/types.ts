import type { Clock } from '../base/index.ts';
import type { Storage, StorageTransaction, StoredTable } from '../storage/types.ts';
import type { TrackedContext } from './track.ts';

/** What a job does; each has a handler. */
export type JobType =
  | 'flush'
  | 'drop'
  | 'compact'
  | 'retention'
  | 'evict'
  | 'rewrite'
  | 'move'
  | 'erase'
  | 'backup';

/**
 * `new` waits for its turn; `running` runs; `retrying` failed or was interrupted (the server died or stopped) and waits to run
 * again; the others are final.
 */
export type JobStatus = 'new' | 'running' | 'retrying' | 'completed' | 'failed' | 'cancelled';

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json };

/** What a job works on, as it was when the job was made. */
export interface JobTarget {
  /** What storage knows the table by; its name may have changed since. */
  readonly tableId: number;
  readonly namespace: string;
  readonly name: string;
}

/** A row of system.jobs; immutable, replaced at each change. Times are microseconds since 2000-01-01 UTC. */
export interface JobRecord {
  readonly jobId: bigint;
  readonly jobType: JobType;
  /** JobTarget's; null: the job is of no table. */
  readonly tableId: number | null;
  readonly namespace: string | null;
  readonly tableName: string | null;
  /** The role that asked for it; null: the server itself. */
  readonly requestedBy: string | null;
  /** What the handler is to do, in its own words. */
  readonly params: Json;
  readonly status: JobStatus;
  readonly createdAt: bigint;
  readonly startedAt: bigint | null;
  readonly finishedAt: bigint | null;
  /** How often it has been started. */
  readonly attempts: number;
  readonly nodeId: number;
  /** 0 to 1. */
  readonly progress: number;
  readonly result: Json;
  readonly errorMessage: string | null;
}

/** What a handler works with. */
export interface JobContext {
  readonly storage: Storage;
  readonly clock: Clock;
  /** The table as it is when the job's turn comes; undefined: dropped, or the job is of no table. */
  readonly table: StoredTable | undefined;
  readonly job: JobRecord;
  readonly params: Json;
  /** Aborted by the job's cancellation and by the server's stop. */
  readonly signal: AbortSignal;
  /** 0 to 1. */
  onProgress(fraction: number): void;
}

export interface JobOutcome {
  readonly result: Json;
  /** What was done, for the log: `12 rows of 3 users to 3 files`. */
  readonly summary: string;
}

/**
 * How jobs of one type are done. `run` must be repeatable: a job whose server died is run again from its beginning.
 */
export interface JobHandler {
  run(context: JobContext): Promise<JobOutcome>;
  /** It runs though its table is dropped, or has none; the others fail with 42P01 then. */
  readonly withoutTable?: boolean;
  /** How often it is tried in all before a failure is final; once its table is dropped, each is. Default: once. */
  readonly attemptsMax?: number;
  /** It can't be cancelled, as something would be left half done for good. */
  readonly mustComplete?: boolean;
}

export interface JobsLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface JobRequest {
  readonly table?: JobTarget;
  readonly params?: Json;
  readonly requestedBy?: string;
}

export interface JobDone {
  readonly job: JobRecord;
  /** Without the wait for its turn; the last attempt's. */
  readonly durationMs: number;
}

/** What FLUSH TABLE answers. */
export interface FlushOutcome {
  readonly jobId: bigint;
  readonly rowsFlushed: number;
  readonly users: number;
  readonly files: number;
  readonly bytes: number;
  /** Without the wait for its turn. */
  readonly durationMs: number;
}

export interface Jobs {
  /**
   * A new job, and waits for its end. Rejects with what its handler threw at last, once that is recorded; 42P01 when the table is
   * dropped while waiting. `signal` cancels the job. Waits while another job works on the table.
   */
  run(jobType: JobType, request: JobRequest & { readonly signal?: AbortSignal }): Promise<JobDone>;
  /** A new job in the transaction's commit, after which it is to be launched. */
  record(
    transaction: Pick<StorageTransaction, 'putMeta'>,
    jobType: JobType,
    request: JobRequest,
  ): JobRecord;
  /** Starts a recorded job; its end is in the log and in `list`. */
  launch(job: JobRecord): void;
  /**
   * Work that the caller does itself under the locks of its transaction, listed as a job that is running until it ends. It waits for
   * no turn. Rejects with what the work threw; its completion says nothing about the transaction's.
   */
  track<T>(
    jobType: JobType,
    request: JobRequest & { readonly signal: AbortSignal },
    work: (context: TrackedContext) => Promise<JobOutcome & { readonly value: T }>,
  ): Promise<T>;
  /** `run` of a flush. */
  flush(
    table: StoredTable,
    options?: { readonly signal?: AbortSignal; readonly requestedBy?: string },
  ): Promise<FlushOutcome>;
  /** False: it has ended. @throws 55000 when its type must complete, 42704 when there is no such job */
  cancel(jobId: bigint): boolean;
  /**
   * Starts again what the last stop interrupted. To be called once, when the catalog is open; returns how many jobs there are.
   * From then on jobs take a table's definition from `tableById`. Their end is in the log and in `list`.
   */
  resume(tableById: (tableId: number) => StoredTable | undefined): number;
  /** Every job known, oldest first. */
  list(): readonly JobRecord[];
  /** Interrupts what runs, which will run again at the next start, and waits until it has ended. */
  close(): Promise<void>;
}
