/** Figures of tables: system.tables, system.stats and PostgreSQL's size functions tell what was counted. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { psql } from '../support/psql.ts';

let server: ServerProcess;
let client: pg.Client;
let app: pg.Client;

async function connect(user: string): Promise<pg.Client> {
  const made = new pg.Client({ host: '127.0.0.1', port: server.port, user, database: 'postgres' });
  await made.connect();
  return made;
}

beforeAll(async () => {
  server = await startServerProcess();
  client = await connect('postgres');
  await client.query(`
    create role app login;
    create table item (id int primary key, name text not null, price numeric(10,2));
    create index item_name on item (name);
    create table empty (a int);
    create user table note (id int primary key, body text);
    grant select on item, note to app;
    insert into item select i, 'item ' || i, i from generate_series(1, 3000) i`);
  for (const user of ['ann', 'bob']) {
    await client.query(`set tide.user_id = '${user}'; insert into note values (1, 'x'), (2, 'y')`);
  }
  await client.query('reset tide.user_id');
  app = await connect('app');
});
afterAll(async () => {
  await Promise.allSettled([client.end(), app.end()]);
  await server.remove();
});

type Cell = string | number | boolean | null;

async function rows(sql: string, from = client): Promise<Cell[][]> {
  const result = await from.query<Cell[]>({ text: sql, rowMode: 'array' });
  return result.rows;
}

/** The row of system.tables, counters as numbers. */
async function figuresOf(table: string): Promise<Record<string, unknown>> {
  const result = await client.query<Record<string, string | null>>(
    `select hot_rows, cold_rows, deleted_rows, superseded_rows, users, files, hot_bytes, index_bytes, cold_bytes,
       metadata_bytes, measured_at, last_flush_at from system.tables where table_name = $1`,
    [table],
  );
  const [row] = result.rows;
  return Object.fromEntries(
    Object.entries(row!).map(([name, value]) => [
      name,
      value === null || name.endsWith('_at') ? value : Number(value),
    ]),
  );
}

/** Tables are counted again in the background once they have changed. */
const eventually = (table: string) => expect.poll(() => figuresOf(table), { timeout: 20_000 });

test('rows and bytes are counted in both tiers', async () => {
  await eventually('item').toMatchObject({
    hot_rows: 3000,
    cold_rows: 0,
    deleted_rows: 0,
    files: 0,
  });
  const hot = await figuresOf('item');
  expect(hot).toMatchObject({ cold_bytes: 0, users: null, last_flush_at: null });
  expect(hot['hot_bytes']).toBeGreaterThan(3000 * 20);
  expect(hot['index_bytes']).toBeGreaterThan(3000 * 10);
  await client.query('flush table item');
  await eventually('item').toMatchObject({ hot_rows: 0, cold_rows: 3000, files: 1 });
  const flushed = await figuresOf('item');
  const [[path]] = (await rows(`select path from system.files where table_name = 'item'`)) as [
    [string],
  ];
  const { size } = await stat(join(server.dataDir, 'cold', path));
  expect(flushed).toMatchObject({ cold_bytes: size, superseded_rows: 0 });
  expect(flushed['last_flush_at']).toBeInstanceOf(Date);
  await client.query(`update item set price = 0 where id <= 10; delete from item where id > 2995`);
  await eventually('item').toMatchObject({ hot_rows: 15, cold_rows: 3000, deleted_rows: 5 });
  const changed = await figuresOf('item');
  expect(changed).toMatchObject({ superseded_rows: 15 });
  expect(Number(changed['measured_at'])).toBeGreaterThan(Number(flushed['measured_at']));
});

test('user tables count their users, for their owners alone', async () => {
  await eventually('note').toMatchObject({ hot_rows: 4, users: 2, cold_rows: 0 });
  const seen = await rows(
    `select table_name, hot_rows, hot_bytes, users, measured_at, last_flush_at from system.tables where table_name = 'note'`,
    app,
  );
  expect(seen).toEqual([['note', null, null, null, null, null]]);
});

