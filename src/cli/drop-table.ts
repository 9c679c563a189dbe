import type { ClientContext } from './client.ts';
import { clientAction, clientCommand } from './client.ts';
import type { Dependent, Subscription } from './dependents.ts';
import { readDependents, readSubscriptions } from './dependents.ts';
import { CommandError, ExitCode } from './errors.ts';
import { findJob, followJob, lastJobId } from './job-progress.ts';
import type { Column } from './output.ts';
import { tell } from './output.ts';
import { createProgress } from './progress.ts';
import { canAsk, confirm } from './prompt.ts';
import type { TableName } from './relation.ts';
import { resolveTable } from './relation.ts';
import { messageText } from './sql/message.ts';
import type { TableFigures } from './table-figures.ts';
import { readFiguresOf } from './table-figures.ts';
import { formatDuration, plural } from './units.ts';

const countDrawMs = 300;

interface DropFlags {
  readonly force?: boolean;
  readonly cascade?: boolean;
  /** False: --no-wait. */
  readonly wait: boolean;
}

interface Preview {
  readonly table: TableName;
  readonly figures: TableFigures;
  /** When the figures were counted; undefined: just now. */
  readonly counted: Date | undefined;
  readonly dependents: readonly Dependent[];
  readonly subscriptions: readonly Subscription[];
}

const previewColumns: readonly Column[] = [
  { key: 'table' },
  { key: 'kind' },
  { key: 'hot_rows', unit: 'count' },
  { key: 'cold_rows', unit: 'count' },
  { key: 'users', unit: 'count' },
  { key: 'files', unit: 'count' },
  { key: 'hot_bytes', title: 'hot size', unit: 'bytes' },
  { key: 'cold_bytes', title: 'cold size', unit: 'bytes' },
  { key: 'counted', unit: 'time' },
];

const describeSubscription = (live: Subscription): string =>
  `query ${live.query_id} of ${live.user_name}, user ${live.user_id}, connection ${live.process_id}`;

/** Large tables are counted in their own time; whoever is asked should decide by what is there now. */
async function count(context: ClientContext, { sql }: TableName): Promise<void> {
  const { query } = await context.connection();
  const progress = createProgress(`count ${sql}`);
  const timer = setInterval(() => progress.update(), countDrawMs);
  try {
    await query(`ANALYZE ${sql}`);
  } finally {
    clearInterval(timer);
    progress.clear();
  }
}

async function readPreview(context: ClientContext, name: string, asks: boolean): Promise<Preview> {
  const connection = await context.connection();
  const table = await resolveTable(connection, name);
  if (!table.owned) throw new CommandError(`must be owner of table ${table.name}`);
  let figures = await readFiguresOf(connection, table);
  // A table without figures is one of the server's own.
  if (figures === undefined) throw new CommandError(`table ${table.sql} belongs to the server`);
  if (asks) {
    await count(context, table);
    figures = (await readFiguresOf(connection, table)) ?? figures;
  }
  return {
    table,
    figures,
    counted: asks ? undefined : (figures.measured_at ?? undefined),
    dependents: await readDependents(connection, table),
    subscriptions: await readSubscriptions(connection, table),
  };
}

/** A list under a heading of its own; nothing when there is nothing. */
async function showList(
  { output }: ClientContext,
  heading: string,
  items: readonly string[],
): Promise<void> {
  if (items.length === 0) return;
  await output.text(`${heading}\n${items.map((item) => `  ${item}`).join('\n')}`);
}

async function show(context: ClientContext, preview: Preview, cascade: boolean): Promise<void> {
  if (context.output.format === 'json') return;
  const { table, figures, counted, dependents, subscriptions } = preview;
  await context.output.record(previewColumns, { ...figures, table: table.sql, counted });
  await showList(
    context,
    cascade ? 'dropped with it:' : 'depend on it:',
    dependents.map(({ description }) => description),
  );
  await showList(
    context,
    cascade ? 'subscriptions that end with an error:' : 'subscriptions:',
    subscriptions.map(describeSubscription),
  );
}

