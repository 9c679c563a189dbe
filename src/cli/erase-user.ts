import { open } from 'node:fs/promises';
import type { ClientContext } from './client.ts';
import { clientAction, clientCommand } from './client.ts';
import type { Connection } from './connect.ts';
import { CommandError, ExitCode } from './errors.ts';
import { readUserTables } from './export/user-tables.ts';
import { lastJobId, withJobProgress } from './job-progress.ts';
import type { Column, Fields } from './output.ts';
import { canAsk, confirm } from './prompt.ts';
import { visible } from './terminal.ts';
import { formatBytes, formatDuration, plural } from './units.ts';

interface EraseFlags {
  readonly force?: boolean;
  readonly receipt?: string;
}

/** What tide.erase_user answers. */
interface Receipt {
  readonly job_id: number;
  readonly user_id: string;
  readonly started_at: string;
  readonly finished_at: string;
  readonly verified_empty: boolean;
  readonly rows_written_since: number;
  readonly rows: number;
  readonly files: number;
  readonly bytes: number;
  readonly tables_searched: number;
  readonly tables: readonly {
    readonly table: string;
    readonly rows: number;
    readonly files: number;
    readonly bytes: number;
  }[];
}

interface TablePreview extends Fields {
  readonly table: string;
  readonly rows: number;
  readonly deleted_rows: number;
}

const previewColumns: readonly Column[] = [
  { key: 'table' },
  { key: 'rows', unit: 'count' },
  { key: 'deleted_rows', title: 'of them deleted', unit: 'count' },
];

/** What would go, table by table, as it is at one moment. */
async function preview(
  { client, ...connection }: Connection,
  userId: string,
): Promise<TablePreview[]> {
  const { query } = connection;
  await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    for (const [name, value] of [
      ['tide.user_id', userId],
      ['tide.scope', 'user'],
      ['tide.include_deleted', 'on'],
    ])
      await query('select set_config($1, $2, true)', [name, value]);
    const found: TablePreview[] = [];
    for (const { sql } of await readUserTables({ client, ...connection })) {
      const [counts] = await query<{ rows: number; deleted: number }>(
        `select count(*) as rows, count(*) filter (where t._deleted) as deleted from ${sql} as t`,
      );
      if (counts!.rows > 0)
        found.push({ table: sql, rows: counts!.rows, deleted_rows: counts!.deleted });
    }
    return found;
  } finally {
    await client.query('ROLLBACK');
  }
}

async function writeReceipt(path: string, receipt: Receipt): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(receipt, undefined, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Before anything is erased: a receipt that can't be written is told of too late. */
async function requireNew(path: string): Promise<void> {
  try {
    const file = await open(path, 'r');
    await file.close();
  } catch {
    return;
  }
  throw new CommandError(`file "${path}" exists`, { hint: 'Give the receipt another name' });
}

async function run(context: ClientContext, userId: string, flags: EraseFlags): Promise<void> {
  const { output } = context;
  if (flags.receipt !== undefined) await requireNew(flags.receipt);
  const connection = await context.connection();
  if (flags.force !== true) {
    const tables = await preview(connection, userId);
    if (output.format === 'human')
      await output.rows(previewColumns, tables, `User "${visible(userId)}" has no rows.`);
    if (!canAsk())
      throw new CommandError('nothing erased: there is no terminal to ask on', {
        hint: '--force erases without asking',
      });
    const rows = tables.reduce((sum, table) => sum + table.rows, 0);
    const what = `${plural(rows, 'row')} of user "${visible(userId)}"`;
    if (!(await confirm(`Erase ${what} for good, from all user tables?`)))
      throw new CommandError('nothing erased');
  }
  const started = performance.now();
  const filter = { types: ['erase'], after: await lastJobId(context) };
  const work = connection.query<{ receipt: Receipt }>('select tide.erase_user($1) as receipt', [
    userId,
  ]);
  const [row] = await withJobProgress(context, 'erase', filter, work);
  const { receipt } = row!;
  if (flags.receipt !== undefined) await writeReceipt(flags.receipt, receipt);
  const { rows, files, bytes, tables } = receipt;
  const took = formatDuration(performance.now() - started);
  await output.done(
    `erased user "${visible(userId)}": ${plural(rows, 'row')} of ${plural(tables.length, 'table')}, ${plural(files, 'file')}, ${formatBytes(bytes)}, in ${took} (job ${receipt.job_id})`,
    { ...receipt },
  );
  if (!receipt.verified_empty)
    throw new CommandError(
      `${plural(receipt.rows_written_since, 'row')} of the user were written meanwhile`,
      { hint: 'Keep the user out, then erase again' },
    );
}

export const eraseUser = clientCommand('erase-user')
  .description('remove all rows of a user from all user tables, for good')
  .argument('<id>', 'the user id that the rows belong to')
  .option('-f, --force', 'do not ask')
  .option('--receipt <file>', 'write the receipt to a new file')
  .addHelpText(
    'after',
    `
Needs a superuser. Shows what would go and asks; then a job removes the rows, soft-deleted ones too, hot and cold, and the user's files and
folders, and looks that nothing is left. The receipt tells what went, not what was in it. Backups made before still have the user.

Exit code: 0 when the user is erased, ${ExitCode.failed} when somebody said no, it was refused, or rows were written meanwhile.

Examples:
  pgtide erase-user alice
  pgtide erase-user alice --force --receipt alice-erased.json`,
  )
  .action(clientAction(run));
