import { InvalidArgumentError, Option } from 'commander';
import type { ClientContext } from './client.ts';
import { clientAction, clientCommand } from './client.ts';
import { CommandError, ExitCode, usageError } from './errors.ts';
import type { JobRow } from './job-progress.ts';
import { hasEnded, pause, readJob, readJobs } from './job-progress.ts';
import type { Column, Fields } from './output.ts';
import { forPeople, tableLines, writeOut } from './output.ts';
import { matches, readPattern } from './pattern.ts';
import { bar, remainingMs } from './progress.ts';
import { shownName } from './table-figures.ts';
import { clipped, styleOf } from './terminal.ts';
import { formatDuration, formatFraction, formatTime } from './units.ts';

/** Ended jobs that are listed without --all. */
const endedShownMax = 10;
const watchIntervalMs = 500;
const barCells = 10;

const statuses = ['new', 'running', 'retrying', 'completed', 'failed', 'cancelled'] as const;

interface JobsFlags {
  readonly watch?: boolean;
  readonly all?: boolean;
  /** A pattern. */
  readonly table?: string;
  readonly status?: readonly JobRow['status'][];
}

const style = styleOf(process.stdout);

function paintStatus(text: string, { status }: Fields): string {
  if (status === 'failed' || status === 'retrying') return style.red(text);
  return status === 'completed' ? style.green(text) : style.bold(text);
}

const columns: readonly Column[] = [
  { key: 'job_id', title: 'id', unit: 'id' },
  { key: 'job_type', title: 'type' },
  { key: 'table', only: 'human' },
  { key: 'namespace', only: 'json' },
  { key: 'table_name', only: 'json' },
  { key: 'status', paint: paintStatus },
  { key: 'shown_progress', title: 'progress', only: 'human', optional: true },
  { key: 'progress', only: 'json' },
  { key: 'created_at', title: 'created', unit: 'time' },
  { key: 'started_at', only: 'json' },
  { key: 'finished_at', only: 'json' },
  { key: 'duration_ms', title: 'time', unit: 'ms' },
  { key: 'remaining_ms', title: 'left', unit: 'ms', optional: true },
  { key: 'attempts', only: 'json' },
  { key: 'result', only: 'json' },
  { key: 'error_message', only: 'json' },
  { key: 'note', title: '', only: 'human', optional: true },
];

function noteOf({ attempts, error_message: error, status }: JobRow): string {
  const tries = attempts > 1 ? `attempt ${attempts}` : '';
  return [tries, status === 'completed' ? '' : (error ?? '')]
    .filter((part) => part !== '')
    .join(': ');
}

/** Figures for people and programs. `now` is the server's, as the job's times are. */
function describeJob(job: JobRow, now: Date): Fields {
  const { progress, status, started_at: started, finished_at: finished } = job;
  const durationMs =
    started === null ? undefined : Math.max(0, (finished ?? now).getTime() - started.getTime());
  const remaining =
    status === 'running' && durationMs !== undefined
      ? remainingMs(progress, durationMs)
      : undefined;
  const { namespace, table_name: name } = job;
  return {
    ...job,
    table: namespace === null || name === null ? '' : shownName(namespace, name),
    shown_progress:
      status === 'running'
        ? `${bar(progress, barCells)} ${formatFraction(progress)}`
        : status === 'completed'
          ? ''
          : formatFraction(progress),
    duration_ms: durationMs,
    remaining_ms: remaining === undefined ? undefined : Math.round(remaining),
    note: noteOf(job),
    result: job.result as Fields,
  };
}

/** Oldest first: what is new stands at the end, where the terminal is looked at. */
function choose(jobs: readonly JobRow[], flags: JobsFlags): readonly JobRow[] {
  const pattern = flags.table === undefined ? undefined : readPattern(flags.table);
  const wanted = jobs.filter(
    ({ namespace, table_name: name, status }) =>
      (flags.status?.includes(status) ?? true) &&
      (pattern === undefined ||
        (namespace !== null && name !== null && matches(pattern, { namespace, table_name: name }))),
  );
  if (flags.all === true || flags.status !== undefined) return wanted;
  const shownFrom = wanted.filter(hasEnded).at(-endedShownMax)?.job_id ?? 0;
  return wanted.filter((job) => !hasEnded(job) || job.job_id >= shownFrom);
}

interface Listing {
  readonly jobs: readonly JobRow[];
  readonly now: Date;
}

async function list(context: ClientContext, flags: JobsFlags): Promise<Listing> {
  const connection = await context.connection();
  const jobs = await readJobs(connection);
  const [clock] = await connection.query<{ now: Date }>('select clock_timestamp() as now');
  return { jobs: choose(jobs, flags), now: clock!.now };
}

