import type { Clock } from '../base/index.ts';
import type { Storage } from '../storage/types.ts';
import { decodeJob, encodeJob, jobKey, jobKeyPrefix } from './record.ts';
import type { JobRecord, JobStatus } from './types.ts';

/** Ended jobs that are kept; older ones are forgotten. */
export const endedJobsMax = 1000;

const finalStatuses: ReadonlySet<JobStatus> = new Set(['completed', 'failed', 'cancelled']);

export function hasEnded(job: JobRecord): boolean {
  return finalStatuses.has(job.status);
}

/** The jobs of this server, in memory and in the hot store. */
export interface JobHistory {
  /** Above every id there was, and never given out again while the newest jobs are kept. */
  nextId(): bigint;
  get(jobId: bigint): JobRecord | undefined;
  list(): readonly JobRecord[];
  /** Changes what `list` shows, nothing more. */
  remember(job: JobRecord): void;
  /** The same, and writes it in one commit, with what is to be forgotten. Durable once resolved when `sync`. */
  save(job: JobRecord, options: { readonly sync: boolean }): Promise<void>;
}

export async function openHistory({
  storage,
  clock,
  retentionMicros,
}: {
  readonly storage: Storage;
  readonly clock: Clock;
  /** How long an ended job is kept; undefined: for ever. */
  readonly retentionMicros?: bigint | undefined;
}): Promise<JobHistory> {
  const jobs = new Map<bigint, JobRecord>();
  for (const [key, bytes] of await storage.meta(jobKeyPrefix)) {
    const job = decodeJob(key, bytes);
    jobs.set(job.jobId, job);
  }
  let lastId = [...jobs.keys()].reduce((last, id) => (id > last ? id : last), 0n);

  function list(): readonly JobRecord[] {
    return [...jobs.values()].toSorted((a, b) => (a.jobId < b.jobId ? -1 : 1));
  }

  /** Ended jobs that are too many or too old; never the newest, whose id the next one's goes by. */
  function surplus(): readonly bigint[] {
    const ended = list().filter(hasEnded);
    const tooMany = Math.max(0, ended.length - endedJobsMax);
    const oldest = retentionMicros === undefined ? undefined : clock.now() - retentionMicros;
    return ended
      .filter(
        ({ jobId, finishedAt }, i) =>
          jobId !== lastId &&
          (i < tooMany || (oldest !== undefined && finishedAt !== null && finishedAt < oldest)),
      )
      .map((job) => job.jobId);
  }

  return {
    nextId: () => (lastId += 1n),
    get: (jobId) => jobs.get(jobId),
    list,
    remember: (job) => void jobs.set(job.jobId, job),
    async save(job, options) {
      jobs.set(job.jobId, job);
      const transaction = storage.begin();
      transaction.putMeta(jobKey(job.jobId), encodeJob(job));
      // Two saves at once may forget the same job; deleting twice is harmless.
      const forgotten = hasEnded(job) ? surplus() : [];
      for (const jobId of forgotten) transaction.putMeta(jobKey(jobId), undefined);
      await transaction.commit(options);
      for (const jobId of forgotten) jobs.delete(jobId);
    },
  };
}
