/** Flushed files as DuckDB, hyparquet, pyarrow and pandas read them; docs/open-files.md says how. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDuckdb } from '../../src/duckdb/index.ts';
import type { Duckdb } from '../../src/duckdb/index.ts';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { columns, systemColumns } from './columns.ts';
import { findPython } from './python.ts';

let server: ServerProcess;
let client: pg.Client;
let duckdb: Duckdb;

async function filesOf(table: string): Promise<string[]> {
  const { rows } = await client.query<{ full_path: string }>(
    'select full_path from system.files where table_name = $1 order by file_id',
    [table],
  );
  return rows.map((row) => row.full_path);
}

async function inDuckdb(sql: string): Promise<Record<string, unknown>[]> {
  const connection = await duckdb.acquire();
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJson();
  } finally {
    duckdb.release(connection);
  }
}

const list = (paths: readonly string[]): string =>
  `[${paths.map((path) => `'${path}'`).join(', ')}]`;

beforeAll(async () => {
  server = await startServerProcess();
  duckdb = await openDuckdb();
  client = new pg.Client({
    host: '127.0.0.1',
    port: server.port,
    user: 'postgres',
    database: 'postgres',
  });
  await client.connect();
  const definitions = columns.map(({ name, type }) => `${name} ${type}`);
  await client.query(`set timezone = 'America/New_York'`);
  await client.query(
    `create user table every (id int primary key, ${definitions.join(', ')}, gone text)`,
  );
  await client.query(`alter table every drop column gone`);
  await client.query(
    `insert into every values (1, ${columns.map(({ literal }) => literal).join(', ')})`,
  );
  await client.query('insert into every values (2)');
  await client.query('flush table every');
  // Ids 2 and 3 go in two ways, 4 changes, 5 is new: each in a file of its own.
  await client.query(`
    create table item (id int primary key, title text);
    insert into item values (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four')`);
  await client.query('flush table item');
  await client.query(`
    delete from item where id in (2, 3); update item set title = 'FOUR' where id = 4;
    alter table item rename column title to name; insert into item values (5, 'five')`);
  await client.query('flush table item');
});
afterAll(async () => {
  await client.end();
  duckdb.close();
  await server.remove();
});

test('the manifest tells where files are, and how many rows they have', async () => {
  const paths = await filesOf('item');
  expect(paths.length).toBeGreaterThanOrEqual(1);
  const folder = join(server.dataDir, 'cold/public/item.');
  for (const path of paths) expect(path.startsWith(folder)).toBe(true);
  const { rows } = await client.query<{ rows: number; deleted: number }>(
    `select sum(rows)::int as rows, sum(deleted_rows)::int as deleted from system.files where table_name = 'item'`,
  );
  const [seen] = await inDuckdb(
    `select count(*)::int as rows, count(*) filter (_deleted)::int as deleted from read_parquet(${list(paths)}, union_by_name = true)`,
  );
  expect(rows).toEqual([seen]);
});

describe('DuckDB', () => {
  test('sees the types, and columns by their ids', async () => {
    const [path] = await filesOf('every');
    const described = await inDuckdb(`describe select * from '${path}'`);
    expect(described.map((row) => [row['column_name'], row['column_type']])).toEqual([
      ['id', 'INTEGER'],
      ...columns.map((column) => [column.name, column.duckdb]),
      ...systemColumns.map(([name, type]) => [name, type]),
    ]);
    const fields = await inDuckdb(
      `select name, field_id from parquet_schema('${path}') where field_id is not null`,
    );
    const ids = new Map(fields.map((row) => [row['name'], Number(row['field_id'])]));
    expect(columns.map(({ name }) => ids.get(name))).toEqual(columns.map((_, i) => i + 2));
    for (const [name, , id] of systemColumns) expect([name, ids.get(name)]).toEqual([name, id]);
  });

  test('sees the values', async () => {
    const [path] = await filesOf('every');
    const text = columns.map(({ name, type }) => {
      if (type === 'bytea') return `lower(hex(${name})) as ${name}`;
      if (type === 'uuid[]') return `${name}::varchar[] as ${name}`;
      if (type === 'timestamptz[]')
        return `list_transform(${name}, lambda x: strftime(x, '%Y-%m-%dT%H:%M:%S.%f') || '+00:00') as ${name}`;
      if (type === 'timestamptz')
        return `strftime(${name}, '%Y-%m-%dT%H:%M:%S.%f') || '+00:00' as ${name}`;
      if (type === 'timestamp') return `strftime(${name}, '%Y-%m-%dT%H:%M:%S.%f') as ${name}`;
      if (type === 'double precision') return `replace(${name}::varchar, 'inity', '') as ${name}`;
      if (type === 'bigint') return `${name}::double as ${name}`;
      return name;
    });
    const [one, two] = await inDuckdb(`select ${text.join(', ')} from '${path}' order by id`);
    expect(one).toEqual(Object.fromEntries(columns.map(({ name, value }) => [name, value])));
    expect(two).toEqual(Object.fromEntries(columns.map(({ name }) => [name, null])));
  });

  test('finds the rows that count by the newest version of each key', async () => {
    const found = await inDuckdb(`
      select id, coalesce(name, title) as name from read_parquet(${list(await filesOf('item'))}, union_by_name = true)
      qualify row_number() over (partition by id order by _seq desc) = 1 and not _deleted order by id`);
    const { rows } = await client.query<object>('select * from item order by id');
    expect(found).toEqual(rows);
    expect(rows).toHaveLength(3);
  });
});

test('hyparquet sees the values', async () => {
  const [path] = await filesOf('every');
  const iso = (micros: bigint): string => {
    const seconds = new Date(Number(micros / 1000n)).toISOString().slice(0, 19);
    return `${seconds}.${String(micros % 1_000_000n).padStart(6, '0')}`;
  };
  const [one, two] = await parquetReadObjects({
    file: await asyncBufferFromFile(path!),
    compressors,
    utf8: false,
    parsers: {
      timestampFromMicroseconds: (micros: bigint) => iso(micros),
      dateFromDays: (days: number) => new Date(days * 86_400_000).toISOString().slice(0, 10),
    },
  });
  const seen = (value: unknown, expected: unknown): unknown => {
    if (Array.isArray(value)) return value.map((each, i) => seen(each, (expected as unknown[])[i]));
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    // Its decimals are JavaScript's numbers, its times microseconds.
    if (typeof value === 'bigint' && typeof expected === 'string') {
      const seconds = Number(value) / 1e6;
      return new Date(seconds * 1000).toISOString().slice(11, 20) + String(value % 1_000_000n);
    }
    if (typeof value === 'bigint') return Number(value);
    if (value === -Infinity) return '-inf';
    if (typeof value === 'number' && typeof expected === 'string') {
      return value === Number(expected) ? expected : value;
    }
    // It does not tell instants from local times.
    if (typeof value === 'string' && `${value}+00:00` === expected) return expected;
    return value ?? null;
  };
  for (const { name, value } of columns) {
    expect([name, seen(one?.[name], value)]).toEqual([name, value]);
    expect([name, two?.[name] ?? null]).toEqual([name, null]);
  }
});

describe('Python', () => {
  interface Seen {
    readonly fields: readonly {
      readonly name: string;
      readonly type: string;
      readonly id: number;
    }[];
    readonly rows: readonly Record<string, unknown>[];
    readonly pandas: Record<string, string>;
    /** With dtype_backend = 'pyarrow'. */
    readonly pandas_arrow: Record<string, string>;
    readonly current: readonly number[];
  }
  let found: Awaited<ReturnType<typeof findPython>>;
  beforeAll(async () => {
    found = await findPython();
  }, 240_000);

  async function read(python: string, paths: readonly string[]): Promise<Seen> {
    const script = join(import.meta.dirname, 'read.py');
    const { stdout } = await promisify(execFile)(python, [script, ...paths]);
    return JSON.parse(stdout) as Seen;
  }

  test('pyarrow and pandas see types, ids and values', async ({ skip }) => {
    if ('why' in found) return skip(found.why);
    const { fields, rows, pandas, pandas_arrow } = await read(found.python, await filesOf('every'));
    expect(fields).toEqual([
      { name: 'id', type: 'int32', id: 1 },
      ...columns.map(({ name, arrow }, i) => ({ name, type: arrow, id: i + 2 })),
      { name: '_seq', type: 'int64', id: 2_000_000_001 },
      { name: '_updated', type: 'timestamp[us, tz=UTC]', id: 2_000_000_002 },
      { name: '_deleted', type: 'bool', id: 2_000_000_003 },
      { name: '_user_id', type: 'string', id: 2_000_000_004 },
    ]);
    const [one, two] = rows;
    expect(one).toMatchObject({
      id: 1,
      ...Object.fromEntries(columns.map(({ name, value }) => [name, value])),
      _deleted: false,
      _user_id: 'postgres',
    });
    expect(two).toMatchObject(Object.fromEntries(columns.map(({ name }) => [name, null])));
    expect(columns.map(({ name }) => [name, pandas[name]])).toEqual(
      columns.map((column) => [column.name, column.pandas]),
    );
    // With Arrow's types it reads everything.
    expect(Object.keys(pandas_arrow)).toEqual(fields.map(({ name }) => name));
  });

  test('pandas finds the rows that count', async ({ skip }) => {
    if ('why' in found) return skip(found.why);
    const { current } = await read(found.python, await filesOf('item'));
    const { rows } = await client.query<{ id: number }>('select id from item order by id');
    expect(current).toEqual(rows.map(({ id }) => id));
  });
});
