import { PgError, SqlState } from '../base/index.ts';
import type { JobRecord } from './types.ts';

export const jobKeyPrefix = 'jobs/';

/** A job's entry in the hot store. Padded, so that the entries' order is the jobs'. */
export function jobKey(jobId: bigint): string {
  return `${jobKeyPrefix}${String(jobId).padStart(20, '0')}`;
}

type Micros = 'createdAt' | 'startedAt' | 'finishedAt';

/** JobRecord as JSON holds it: bigints as text. */
type StoredJob = Omit<JobRecord, 'jobId' | Micros> & {
  readonly jobId: string;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
};

const textOf = (micros: bigint | null): string | null => (micros === null ? null : String(micros));
const microsOf = (text: string | null): bigint | null => (text === null ? null : BigInt(text));

export function encodeJob(job: JobRecord): Uint8Array {
  const stored: StoredJob = {
    ...job,
    jobId: String(job.jobId),
    createdAt: String(job.createdAt),
    startedAt: textOf(job.startedAt),
    finishedAt: textOf(job.finishedAt),
  };
  return Buffer.from(JSON.stringify(stored));
}

/** Throws XX001 naming the key when the entry is damaged. */
export function decodeJob(key: string, bytes: Uint8Array): JobRecord {
  try {
    const stored = JSON.parse(Buffer.from(bytes).toString()) as StoredJob;
    return {
      ...stored,
      jobId: BigInt(stored.jobId),
      createdAt: BigInt(stored.createdAt),
      startedAt: microsOf(stored.startedAt),
      finishedAt: microsOf(stored.finishedAt),
    };
  } catch {
    throw new PgError(SqlState.dataCorrupted, `the job entry "${key}" is not readable`);
  }
}
