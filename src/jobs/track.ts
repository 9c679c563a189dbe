/** Work that a statement does itself, within its transaction, shown as a job while it lasts. */
import type { Clock } from '../base/index.ts';
import { PgError, SqlState, reportOf } from '../base/index.ts';
import type { JobHistory } from './history.ts';
import { saveProgress } from './progress.ts';
import type { JobOutcome, JobRecord, JobsLog } from './types.ts';

/** What tracked work is given. */
export interface TrackedContext {
  /** Aborted by the job's cancellation and by the statement's own. */
  readonly signal: AbortSignal;
  /** 0 to 1. */
  onProgress(fraction: number): void;
}

export interface Tracker {
  /**
   * Does the work at once: whoever asks holds the locks that it needs, so it waits for no turn. Its end is that of the work, whatever
   * becomes of the transaction. Rejects with what the work threw.
   */
  track<T>(
    job: JobRecord,
    work: (context: TrackedContext) => Promise<JobOutcome & { readonly value: T }>,
    signal: AbortSignal,
  ): Promise<T>;
  /** False: it is no job of these, or has ended. */
  cancel(jobId: bigint): boolean;
}

export function createTracker(options: {
  readonly history: JobHistory;
  readonly clock: Clock;
  readonly log: JobsLog;
}): Tracker {
  const { history, clock, log } = options;
  const cancels = new Map<bigint, AbortController>();

  return {
    async track(job, work, signal) {
      const cancel = new AbortController();
      const fields = { jobId: String(job.jobId) };
      const name = `${job.jobType} of ${job.namespace}.${job.tableName}`;
      const startedMs = clock.monotonicMs();
      const running: JobRecord = {
        ...job,
        status: 'running',
        startedAt: clock.now(),
        attempts: 1,
      };
      const progress = saveProgress(options, job.jobId);
      const end = async (ended: Partial<JobRecord>): Promise<void> => {
        await progress.settled();
        await history
          .save({ ...running, finishedAt: clock.now(), ...ended }, { sync: false })
          .catch((error: unknown) =>
            log.warn({ err: error, ...fields }, `the end of job ${job.jobId} was not saved`),
          );
      };
      await history.save(running, { sync: false });
      cancels.set(job.jobId, cancel);
      try {
        const { value, result, summary } = await work({
          signal: AbortSignal.any([signal, cancel.signal]),
          onProgress: progress.report,
        });
        await end({ status: 'completed', progress: 1, result });
        const durationMs = Math.round(clock.monotonicMs() - startedMs);
        log.info({ ...fields, durationMs }, `${name}: ${summary} in ${durationMs} ms`);
        return value;
      } catch (thrown) {
        const stopped = cancel.signal.aborted || signal.aborted;
        const error: unknown = cancel.signal.aborted ? cancel.signal.reason : thrown;
        const { message } = reportOf(error);
        const progressed = history.get(job.jobId)?.progress ?? 0;
        await end({
          status: stopped ? 'cancelled' : 'failed',
          progress: progressed,
          errorMessage: message,
        });
        log.info(fields, `${name} ended: ${message}`);
        throw error;
      } finally {
        cancels.delete(job.jobId);
      }
    },
    cancel(jobId) {
      const cancel = cancels.get(jobId);
      cancel?.abort(new PgError(SqlState.queryCanceled, 'canceling job due to user request'));
      return cancel !== undefined;
    },
  };
}
