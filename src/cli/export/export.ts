/** `pgtide export`: all that user tables hold of one user, as files that anyone can read. */
import { mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { encodeName } from '../../storage/cold/paths.ts';
import type { ClientContext } from '../client.ts';
import { clientAction, clientCommand } from '../client.ts';
import type { Connection } from '../connect.ts';
import { CommandError } from '../errors.ts';
import { createProgress } from '../progress.ts';
import { formatBytes, formatCount, formatDuration, plural } from '../units.ts';
import type { UserTable } from './user-tables.ts';
import { readUserTables } from './user-tables.ts';
import type { FileWriter, TextRow, WrittenFile } from './writer.ts';
import { createFile, csvLine, jsonLine } from './writer.ts';

/** Rows of one FETCH. */
const fetchRows = 1000;
/** System columns that every row of a user table has, after its own. */
const systemColumns = [
  { name: '_updated', type: 'timestamp with time zone' },
  { name: '_deleted', type: 'boolean' },
] as const;

interface ExportFlags {
  readonly user: string;
  readonly out: string;
  readonly csv?: boolean;
}

interface ExportedTable {
  readonly namespace: string;
  readonly table: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: number;
  /** Soft-deleted ones among them. */
  readonly deleted_rows: number;
  readonly files: readonly WrittenFile[];
}

/** The folder, made when it is missing; how to take it back. */
async function claimFolder(out: string): Promise<{ folder: string; discard(): Promise<void> }> {
  const folder = resolve(out);
  if (/\.(?:zip|tar|tgz|gz)$/i.test(folder))
    throw new CommandError(`"${out}" would be an archive; export writes a folder`, {
      hint: 'Pack the folder afterwards',
    });
  let made: string | undefined;
  try {
    made = await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new CommandError(`could not make folder "${out}": ${(error as Error).message}`);
  }
  if (made === undefined && (await readdir(folder)).length > 0)
    throw new CommandError(`folder "${out}" is not empty`, {
      hint: 'Choose one that does not exist yet, or an empty one',
    });
  return {
    folder,
    async discard() {
      for (const name of await readdir(folder)) await rm(join(folder, name), { force: true });
      if (made !== undefined) await rmdir(folder);
    },
  };
}

/** One snapshot for all tables, which shows this user's rows, deleted ones too, in forms that do not depend on settings. */
async function beginSnapshot({ client }: Connection, userId: string): Promise<void> {
  await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const settings: Readonly<Record<string, string>> = {
    'tide.user_id': userId,
    'tide.scope': 'user',
    'tide.include_deleted': 'on',
    DateStyle: 'ISO, YMD',
    IntervalStyle: 'iso_8601',
    TimeZone: 'UTC',
    bytea_output: 'hex',
    extra_float_digits: '1',
  };
  for (const [name, value] of Object.entries(settings))
    await client.query('select set_config($1, $2, true)', [name, value]);
}

async function* readRows({ client }: Connection, table: UserTable): AsyncGenerator<TextRow[]> {
  const columns = [
    ...table.columns.map(({ sql }) => `t.${sql}`),
    ...systemColumns.map(({ name }) => `t.${name}`),
  ];
  await client.query(
    `DECLARE exported NO SCROLL CURSOR FOR SELECT ${columns.join(', ')} FROM ${table.sql} AS t`,
  );
  for (;;) {
    const { rows } = await client.query<(string | null)[]>({
      text: `FETCH ${fetchRows} FROM exported`,
      rowMode: 'array',
      // Every value as the server writes it.
      types: { getTypeParser: () => (text: string | Buffer) => text.toString() },
    });
    if (rows.length === 0) break;
    yield rows;
  }
  await client.query('CLOSE exported');
}

async function exportTable(
  connection: Connection,
  table: UserTable,
  folder: string,
  { csv = false }: ExportFlags,
  onRows: (rows: number) => void,
): Promise<ExportedTable> {
  const names = [...table.columns, ...systemColumns].map(({ name }) => name);
  const base = `${encodeName(table.namespace, '')}.${encodeName(table.name, '')}`;
  let json: FileWriter | undefined;
  let commas: FileWriter | undefined;
  let rows = 0;
  let deleted = 0;
  try {
    for await (const batch of readRows(connection, table)) {
      json ??= await createFile(folder, `${base}.jsonl`);
      await json.write(batch.map((row) => jsonLine(names, row)).join(''));
      if (csv) {
        commas ??= await createFile(folder, `${base}.csv`);
        if (rows === 0) await commas.write(csvLine(names));
        await commas.write(batch.map(csvLine).join(''));
      }
      rows += batch.length;
      for (const row of batch) if (row.at(-1) === 't') deleted++;
      onRows(rows);
    }
    const files: WrittenFile[] = [];
    for (const writer of [json, commas])
      if (writer !== undefined) files.push(await writer.finish());
    return {
      namespace: table.namespace,
      table: table.name,
      columns: [...table.columns, ...systemColumns].map(({ name, type }) => ({ name, type })),
      rows,
      deleted_rows: deleted,
      files,
    };
  } catch (error) {
    await Promise.allSettled([json?.abort(), commas?.abort()]);
    throw error;
  }
}

/** Last, and whole or not there: a folder without it is no export. */
async function writeIndex(folder: string, index: object): Promise<void> {
  const unfinished = join(folder, 'index.json.tmp');
  const file = await open(unfinished, 'wx', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(index, undefined, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(unfinished, join(folder, 'index.json'));
}

async function run(context: ClientContext, flags: ExportFlags): Promise<void> {
  const connection = await context.connection();
  const started = performance.now();
  await beginSnapshot(connection, flags.user);
  const tables = await readUserTables(connection);
  const [at] = await connection.query<{ at: string; version: string }>(
    `select to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at, current_setting('server_version') as version`,
  );
  const { folder, discard } = await claimFolder(flags.out);
  const progress = createProgress('export');
  try {
    const exported: ExportedTable[] = [];
    for (const [i, table] of tables.entries()) {
      context.signal.throwIfAborted();
      const tell = (rows: number): void =>
        progress.update(i / tables.length, `${table.sql}: ${formatCount(rows)} rows`);
      tell(0);
      exported.push(await exportTable(connection, table, folder, flags, tell));
    }
    await connection.client.query('COMMIT');
    const rows = exported.reduce((sum, table) => sum + table.rows, 0);
    const bytes = exported.flatMap(({ files }) => files).reduce((sum, file) => sum + file.bytes, 0);
    await writeIndex(folder, {
      product: 'pgtide',
      format: 1,
      user_id: flags.user,
      exported_at: at!.at,
      server_version: at!.version,
      values: "PostgreSQL's text output, in UTC; null is NULL",
      rows,
      tables: exported,
    });
    progress.clear();
    const holding = exported.filter((table) => table.rows > 0).length;
    const took = formatDuration(performance.now() - started);
    await context.output.done(
      `exported to ${folder}: ${plural(rows, 'row')} of ${plural(holding, 'table')} (${tables.length} searched), ${formatBytes(bytes)}, in ${took}`,
      { user_id: flags.user, path: folder, rows, tables: holding, bytes },
    );
  } catch (error) {
    progress.clear();
    await discard().catch(() => undefined);
    throw error;
  }
}

export const exportUser = clientCommand('export')
  .description("write a user's whole data to files, for a data-subject request")
  .requiredOption('--user <id>', 'whose: the user id that rows belong to')
  .requiredOption('--out <folder>', 'it must not exist yet, or be empty')
  .option('--csv', 'a CSV file of each table, too')
  .addHelpText(
    'after',
    `
Needs a superuser or a member of tide_service that may read the tables. All user tables are read at one moment, soft-deleted rows too (they
say so in _deleted). A table becomes <schema>.<table>.jsonl, a JSON object a row with PostgreSQL's own texts as values; index.json, written
last, lists tables, columns, types, counts and checksums.

Examples:
  pgtide export --user alice --out ./alice
  pgtide export --user alice --out ./alice --csv --json`,
  )
  .action(clientAction(run));