/** What RESTRICT would refuse is refused before anybody is asked. */
function refuseDependents({ table, dependents, subscriptions }: Preview): void {
  const reasons = [
    ...dependents.map(({ description }) => description),
    ...subscriptions.map(describeSubscription),
  ];
  if (reasons.length === 0) return;
  throw new CommandError(
    `cannot drop table ${table.sql} because others depend on it: ${reasons.join('; ')}`,
    { hint: '--cascade takes them along' },
  );
}

async function agree({ table, dependents }: Preview): Promise<void> {
  if (!canAsk()) {
    throw new CommandError('nothing dropped: there is no terminal to ask on', {
      hint: '--force drops without asking',
    });
  }
  const others = dependents.length === 0 ? '' : ` and ${plural(dependents.length, 'dependent')}`;
  if (!(await confirm(`Drop ${table.sql}${others} for good?`))) {
    throw new CommandError('nothing dropped');
  }
}

async function run(context: ClientContext, name: string, flags: DropFlags): Promise<void> {
  const { force = false, cascade = false, wait } = flags;
  context.onNotice = (notice) => tell(messageText(notice));
  const preview = await readPreview(context, name, !force && canAsk());
  const { table, figures, dependents, subscriptions } = preview;
  if (!force || !cascade) await show(context, preview, cascade);
  if (!cascade) refuseDependents(preview);
  if (!force) await agree(preview);

  const connection = await context.connection();
  const after = await lastJobId(context);
  const started = performance.now();
  await connection.query(`DROP TABLE ${table.sql}${cascade ? ' CASCADE' : ''}`);
  const job = await findJob(connection, { types: ['drop'], table, after });
  const dropped = {
    namespace: table.namespace,
    table_name: table.name,
    kind: figures.kind,
    hot_rows: figures.hot_rows,
    cold_rows: figures.cold_rows,
    users: figures.users,
    files: figures.files,
    hot_bytes: figures.hot_bytes,
    cold_bytes: figures.cold_bytes,
    dependents: dependents.map(({ description }) => description),
    subscriptions: subscriptions.length,
    job_id: job?.job_id ?? null,
  };
  if (job === undefined || !wait) {
    const rest = job === undefined ? '' : `; job ${job.job_id} removes what it leaves behind`;
    await context.output.done(`${table.sql} is dropped${rest}`, {
      ...dropped,
      cleaned: job === undefined,
    });
    return;
  }
  await cleanUp(context, table, job.job_id);
  const took = formatDuration(performance.now() - started);
  await context.output.done(`${table.sql} is dropped, its rows and files are gone, in ${took}`, {
    ...dropped,
    cleaned: true,
  });
}

/** The table is gone already: whatever ends the waiting, this must be said. */
async function cleanUp(context: ClientContext, table: TableName, jobId: number): Promise<void> {
  try {
    await followJob(context, `clean up after ${table.sql}`, jobId);
  } catch (error) {
    tell(
      `pgtide: ${table.sql} is dropped, but not all of it is removed yet: job ${jobId} in pgtide jobs`,
    );
    throw error;
  }
}

export const dropTable = clientCommand('drop-table')
  .description('drop a table: shows what would go, asks, drops, waits for the clean-up')
  .argument('<table>', 'its name as in SQL')
  .option('-f, --force', 'do not ask')
  .option('--cascade', 'drop views and foreign keys that depend on it, end subscriptions')
  .option('--no-wait', 'do not wait until its rows and files are removed')
  .addHelpText(
    'after',
    `
The table is gone, and its name free, as soon as it is dropped; rows and files are removed by a job. Exit code: 0 when it is
dropped, ${ExitCode.failed} when there is no such table, somebody said no, or it was refused.

Examples:
  pgtide drop-table chat.messages
  pgtide drop-table chat.messages --force --cascade
  pgtide drop-table '"Chat"."Messages"' --force --json`,
  )
  .action(clientAction(run));