test('PostgreSQL’s functions of sizes tell the same', async () => {
  const { hot_bytes, cold_bytes, index_bytes, metadata_bytes } = (await figuresOf(
    'item',
  )) as Record<string, number>;
  const main = hot_bytes! + cold_bytes!;
  const table = main + metadata_bytes!;
  expect(
    await rows(
      `select pg_relation_size('item')::int, pg_table_size('item')::int, pg_indexes_size('item')::int,
         pg_total_relation_size('item')::int, pg_relation_size('item', 'fsm')::int, pg_relation_size('item_name')::int,
         pg_relation_size('item_pkey')::int`,
    ),
  ).toEqual([[main, table, index_bytes, table + index_bytes!, 0, index_bytes, 0]]);
  expect(await rows(`select pg_relation_size('empty')::int`)).toEqual([[0]]);
  const [[pretty]] = (await rows(`select pg_size_pretty(pg_total_relation_size('item'))`)) as [
    [string],
  ];
  expect(Math.abs(Number.parseInt(pretty) - (table + index_bytes!) / 1024)).toBeLessThan(1);
  expect(await rows(`select x::int from pg_table_size((select 'item'::regclass)) x`)).toEqual([
    [table],
  ]);
  // Not the role's to know, not zero.
  expect(await rows(`select pg_table_size('note'), pg_table_size('item')::int`, app)).toEqual([
    [null, table],
  ]);
  const [[database]] = (await rows(`select pg_database_size(current_database())::int`)) as [
    [number],
  ];
  expect(database).toBeGreaterThan(cold_bytes!);
  expect(await rows(`select pg_relation_size('pg_class') > 0`)).toEqual([[true]]);
  expect(
    await rows(
      `select relname, n_live_tup::int, n_dead_tup::int from pg_stat_user_tables where schemaname = 'public' order by 1`,
    ),
  ).toEqual([
    ['empty', 0, 0],
    ['item', 2995, 20],
    ['note', 4, 0],
  ]);
});

test.each([
  [`select pg_relation_size('nix')`, '42P01'],
  [`select pg_relation_size('item', 'nix')`, '22023'],
  [`select pg_database_size('nix')`, '3D000'],
  [`select pg_table_size('item') from item`, '0A000'],
  [`insert into empty select pg_table_size('item')`, '0A000'],
  [`select set_config('a.b', pg_table_size('item')::text, false)`, '0A000'],
  [`select pg_tablespace_size('nix')`, '42704'],
  [`select pg_tablespace_size('pg_default') from item`, '0A000'],
])('%s: %s', async (sql, code) => {
  await expect(client.query(sql)).rejects.toMatchObject({ code });
});

test('ANALYZE tells the catalog how many rows there are', async () => {
  const reltuples = `select reltuples::int from pg_class where relname = 'item'`;
  await client.query('analyze item');
  expect(await rows(reltuples)).toEqual([[2995]]);
  await client.query('delete from item where id <= 5');
  await client.query('vacuum analyze item');
  expect(await rows(reltuples)).toEqual([[2990]]);
});

test('psql’s \\dt+ and \\di+ show sizes', async () => {
  const target = { host: '127.0.0.1', port: server.port };
  const { stdout, stderr } = await psql(target, '\\dt+ item\n\\di+ item_name\n');
  expect(stderr).toBe('');
  const shown = stdout.replaceAll(/ +/g, ' ');
  expect(shown).toMatch(/public \| item \| table .*\d+ kB/);
  expect(shown).toMatch(/public \| item_name \| index .*\d+ kB/);
});

test('system.stats tells what the server does and holds', async () => {
  const stats = async (): Promise<Map<Cell, Cell>> =>
    new Map(
      (await rows('select name, value from system.stats')).map(([name, value]) => [name!, value!]),
    );
  const before = await stats();
  await client.query('select 1 from item where id = 1');
  await client.query('begin; insert into empty values (1); rollback');
  await client.query('insert into empty values (1)');
  await client.query('select nix').catch(() => undefined);
  const after = await stats();
  const grown = (name: string): number => Number(after.get(name)) - Number(before.get(name));
  expect(grown('rollbacks')).toBe(2);
  expect(grown('errors')).toBe(1);
  expect(grown('group_commits')).toBe(1);
  expect(grown('commits')).toBeGreaterThanOrEqual(3);
  expect(grown('statements')).toBe(5);
  expect(grown('plans_row')).toBeGreaterThanOrEqual(1);
  for (const name of ['rss', 'hot_store_bytes', 'hot_store_memory', 'cold_bytes', 'start_up'])
    expect([name, Number(after.get(name)) > 0]).toEqual([name, true]);
  expect(await rows('select name from system.stats', app)).toEqual([
    ['started_at'],
    ['start_up'],
    ['uptime'],
  ]);
});
