/**
 * jobs: work that outlives the statement that asked for it, with one runner and one lifecycle for every kind.
 *
 * A job is a record (types.ts), written to the hot store under `jobs/<id>` at each change of its status; system.jobs shows it.
 * Its type's handler (`handlers/`) does the work; one job at a time works on a table, and `jobsMax` over all; later ones wait for their
 * turn. To add a type: add its name to JobType and its handler to the table below.
 *
 * Life: new (waits for its turn) → running → completed, failed or cancelled; `retrying` between two attempts. A job that was running when
 * the server died or stopped is `retrying` at the next start, and runs again from its beginning, so handlers are repeatable. Ended jobs are
 * kept for `retentionMicros`, and up to `endedJobsMax` of them.
 *
 * Debugging: one log line a job, with its id; `select * from system.jobs order by job_id desc`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../base/index.ts';
import { PgError, SqlState, assert } from '../base/index.ts';
import type { Storage } from '../storage/types.ts';
import { backupHandler } from './handlers/backup.ts';
import { compactHandler, compactParams } from './handlers/compact.ts';
import { dropHandler } from './handlers/drop.ts';
import { eraseHandler } from './handlers/erase.ts';
import { evictHandler } from './handlers/evict.ts';
import { flushHandler } from './handlers/flush.ts';
import { moveHandler } from './handlers/move.ts';
import { retentionHandler } from './handlers/retention.ts';
import { rewriteHandler } from './handlers/rewrite.ts';
import { hasEnded, openHistory } from './history.ts';
import { encodeJob, jobKey } from './record.ts';
import { createRunner } from './runner.ts';
import { createTracker } from './track.ts';
import type { JobHandler, JobRecord, JobRequest, JobType, Jobs, JobsLog } from './types.ts';

export { backupParams } from './handlers/backup.ts';
export { compactParams } from './handlers/compact.ts';
export { dropParams } from './handlers/drop.ts';
export { eraseParams } from './handlers/erase.ts';
export { retentionParams } from './handlers/retention.ts';
export type {
  FlushOutcome,
  JobContext,
  JobHandler,
  JobOutcome,
  JobRecord,
  JobRequest,
  JobStatus,
  JobTarget,
  JobType,
  Jobs,
  JobsLog,
  Json,
} from './types.ts';

const handlers: Readonly<Record<JobType, JobHandler>> = {
  flush: flushHandler,
  drop: dropHandler,
  compact: compactHandler,
  retention: retentionHandler,
  evict: evictHandler,
  rewrite: rewriteHandler,
  move: moveHandler,
  erase: eraseHandler,
  backup: backupHandler,
};

export interface JobsOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly log: JobsLog;
  /** This server's, for system.jobs. */
  readonly nodeId?: number;
  /** Jobs that run at a time. Default: 4. */
  readonly jobsMax?: number;
  /** How long an ended job is kept. Default: for ever. */
  readonly retentionMicros?: bigint;
  /** Rejects with the signal's reason. Default: the system's timers. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export async function openJobs(options: JobsOptions): Promise<Jobs> {
  const { storage, clock, log, nodeId = 0, jobsMax = 4, retentionMicros } = options;
  const sleep =
    options.sleep ?? ((ms: number, signal: AbortSignal) => delay(ms, undefined, { signal }));
  const history = await openHistory({ storage, clock, retentionMicros });
  const unfinished = history.list().filter((job) => !hasEnded(job));
  // From the first look on they are told from jobs of this process that run.
  for (const job of unfinished) {
    if (job.status === 'running') history.remember({ ...job, status: 'retrying' });
  }
  const runner = createRunner({
    storage,
    clock,
    log,
    history,
    handlers: { ...handlers, flush: thenCompact(flushHandler) },
    jobsMax,
    sleep,
  });

  const tracker = createTracker({ history, clock, log });

  function make(jobType: JobType, { table, params = null, requestedBy }: JobRequest): JobRecord {
    return {
      jobId: history.nextId(),
      jobType,
      tableId: table?.tableId ?? null,
      namespace: table?.namespace ?? null,
      tableName: table?.name ?? null,
      requestedBy: requestedBy ?? null,
      params,
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
  }
  /** After a flush that has left too many files, or too many superseded rows, a compaction waits for its turn. */
  function thenCompact(handler: JobHandler): JobHandler {
    return {
      ...handler,
      async run(context) {
        const outcome = await handler.run(context);
        const { table } = context;
        try {
          if (table !== undefined && !isWaiting('compact', table.tableId)) {
            if (await storage.needsCompaction(table))
              start(make('compact', { table, params: compactParams(false) }));
          }
        } catch (error) {
          // The flush is done all the same.
          log.warn({ err: error }, 'whether a table needs compaction could not be found out');
        }
        return outcome;
      },
    };
  }
  function isWaiting(jobType: JobType, tableId: number): boolean {
    return history
      .list()
      .some((job) => job.jobType === jobType && job.tableId === tableId && job.status === 'new');
  }
  /** Its end is recorded and logged; nobody waits for it. */
  function start(job: JobRecord): void {
    history.remember(job);
    runner.run(job, undefined).catch(() => undefined);
  }

  return {
    run: (jobType, { signal, ...request }) => runner.run(make(jobType, request), undefined, signal),
    record(transaction, jobType, request) {
      const job = make(jobType, request);
      transaction.putMeta(jobKey(job.jobId), encodeJob(job));
      return job;
    },
    launch: start,
    track: (jobType, { signal, ...request }, work) =>
      tracker.track(make(jobType, request), work, signal),
    async flush(table, { signal, requestedBy } = {}) {
      const made = make('flush', {
        table,
        ...(requestedBy === undefined ? {} : { requestedBy }),
      });
      const { job, durationMs } = await runner.run(made, table, signal);
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
    cancel(jobId) {
      const job = history.get(jobId);
      if (job === undefined)
        throw new PgError(SqlState.undefinedObject, `job ${jobId} does not exist`);
      if (hasEnded(job)) return false;
      if (handlers[job.jobType].mustComplete === true) {
        throw new PgError(
          SqlState.objectNotInPrerequisiteState,
          `a ${job.jobType} job cannot be cancelled`,
          { detail: 'What it has begun must be brought to its end.' },
        );
      }
      return runner.cancel(jobId) || tracker.cancel(jobId);
    },
    resume(tableById) {
      runner.setTables(tableById);
      for (const { jobId } of unfinished) {
        const job = history.get(jobId);
        if (job !== undefined) start({ ...job, status: job.status === 'new' ? 'new' : 'retrying' });
      }
      return unfinished.splice(0).length;
    },
    list: () => history.list(),
    close: () => runner.close(),
  };
}
