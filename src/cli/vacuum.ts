import type { ClientContext } from './client.ts';
import { clientAction, clientCommand } from './client.ts';
import { lastJobId, withJobProgress } from './job-progress.ts';
import { overTables } from './over-tables.ts';
import type { TableName } from './relation.ts';
import { ownedTables, resolveTable } from './relation.ts';
import { readFilesOf } from './table-figures.ts';
import { formatBytes, formatDuration, plural } from './units.ts';

interface VacuumFlags {
  readonly analyze?: boolean;
}

interface Files {
  readonly files: number;
  readonly bytes: number;
}

/** What became of the files; not known to roles that don't see all of them. */
function describe(before: Files | undefined, after: Files | undefined): string {
  if (before === undefined || after === undefined) return 'done';
  const text = ({ files, bytes }: Files): string =>
    `${plural(files, 'file')} of ${formatBytes(bytes)}`;
  if (before.files === after.files && before.bytes === after.bytes) {
    return after.files === 0 ? 'done, it has no files' : `done, ${text(after)} stay as they are`;
  }
  return `${text(before)} became ${text(after)}`;
}

async function vacuumTable(
  context: ClientContext,
  table: TableName,
  { analyze = false }: VacuumFlags,
): Promise<void> {
  const connection = await context.connection();
  const before = await readFilesOf(connection, table);
  const filter = {
    types: ['compact', 'retention', 'evict'],
    table,
    after: await lastJobId(context),
  };
  const started = performance.now();
  const work = connection.query(`VACUUM ${analyze ? '(ANALYZE) ' : ''}${table.sql}`);
  await withJobProgress(context, `vacuum ${table.sql}`, filter, work);
  const durationMs = Math.round(performance.now() - started);
  const after = await readFilesOf(connection, table);
  const what = describe(before, after);
  await context.output.done(`${table.sql}: ${what}, in ${formatDuration(durationMs)}`, {
    namespace: table.namespace,
    table_name: table.name,
    files_before: before?.files,
    files_after: after?.files,
    bytes_before: before?.bytes,
    bytes_after: after?.bytes,
    duration_ms: durationMs,
  });
}

async function run(
  context: ClientContext,
  name: string | undefined,
  flags: VacuumFlags,
): Promise<void> {
  const connection = await context.connection();
  const tables =
    name === undefined
      ? await ownedTables(connection, ['user', 'shared', 'stream'])
      : [await resolveTable(connection, name)];
  if (tables.length === 0) await context.output.text('There are no tables to vacuum.');
  await overTables(context, tables, (table) => vacuumTable(context, table, flags));
}

export const vacuum = clientCommand('vacuum')
  .description('compact files, remove what nobody sees any more')
  .argument('[table]', 'its name as in SQL (default: every table that the role owns)')
  .option('--analyze', 'refresh statistics too')
  .addHelpText(
    'after',
    `
Merges small files, drops superseded and expired rows, applies deleted_retention. Queries and writes go on meanwhile.

Examples:
  pgtide vacuum
  pgtide vacuum chat.messages --analyze`,
  )
  .action(clientAction(run));
