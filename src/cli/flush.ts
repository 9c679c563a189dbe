import type { ClientContext } from './client.ts';
import { clientAction, clientCommand } from './client.ts';
import { usageError } from './errors.ts';
import { lastJobId, withJobProgress } from './job-progress.ts';
import { overTables } from './over-tables.ts';
import type { TableName } from './relation.ts';
import { ownedTables, resolveTable } from './relation.ts';
import { formatBytes, formatDuration, plural } from './units.ts';

interface Flushed {
  readonly job_id: number;
  readonly rows_flushed: number;
  readonly users: number;
  readonly files: number;
  readonly bytes: number;
  readonly duration_ms: number;
}

async function flushTable(context: ClientContext, table: TableName): Promise<void> {
  const { query } = await context.connection();
  const filter = { types: ['flush'], table, after: await lastJobId(context) };
  const work = query<Flushed>(`FLUSH TABLE ${table.sql}`);
  const [flushed] = await withJobProgress(context, `flush ${table.sql}`, filter, work);
  const { rows_flushed: rows, users, files, bytes, duration_ms: ms } = flushed!;
  const of = users > 0 ? ` of ${plural(users, 'user')}` : '';
  const line =
    rows === 0
      ? `${table.sql}: nothing to flush`
      : `${table.sql}: ${plural(rows, 'row')}${of} to ${plural(files, 'file')}, ${formatBytes(bytes)}, in ${formatDuration(ms)}`;
  await context.output.done(line, {
    namespace: table.namespace,
    table_name: table.name,
    ...flushed!,
  });
}

async function run(
  context: ClientContext,
  name: string | undefined,
  { all = false }: { readonly all?: boolean },
): Promise<void> {
  if (all === (name !== undefined)) {
    throw usageError(all ? 'a table or --all, not both' : 'name a table, or give --all');
  }
  const connection = await context.connection();
  if (name !== undefined) return flushTable(context, await resolveTable(connection, name));
  // Rows of stream tables go after their ttl; they are never flushed.
  const tables = await ownedTables(connection, ['user', 'shared']);
  if (tables.length === 0) await context.output.text('There are no tables to flush.');
  await overTables(context, tables, (table) => flushTable(context, table));
}

export const flush = clientCommand('flush')
  .description('move hot rows of a table to Parquet files')
  .argument('[table]', 'its name as in SQL')
  .option('--all', 'every user and shared table that the role owns')
  .addHelpText(
    'after',
    `
Queries and writes go on meanwhile, and read the same before and after. Ctrl-C cancels the flush.

Examples:
  pgtide flush chat.messages
  pgtide flush '"Chat"."Messages"'
  pgtide flush --all`,
  )
  .action(clientAction(run));
