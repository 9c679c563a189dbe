import type { ClientContext } from './client.ts';
import { clientAction, clientCommand } from './client.ts';
import type { Connection } from './connect.ts';
import { CommandError } from './errors.ts';
import type { Column } from './output.ts';
import { matches, readPattern } from './pattern.ts';
import type { TableFigures } from './table-figures.ts';
import { readFigures, shownName, tableKey } from './table-figures.ts';
import { formatTime } from './units.ts';

/** Large tables are not counted at each look. */
const freshMs = 60_000;

const columns: readonly Column[] = [
  { key: 'table', only: 'human' },
  { key: 'namespace', only: 'json' },
  { key: 'table_name', only: 'json' },
  { key: 'kind' },
  { key: 'hot_rows', unit: 'count' },
  { key: 'cold_rows', unit: 'count' },
  { key: 'users', unit: 'count', optional: true },
  { key: 'files', unit: 'count' },
  { key: 'hot_bytes', title: 'hot size', unit: 'bytes' },
  { key: 'cold_bytes', title: 'cold size', unit: 'bytes' },
  { key: 'flush_policy', optional: true },
  { key: 'tablespace' },
  { key: 'owner' },
  { key: 'counted', only: 'human', optional: true },
  { key: 'measured_at', only: 'json' },
];

/** What PostgreSQL's catalog says of a table. */
interface CatalogRow {
  readonly namespace: string;
  readonly table_name: string;
  /** Null: the default. */
  readonly tablespace: string | null;
  readonly owned: boolean;
}

async function readCatalog({ query }: Connection): Promise<ReadonlyMap<string, CatalogRow>> {
  const rows = await query<CatalogRow>(
    `select schemaname as namespace, tablename as table_name, tablespace, pg_has_role(tableowner, 'USAGE') as owned
     from pg_tables`,
  );
  return new Map(rows.map((row) => [tableKey(row), row]));
}

/** Figures that are not of this minute are told with their time; those that the role may not know have none. */
function countedText(
  { kind, measured_at: at }: TableFigures,
  owned: boolean,
  now: Date,
): string | undefined {
  if (at === null) return owned || kind !== 'user' ? 'not yet' : undefined;
  return now.getTime() - at.getTime() < freshMs ? undefined : formatTime(at);
}

async function run(context: ClientContext, patternText: string | undefined): Promise<void> {
  const pattern = patternText === undefined ? undefined : readPattern(patternText);
  const connection = await context.connection();
  const all = await readFigures(connection);
  const found = pattern === undefined ? all : all.filter((table) => matches(pattern, table));
  if (found.length === 0 && patternText !== undefined) {
    throw new CommandError(`no table matches "${patternText}"`);
  }
  const [now] = await connection.query<{ now: Date }>('select clock_timestamp() as now');
  const catalog = await readCatalog(connection);
  await context.output.rows(
    columns,
    found.map((table) => {
      const key = tableKey(table);
      return {
        ...table,
        table: shownName(table.namespace, table.table_name),
        flush_policy: table.options['flush_policy'],
        tablespace: catalog.get(key)?.tablespace ?? 'pg_default',
        counted: countedText(table, catalog.get(key)?.owned ?? false, now!.now),
      };
    }),
    'There are no tables.',
  );
}

export const tables = clientCommand('tables')
  .description('list tables with what they hold')
  .argument('[pattern]', 'as in psql: chat.*, mess*, "Quoted"')
  .addHelpText(
    'after',
    `
Tables that the role has a right on. Figures of user tables are for their owners; others see none.

Examples:
  pgtide tables
  pgtide tables 'chat.*'
  pgtide tables --json | jq 'select(.hot_rows > 100000) | .table_name'`,
  )
  .action(clientAction(run));
