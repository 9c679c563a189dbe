import type { ClientContext } from './client.ts';
import { clientAction, clientCommand } from './client.ts';
import type { Connection } from './connect.ts';
import type { Column, Fields } from './output.ts';
import { readFigures } from './table-figures.ts';
import { formatBytes, formatCount, formatDuration, formatTime, plural } from './units.ts';

/** Lines for people; programs get the figures. */
const columns: readonly Column[] = [
  { key: 'server', only: 'human' },
  { key: 'up', only: 'human' },
  { key: 'data', only: 'human' },
  { key: 'connections', only: 'human' },
  { key: 'statements_line', title: 'statements', only: 'human' },
  { key: 'tables_line', title: 'tables', only: 'human' },
  { key: 'rows', only: 'human' },
  { key: 'jobs', only: 'human' },
  { key: 'memory', only: 'human' },
  { key: 'version', only: 'json' },
  { key: 'postgresql_version', only: 'json' },
  { key: 'host', only: 'json' },
  { key: 'port', only: 'json' },
  { key: 'started_at', only: 'json' },
  { key: 'uptime_s', only: 'json' },
  { key: 'start_up_ms', only: 'json' },
  { key: 'data_dir', only: 'json' },
  { key: 'sessions', only: 'json' },
  { key: 'max_connections', only: 'json' },
  { key: 'statements', only: 'json' },
  { key: 'errors', only: 'json' },
  { key: 'user_tables', only: 'json' },
  { key: 'shared_tables', only: 'json' },
  { key: 'stream_tables', only: 'json' },
  { key: 'hot_rows', only: 'json' },
  { key: 'cold_rows', only: 'json' },
  { key: 'hot_bytes', only: 'json' },
  { key: 'cold_bytes', only: 'json' },
  { key: 'files', only: 'json' },
  { key: 'jobs_running', only: 'json' },
  { key: 'jobs_waiting', only: 'json' },
  { key: 'memory_bytes', only: 'json' },
];

/** system.stats by name. Most of it is for superusers and members of pg_monitor. */
async function readStats({ query }: Connection): Promise<ReadonlyMap<string, number>> {
  const rows = await query<{ name: string; value: number | null }>(
    'select name, value from system.stats',
  );
  return new Map(rows.flatMap(({ name, value }) => (value === null ? [] : [[name, value]])));
}

async function readSettings({ query }: Connection): Promise<ReadonlyMap<string, string>> {
  const rows = await query<{ name: string; setting: string }>(
    `select name, setting from system.settings where context = 'server'`,
  );
  return new Map(rows.map(({ name, setting }) => [name, setting]));
}

const sum = (figures: readonly (number | null)[]): number | undefined =>
  figures.includes(null) ? undefined : figures.reduce<number>((total, n) => total + n!, 0);

/** The texts of `parts` that are known, as one line; undefined when none is. */
const joined = (parts: readonly (string | undefined)[], separator = ', '): string | undefined => {
  const known = parts.filter((part) => part !== undefined);
  return known.length === 0 ? undefined : known.join(separator);
};

/** What `format` makes of a figure, when that is known. */
const known = (
  figure: number | undefined,
  format: (figure: number) => string,
): string | undefined => (figure === undefined ? undefined : format(figure));

