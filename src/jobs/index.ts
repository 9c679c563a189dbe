/**
 * jobs: work that outlives the statement that asked for it, with one runner and one lifecycle for every kind.
 *
 * A job is a record (types.ts), written to the hot store under `jobs/<id>` at each change of its status; system.jobs shows it.
 * Its type's handler (`handlers/`) does the work; one job at a time works on a table, later ones wait for their turn. To add
 * a type: add its name to JobType and its handler to the table below.
 *
 * Life: new (waits for its turn) → running → completed, failed or cancelled. A job that was running when the server died or
 * stopped is `retrying` at the next start, and runs again from its beginning, so handlers are repeatable. Ended jobs are kept
 * up to `endedJobsMax`.
 *
 * Debugging: one log line a job, with its id; `select * from system.jobs order by job_id desc`.
 */
import type { Clock } from '../base/index.ts';
import { assert } from '../base/index.ts';
import type { Storage } from '../storage/types.ts';
import { flushHandler } from './handlers/flush.ts';
import { hasEnded, openHistory } from './history.ts';
import { createRunner } from './runner.ts';
import type { JobHandler, JobType, Jobs, JobsLog } from './types.ts';

export type { FlushOutcome, JobRecord, JobStatus, JobType, Jobs, JobsLog } from './types.ts';

const handlers: Readonly<Record<JobType, JobHandler>> = { flush: flushHandler };

export interface JobsOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly log: JobsLog;
  /** This server's, for system.jobs. */
  readonly nodeId?: number;
}

export async function openJobs(options: JobsOptions): Promise<Jobs> {
  const { storage, clock, log, nodeId = 0 } = options;
  const history = await openHistory(storage);
  const unfinished = history.list().filter((job) => !hasEnded(job));
  // From the first look on they are told from jobs of this process that run.
  for (const job of unfinished) {
    if (job.status === 'running') history.remember({ ...job, status: 'retrying' });
  }
  const runner = createRunner({ storage, clock, log, history, handlers, nodeId });
  return {
    async flush(table, { signal } = {}) {
      const { job, durationMs } = await runner.start('flush', table, signal);
      const result = job.result as Record<
        'rows_flushed' | 'users' | 'files' | 'bytes',
        number
      > | null;
      assert(result !== null, 'a completed flush has its result');
      return {
        jobId: job.jobId,
        rowsFlushed: result.rows_flushed,
        users: result.users,
        files: result.files,
        bytes: result.bytes,
        durationMs,
      };
    },
    resume(tableById) {
      runner.setTables(tableById);
      for (const { jobId } of unfinished) {
        const job = history.get(jobId);
        // Its end is recorded and logged; nobody waits for it.
        if (job !== undefined) runner.restart(job).catch(() => undefined);
      }
      return unfinished.splice(0).length;
    },
    list: () => history.list(),
    close: () => runner.close(),
  };
}