/** Redraws the list in place, as long as it fits the terminal; the newest jobs when it doesn't. */
async function watchOnTerminal(context: ClientContext, flags: JobsFlags): Promise<void> {
  let drawn = 0;
  for (;;) {
    const { jobs, now } = await list(context, flags);
    const rows = jobs.map((job) => describeJob(job, now));
    const { columns: width, rows: height } = process.stdout;
    const [head, ...body] = tableLines(forPeople(columns, rows), rows, style);
    const at = style.dim(
      `${formatTime(now)}, ${context.target.host}:${context.target.port}, Ctrl-C ends`,
    );
    const lines = [at, head!, ...body.slice(-Math.max(1, height - 3))].map((line) =>
      clipped(line, width - 1),
    );
    if (rows.length === 0) lines.splice(1, 1, 'No jobs.');
    const up = drawn === 0 ? '' : `\u001B[${drawn}A`;
    await writeOut(`${up}\r${lines.map((line) => `${line}\u001B[K\n`).join('')}\u001B[J`);
    drawn = lines.length;
    await pause(watchIntervalMs, context.signal);
  }
}

/** Each job when it is first seen, and whenever it has changed. */
async function watchChanges(context: ClientContext, flags: JobsFlags): Promise<void> {
  const seen = new Map<number, string>();
  for (;;) {
    const { jobs, now } = await list(context, flags);
    const changed = jobs.filter((job) => {
      const state = JSON.stringify([job.status, job.progress, job.attempts, job.error_message]);
      const isNew = seen.get(job.job_id) !== state;
      seen.set(job.job_id, state);
      return isNew;
    });
    await context.output.rows(
      columns,
      changed.map((job) => describeJob(job, now)),
    );
    await pause(watchIntervalMs, context.signal);
  }
}

async function watch(context: ClientContext, flags: JobsFlags): Promise<void> {
  const onTerminal = context.output.format === 'human' && process.stdout.isTTY;
  try {
    await (onTerminal ? watchOnTerminal : watchChanges)(context, flags);
  } catch (error) {
    // Ctrl-C is how one leaves.
    if (!context.signal.aborted) throw error;
  }
}

async function run(context: ClientContext, flags: JobsFlags): Promise<void> {
  if (flags.watch === true) return watch(context, flags);
  const { jobs, now } = await list(context, flags);
  await context.output.rows(
    columns,
    jobs.map((job) => describeJob(job, now)),
    'No jobs.',
  );
}

function readStatuses(text: string): readonly JobRow['status'][] {
  const words = text.split(',').map((word) => word.trim().toLowerCase());
  const unknown = words.find((word) => !(statuses as readonly string[]).includes(word));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`It must be of ${statuses.join(', ')}.`);
  return words as JobRow['status'][];
}

async function runCancel(context: ClientContext, idText: string): Promise<void> {
  if (!/^\d{1,15}$/.test(idText)) throw usageError(`"${idText}" is no job id`);
  const id = Number(idText);
  const connection = await context.connection();
  const { query } = connection;
  const [row] = await query<{ cancelled: boolean }>('select tide.cancel_job($1) as cancelled', [
    id,
  ]);
  // It ends when its handler notices.
  let job = await readJob(connection, id);
  while (row!.cancelled && job !== undefined && !hasEnded(job)) {
    await pause(watchIntervalMs / 5, context.signal);
    job = await readJob(connection, id);
  }
  if (!row!.cancelled || job?.status !== 'cancelled') {
    throw new CommandError(
      `job ${id} has ended already${job === undefined ? '' : `: ${job.status}`}`,
    );
  }
  const took =
    job.started_at === null
      ? ''
      : ` after ${formatDuration(job.finished_at!.getTime() - job.started_at.getTime())}`;
  await context.output.done(`job ${id} was cancelled${took}`, { job_id: id, status: job.status });
}

const cancel = clientCommand('cancel')
  .description('cancel a job')
  .argument('<id>', "the job's id")
  .action(clientAction(runCancel));

export const jobs = clientCommand('jobs')
  .description('list background jobs, watch them, cancel one')
  .addOption(new Option('-w, --watch', 'go on showing them until Ctrl-C'))
  .addOption(
    new Option(
      '-a, --all',
      `all that are kept, not only the last ${endedShownMax} that have ended`,
    ),
  )
  .addOption(new Option('-t, --table <pattern>', 'of these tables: chat.*'))
  .addOption(
    new Option(
      '-s, --status <status>',
      `only ${statuses.join(', ')}; several with commas`,
    ).argParser(readStatuses),
  )
  .addCommand(cancel)
  .addHelpText(
    'after',
    `
Lists what runs, waits, or has ended lately. With --watch where stdout is no terminal: a line whenever a job changes.
Exit code of cancel: ${ExitCode.failed} when the job has ended already.

Examples:
  pgtide jobs --watch
  pgtide jobs --table chat.messages --status failed,retrying
  pgtide jobs cancel 17`,
  )
  .action(clientAction(run));