async function read(context: ClientContext): Promise<Fields> {
  const connection = await context.connection();
  const stats = await readStats(connection);
  const settings = await readSettings(connection);
  const tables = await readFigures(connection);
  const [versions] = await connection.query<{ server_version: string }>('show server_version');
  const ofKind = (kind: string): number => tables.filter((table) => table.kind === kind).length;
  const number = (name: string): number | undefined => {
    const text = settings.get(name);
    return text === undefined ? undefined : Number(text);
  };
  const startedAt = stats.get('started_at');
  return {
    version: settings.get('version'),
    postgresql_version: versions!.server_version,
    host: context.target.host,
    port: context.target.port,
    started_at: startedAt === undefined ? undefined : new Date(startedAt * 1000),
    uptime_s: stats.get('uptime'),
    start_up_ms: stats.get('start_up'),
    data_dir: settings.get('data_dir'),
    sessions: stats.get('sessions'),
    max_connections: number('max_connections'),
    statements: stats.get('statements'),
    errors: stats.get('errors'),
    user_tables: ofKind('user'),
    shared_tables: ofKind('shared'),
    stream_tables: ofKind('stream'),
    hot_rows: sum(tables.map((table) => table.hot_rows)),
    cold_rows: sum(tables.map((table) => table.cold_rows)),
    hot_bytes: stats.get('hot_store_bytes'),
    cold_bytes: stats.get('cold_bytes') ?? sum(tables.map((table) => table.cold_bytes)),
    files: stats.get('cold_files') ?? sum(tables.map((table) => table.files)),
    jobs_running: stats.get('jobs_running'),
    jobs_waiting: stats.get('jobs_waiting'),
    memory_bytes: stats.get('rss'),
  } satisfies Fields;
}

/** The figures as lines; a line of which nothing is known is left out. */
function linesOf(status: Fields): Fields {
  const figure = (key: string): number | undefined => {
    const value = status[key];
    return typeof value === 'number' ? value : undefined;
  };
  const text = (key: string): string | undefined => {
    const value = status[key];
    return typeof value === 'string' ? value : undefined;
  };
  const started = status['started_at'];
  const kinds = ['user', 'shared', 'stream'] as const;
  const tableCount = kinds.reduce((total, kind) => total + (figure(`${kind}_tables`) ?? 0), 0);
  const ofKinds = kinds
    .filter((kind) => figure(`${kind}_tables`) !== 0)
    .map((kind) => `${formatCount(figure(`${kind}_tables`)!)} ${kind}`);
  const sizes = joined([
    known(figure('hot_bytes'), (bytes) => `${formatBytes(bytes)} hot`),
    known(figure('cold_bytes'), (bytes) => `${formatBytes(bytes)} cold`),
  ]);
  return {
    server: `pgtide ${text('version') ?? ''} (PostgreSQL ${text('postgresql_version')}) on ${text('host')}:${figure('port')}`,
    up: joined([
      known(figure('uptime_s'), (seconds) => formatDuration(seconds * 1000)),
      started instanceof Date ? `since ${formatTime(started)}` : undefined,
      known(figure('start_up_ms'), (ms) => `ready after ${formatDuration(ms)}`),
    ]),
    data: joined([text('data_dir'), sizes], ': '),
    connections: known(figure('sessions'), (open) => {
      return `${formatCount(open)} of ${formatCount(figure('max_connections') ?? 0)}`;
    }),
    statements_line: known(figure('statements'), (count) => {
      return `${formatCount(count)}, ${plural(figure('errors') ?? 0, 'error')}`;
    }),
    tables_line: `${formatCount(tableCount)}${ofKinds.length === 0 ? '' : ` (${ofKinds.join(', ')})`}`,
    rows: joined([
      known(figure('hot_rows'), (rows) => `${formatCount(rows)} hot`),
      known(figure('cold_rows'), (rows) => {
        return `${formatCount(rows)} cold in ${plural(figure('files') ?? 0, 'file')}`;
      }),
    ]),
    jobs: known(figure('jobs_running'), (running) => {
      return `${formatCount(running)} running, ${formatCount(figure('jobs_waiting') ?? 0)} waiting`;
    }),
    memory: known(figure('memory_bytes'), formatBytes),
  };
}

async function run(context: ClientContext): Promise<void> {
  const status = await read(context);
  await context.output.record(columns, { ...status, ...linesOf(status) });
}

export const status = clientCommand('status')
  .description('tell how the server is')
  .addHelpText(
    'after',
    `
Superusers and members of pg_monitor see all of it. Exit code 1 when no server answers.

Examples:
  pgtide status
  pgtide status --json | jq .memory_bytes`,
  )
  .action(clientAction(run));
