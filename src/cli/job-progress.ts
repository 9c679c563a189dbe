/** Jobs of the server, watched from a second connection while the first waits for them or after it has started them. */
import type { ClientContext } from './client.ts';
import type { Connection } from './connect.ts';
import { CommandError } from './errors.ts';
import { tell } from './output.ts';
import { createProgress, showsProgress } from './progress.ts';

/** A row of system.jobs. */
export interface JobRow {
  readonly job_id: number;
  readonly job_type: string;
  readonly namespace: string | null;
  readonly table_name: string | null;
  readonly status: 'new' | 'running' | 'retrying' | 'completed' | 'failed' | 'cancelled';
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
  readonly attempts: number;
  /** 0 to 1. */
  readonly progress: number;
  readonly result: unknown;
  readonly error_message: string | null;
}

const pollIntervalMs = 200;
/** Work that is done sooner needs no bar and no second connection. */
const watchAfterMs = 300;

const columns = `job_id, job_type, namespace, table_name, status, created_at, started_at, finished_at, attempts, progress, result,
  error_message`;

export const hasEnded = ({ status }: Pick<JobRow, 'status'>): boolean =>
  status === 'completed' || status === 'failed' || status === 'cancelled';

type Querying = Pick<Connection, 'query'>;

/** Which jobs belong to a piece of work: those of the table, if one is named, of these types, that are not older than it. */
export interface JobFilter {
  readonly types: readonly string[];
  readonly table?: { readonly namespace: string; readonly name: string };
  /** The highest job id before the work began, see `lastJobId`. */
  readonly after: number;
}

/** The highest job id so far that this role sees; 0 when there is none. */
export async function lastJobId(context: ClientContext): Promise<number> {
  const { query } = await context.connection();
  const [row] = await query<{ max: number | null }>('select max(job_id) as max from system.jobs');
  return row?.max ?? 0;
}

/** All that this role sees and that came after job id `after`, oldest first. */
export function readJobs({ query }: Querying, after = 0): Promise<JobRow[]> {
  return query<JobRow>(`select ${columns} from system.jobs where job_id > $1 order by job_id`, [
    after,
  ]);
}

export async function readJob({ query }: Querying, jobId: number): Promise<JobRow | undefined> {
  const [job] = await query<JobRow>(`select ${columns} from system.jobs where job_id = $1`, [
    jobId,
  ]);
  return job;
}

/** The newest that matches. */
export async function findJob(
  connection: Querying,
  { types, table, after }: JobFilter,
): Promise<JobRow | undefined> {
  const jobs = await readJobs(connection, after);
  return jobs.findLast(
    (job) =>
      types.includes(job.job_type) &&
      (table === undefined || (job.namespace === table.namespace && job.table_name === table.name)),
  );
}

/** Rejects with the signal's reason when that is aborted first. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  });
}

/**
 * Waits for `work`, a statement that starts a job and waits for it, and meanwhile shows on a terminal how far the job is. Resolves and rejects
 * as `work` does; trouble with the looking on is nobody's trouble.
 */
export async function withJobProgress<T>(
  context: ClientContext,
  label: string,
  filter: JobFilter,
  work: Promise<T>,
): Promise<T> {
  if (!showsProgress()) return work;
  const done = new AbortController();
  const progress = createProgress(label);
  const watch = async (): Promise<void> => {
    await pause(watchAfterMs, done.signal);
    const connection = await context.anotherConnection();
    while (!done.signal.aborted) {
      const job = await findJob(connection, filter);
      if (done.signal.aborted) return;
      progress.update(job?.progress, job?.status === 'new' ? 'waits for its turn' : '');
      await pause(pollIntervalMs, done.signal);
    }
  };
  const watching = watch().catch(() => undefined);
  try {
    return await work;
  } finally {
    done.abort();
    await watching;
    progress.clear();
  }
}

/** Waits until the job has ended, and shows how far it is. Throws when it has failed or was cancelled. */
export async function followJob(
  context: ClientContext,
  label: string,
  jobId: number,
): Promise<JobRow> {
  const connection = await context.connection();
  const progress = createProgress(label);
  let told = false;
  try {
    for (;;) {
      const job = await readJob(connection, jobId);
      if (job === undefined) throw new CommandError(`job ${jobId} is not known any more`);
      if (job.status === 'completed') return job;
      if (hasEnded(job)) {
        const why = job.error_message === null ? '' : `: ${job.error_message}`;
        throw new CommandError(
          `job ${jobId} ${job.status === 'failed' ? 'has failed' : 'was cancelled'}${why}`,
        );
      }
      const trouble = job.status === 'retrying' ? (job.error_message ?? 'will be tried again') : '';
      // Where no bar shows it, a wait without an end must not be silent.
      if (job.status === 'retrying' && !told && !showsProgress()) {
        told = true;
        tell(`pgtide: job ${jobId} will be tried again: ${trouble}`);
      }
      progress.update(job.progress, job.status === 'new' ? 'waits for its turn' : trouble);
      await pause(pollIntervalMs, context.signal);
    }
  } finally {
    progress.clear();
  }
}
