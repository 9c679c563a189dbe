import type { Storage, StoredTable } from '../storage/types.ts';

/** What a job does; each has a handler. */
export type JobType = 'flush';

/**
 * `new` waits for its turn; `running` runs; `retrying` was interrupted (the server died or stopped) and waits to run again; the
 * others are final.
 */
export type JobStatus = 'new' | 'running' | 'retrying' | 'completed' | 'failed' | 'cancelled';

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json };

/** A row of system.jobs; immutable, replaced at each change. Times are microseconds since 2000-01-01 UTC. */
export interface JobRecord {
  readonly jobId: bigint;
  readonly jobType: JobType;
  /** What storage knows the table by; its name may have changed since. */
  readonly tableId: number;
  readonly namespace: string;
  readonly tableName: string;
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
  /** The table as it is when the job's turn comes. */
  readonly table: StoredTable;
  /** Aborted by the job's cancellation and by the server's stop. */
  readonly signal: AbortSignal;
  onProgress(fraction: number): void;
}

/**
 * How jobs of one type are done. `run` must be repeatable: a job whose server died is run again from its beginning.
 */
export interface JobHandler {
  run(context: JobContext): Promise<{
    readonly result: Json;
    /** What was done, for the log: `12 rows of 3 users to 3 files`. */
    readonly summary: string;
  }>;
}

export interface JobsLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
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
   * Moves the table's hot rows to Parquet, as a job. Waits while another job works on the table.
   * Throws what the flush threw; 42P01 when the table is dropped while waiting. `signal` cancels the job.
   */
  flush(table: StoredTable, options?: { readonly signal?: AbortSignal }): Promise<FlushOutcome>;
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
