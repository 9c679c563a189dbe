import type { ClientContext } from './client.ts';
import { clientAction, clientCommand } from './client.ts';
import { lastJobId, withJobProgress } from './job-progress.ts';
import { overTables } from './over-tables.ts';
import type { TableName } from './relation.ts';
import { ownedTables, resolveTable } from './relation.ts';
import { readFiguresOf } from './table-figures.ts';
import { formatBytes, formatDuration, plural } from './units.ts';

interface VacuumFlags {
  readonly analyze?: boolean;
}

async function vacuumTable(
  context: ClientContext,
  table: TableName,
  { analyze = false }: VacuumFlags,
): Promise<void> {
  const connection = await context.connection();
  const before = await readFiguresOf(connection, table);
  const filter = {
    types: ['compact', 'retention', 'evict'],
    table,
    after: await lastJobId(context),
  };
  const started = performance.now();
  const work = connection.query(`VACUUM ${analyze ? '(ANALYZE) ' : ''}${table.sql}`);
  await withJobProgress(context, `vacuum ${table.sql}`, filter, work);
  const durationMs = Math.round(performance.now() - started);
  const after = await readFiguresOf(connection, table);
  const files = [before?.files ?? null, after?.files ?? null] as const;
  const bytes = [before?.cold_bytes ?? null, after?.cold_bytes ?? null] as const;
  const changed = files[0] !== files[1] || bytes[0] !== bytes[1];
  const what =
    files[0] === null || files[1] === null || bytes[0] === null || bytes[1] === null
      ? 'done'
      : changed
        ? `${plural(files[0], 'file')} of ${formatBytes(bytes[0])} became ${plural(files[1], 'file')} of ${formatBytes(bytes[1])}`
        : `nothing to do for ${plural(files[1], 'file')}`;
  await context.output.done(`${table.sql}: ${what}, in ${formatDuration(durationMs)}`, {
    namespace: table.namespace,
    table_name: table.name,
    files_before: files[0],
    files_after: files[1],
    bytes_before: bytes[0],
    bytes_after: bytes[1],
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
