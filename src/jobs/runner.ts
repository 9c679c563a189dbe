import type { Clock } from '../base/index.ts';
import { PgError, SqlState, reportOf } from '../base/index.ts';
import type { Storage, StoredTable } from '../storage/types.ts';
import type { JobHistory } from './history.ts';
import { saveProgress } from './progress.ts';
import { createSlots } from './slots.ts';
import { createTurns } from './turns.ts';
import type { JobContext, JobDone, JobHandler, JobRecord, JobType, JobsLog } from './types.ts';

/** Waits before a failed job is tried again: doubled from the least to the most. */
export const retryWaitMs = { least: 200, most: 60_000 };

export interface RunnerOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly log: JobsLog;
  readonly history: JobHistory;
  readonly handlers: Readonly<Record<JobType, JobHandler>>;
  /** Jobs that run at a time. */
  readonly jobsMax: number;
  /** Rejects with the signal's reason when that comes first. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface Runner {
  /** Runs a job to its end. Rejects with what its handler threw at last, once that is recorded. */
  run(job: JobRecord, given: StoredTable | undefined, signal?: AbortSignal): Promise<JobDone>;
  /** False: it does not run and waits for nothing. */
  cancel(jobId: bigint): boolean;
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

/** `flush of chat.messages`, `backup`: a job in the log. */
export function jobName({ jobType, namespace, tableName }: JobRecord): string {
  return tableName === null ? jobType : `${jobType} of ${namespace}.${tableName}`;
}

export function createRunner(options: RunnerOptions): Runner {
  const { storage, clock, log, history, handlers, jobsMax, sleep } = options;
  const turns = createTurns();
  const slots = createSlots(jobsMax);
  const closing = new AbortController();
  const working = new Set<Promise<unknown>>();
  const cancels = new Map<bigint, AbortController>();
  let tableById: ((tableId: number) => StoredTable | undefined) | undefined;

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

  /** What it would work on was dropped: trying again is of no use. */
  function isOver({ jobType, tableId }: JobRecord): boolean {
    if (handlers[jobType].withoutTable === true || tableId === null) return false;
    return tableById !== undefined && tableById(tableId) === undefined;
  }

  function tableOf(job: JobRecord, given: StoredTable | undefined): StoredTable | undefined {
    const { tableId, namespace, tableName, jobType } = job;
    const table =
      tableById === undefined || tableId === null ? given : (tableById(tableId) ?? undefined);
    if (table === undefined && handlers[jobType].withoutTable !== true) {
      throw new PgError(
        SqlState.undefinedTable,
        `table "${namespace}.${tableName}" does not exist any more`,
      );
    }
    return table;
  }

  /** One attempt, in its turn. */
  async function attempt(
    queued: JobRecord,
    given: StoredTable | undefined,
    signal: AbortSignal,
  ): Promise<JobDone> {
    const { jobId, jobType, tableId } = queued;
    const waiting = slots.full || (tableId !== null && turns.isTaken(tableId));
    const turn = tableId === null ? undefined : turns.take(tableId);
    const progress = saveProgress({ history, clock, log }, jobId);
    let freeSlot: (() => void) | undefined;
    try {
      history.remember(queued);
      if (waiting) await history.save(queued, { sync: true });
      if (turn !== undefined) await unlessAborted(turn, signal);
      freeSlot = await slots.take(signal);
      const startedMs = clock.monotonicMs();
      const table = tableOf(queued, given);
      const running: JobRecord = {
        ...queued,
        status: 'running',
        startedAt: clock.now(),
        attempts: queued.attempts + 1,
        progress: 0,
      };
      await history.save(running, { sync: true });
      const { params } = running;
      const { report: onProgress } = progress;
      const context: JobContext = {
        storage,
        clock,
        table,
        job: running,
        params,
        signal,
        onProgress,
      };
      const { result, summary } = await handlers[jobType].run(context);
      await progress.settled();
      // To the microsecond: more is noise of the clock.
      const durationMs = Number((clock.monotonicMs() - startedMs).toFixed(3));
      const job: JobRecord = {
        ...running,
        status: 'completed',
        finishedAt: clock.now(),
        progress: 1,
        result,
        errorMessage: null,
      };
      await saveEnd(job);
      log.info(
        { jobId: String(jobId), durationMs: Math.round(durationMs) },
        `${jobName(job)}: ${summary} in ${Math.round(durationMs)} ms`,
      );
      return { job, durationMs };
    } finally {
      await progress.settled();
      freeSlot?.();
      // At once when the turn has come; otherwise as soon as it comes.
      void turn?.then((end) => end());
    }
  }

  async function run(
    job: JobRecord,
    given: StoredTable | undefined,
    cancelled: AbortSignal,
  ): Promise<JobDone> {
    const { jobId, jobType } = job;
    const fields = { jobId: String(jobId) };
    const { attemptsMax = 1 } = handlers[jobType];
    const signal = AbortSignal.any([closing.signal, cancelled]);
    let queued = job;
    let waitMs = retryWaitMs.least;
    // An earlier process' attempts are not this one's failures.
    for (let failures = 1; ; failures++) {
      try {
        return await attempt(queued, given, signal);
      } catch (thrown) {
        // Whatever the handler makes of an interruption, its reason is what is told.
        const error: unknown = signal.aborted ? signal.reason : thrown;
        if (closing.signal.aborted) {
          // Its record stays as it is: the next start runs it again.
          log.info(fields, `${jobName(job)} was interrupted by the server's stop`);
          throw error;
        }
        const { message } = reportOf(error);
        const latest = history.get(jobId) ?? queued;
        if (cancelled.aborted || failures >= attemptsMax || isOver(job)) {
          const status = cancelled.aborted ? 'cancelled' : 'failed';
          await saveEnd({ ...latest, status, finishedAt: clock.now(), errorMessage: message });
          if (status === 'cancelled') log.info(fields, `${jobName(job)} was cancelled`);
          else log.error({ ...fields, err: error }, `${jobName(job)} failed: ${message}`);
          throw error;
        }
        queued = { ...latest, status: 'retrying', errorMessage: message };
        await saveEnd(queued);
        log.warn(
          { ...fields, err: error, waitMs },
          `${jobName(job)} failed and is tried again: ${message}`,
        );
        // An abort meanwhile is what the next attempt begins with.
        await sleep(waitMs, signal).catch(() => undefined);
        waitMs = Math.min(2 * waitMs, retryWaitMs.most);
      }
    }
  }

  return {
    run(job, given, signal) {
      const cancel = new AbortController();
      cancels.set(job.jobId, cancel);
      const cancelled =
        signal === undefined ? cancel.signal : AbortSignal.any([cancel.signal, signal]);
      const work = run(job, given, cancelled);
      const forget = (): void => {
        cancels.delete(job.jobId);
        working.delete(settled);
      };
      const settled: Promise<void> = work.then(forget, forget);
      working.add(settled);
      return work;
    },
    cancel(jobId) {
      const cancel = cancels.get(jobId);
      cancel?.abort(new PgError(SqlState.queryCanceled, 'canceling job due to user request'));
      return cancel !== undefined;
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
