import type { Clock } from '../base/index.ts';
import { PgError, SqlState, reportOf } from '../base/index.ts';
import type { Storage, StoredTable } from '../storage/types.ts';
import type { JobHistory } from './history.ts';
import { createTurns } from './turns.ts';
import type { JobContext, JobHandler, JobRecord, JobType, JobsLog } from './types.ts';

/** How often a running job's progress is written at most. */
const progressSaveIntervalMs = 1000;

export interface RunnerOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly log: JobsLog;
  readonly history: JobHistory;
  readonly handlers: Readonly<Record<JobType, JobHandler>>;
  readonly nodeId: number;
}

export interface JobDone {
  readonly job: JobRecord;
  readonly durationMs: number;
}

export interface Runner {
  /** A new job. Rejects with what its handler threw, once that is recorded. */
  start(jobType: JobType, table: StoredTable, signal?: AbortSignal): Promise<JobDone>;
  /** The same for a job that an earlier process has left unfinished. */
  restart(job: JobRecord): Promise<JobDone>;
  setTables(tableById: (tableId: number) => StoredTable | undefined): void;
  close(): Promise<void>;
}

/** Rejects with the signal's reason when that comes first. */
async function unlessAborted(turn: Promise<unknown>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([turn, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

export function createRunner(options: RunnerOptions): Runner {
  const { storage, clock, log, history, handlers, nodeId } = options;
  const turns = createTurns();
  const closing = new AbortController();
  const working = new Set<Promise<unknown>>();
  let tableById: ((tableId: number) => StoredTable | undefined) | undefined;

  /** Writes a job's progress to memory, and from time to time to the hot store. */
  function progressOf(jobId: bigint): {
    report: (fraction: number) => void;
    settled(): Promise<void>;
  } {
    let savedAtMs = clock.monotonicMs();
    let saving: Promise<void> | undefined;
    return {
      report(fraction) {
        const job = history.get(jobId);
        if (job?.status !== 'running') return;
        const now = { ...job, progress: Math.min(1, Math.max(0, fraction)) };
        history.remember(now);
        if (saving !== undefined || clock.monotonicMs() - savedAtMs < progressSaveIntervalMs)
          return;
        savedAtMs = clock.monotonicMs();
        saving = history
          .save(now, { sync: false })
          .catch((error: unknown) =>
            log.warn({ err: error, jobId: String(jobId) }, "a job's progress was not saved"),
          )
          .finally(() => (saving = undefined));
      },
      settled: async () => saving,
    };
  }

  /** The end of a job is told even when it can not be written: the work itself is done, or has failed for its own reason. */
  async function saveEnd(job: JobRecord): Promise<void> {
    try {
      await history.save(job, { sync: true });
    } catch (error) {
      log.warn(
        { err: error, jobId: String(job.jobId) },
        `the end of job ${job.jobId} was not saved`,
      );
    }
  }

  async function run(
    queued: JobRecord,
    given: StoredTable | undefined,
    cancel?: AbortSignal,
  ): Promise<JobDone> {
    const { jobId, jobType, tableId } = queued;
    const fields = { jobId: String(jobId) };
    const name = `${queued.namespace}.${queued.tableName}`;
    const what = `${jobType} of ${name}`;
    const signal =
      cancel === undefined ? closing.signal : AbortSignal.any([closing.signal, cancel]);
    const waiting = turns.isTaken(tableId);
    const turn = turns.take(tableId);
    const progress = progressOf(jobId);
    let record = queued;
    try {
      if (waiting) await history.save(record, { sync: true });
      await unlessAborted(turn, signal);
      const startedMs = clock.monotonicMs();
      const table = tableById === undefined ? given : tableById(tableId);
      if (table === undefined) {
        throw new PgError(SqlState.undefinedTable, `table "${name}" does not exist any more`);
      }
      const attempts = queued.attempts + 1;
      record = { ...queued, status: 'running', startedAt: clock.now(), attempts, progress: 0 };
      await history.save(record, { sync: true });
      const context: JobContext = { storage, table, signal, onProgress: progress.report };
      const { result, summary } = await handlers[jobType].run(context);
      await progress.settled();
      record = { ...record, status: 'completed', finishedAt: clock.now(), progress: 1, result };
      const durationMs = clock.monotonicMs() - startedMs;
      await saveEnd(record);
      log.info(
        { ...fields, durationMs: Math.round(durationMs) },
        `${what}: ${summary} in ${Math.round(durationMs)} ms`,
      );
      return { job: record, durationMs };
    } catch (thrown) {
      await progress.settled();
      // Whatever the handler makes of an interruption, its reason is what is told.
      const error: unknown = signal.aborted ? signal.reason : thrown;
      if (closing.signal.aborted) {
        // Its record stays as it is: the next start runs it again.
        log.info(fields, `${what} was interrupted by the server's stop`);
        throw error;
      }
      const status = cancel?.aborted === true ? 'cancelled' : 'failed';
      const { message } = reportOf(error);
      const latest = history.get(jobId) ?? record;
      await saveEnd({ ...latest, status, finishedAt: clock.now(), errorMessage: message });
      if (status === 'cancelled') log.info(fields, `${what} was cancelled`);
      else log.error({ ...fields, err: error }, `${what} failed: ${message}`);
      throw error;
    } finally {
      // At once when the turn has come; otherwise as soon as it comes.
      void turn.then((end) => end());
    }
  }

  function track<T>(work: Promise<T>): Promise<T> {
    const settled: Promise<void> = work.then(
      () => forget(),
      () => forget(),
    );
    const forget = (): void => void working.delete(settled);
    working.add(settled);
    return work;
  }

  return {
    start(jobType, table, signal) {
      const job: JobRecord = {
        jobId: history.nextId(),
        jobType,
        tableId: table.tableId,
        namespace: table.namespace,
        tableName: table.name,
        status: 'new',
        createdAt: clock.now(),
        startedAt: null,
        finishedAt: null,
        attempts: 0,
        nodeId,
        progress: 0,
        result: null,
        errorMessage: null,
      };
      return track(run(job, table, signal));
    },
    restart(job) {
      const queued: JobRecord = { ...job, status: job.status === 'new' ? 'new' : 'retrying' };
      history.remember(queued);
      return track(run(queued, undefined));
    },
    setTables: (lookup) => {
      tableById = lookup;
    },
    async close() {
      closing.abort(
        new PgError(SqlState.adminShutdown, 'terminating job due to administrator command'),
      );
      while (working.size > 0) await Promise.all(working);
    },
  };
}
