/** Tables that flush themselves. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';

let server: ServerProcess;
let client: pg.Client;

async function connect(): Promise<void> {
  client = new pg.Client({ host: server.host, port: server.port, user: 'postgres' });
  await client.connect();
  client.on('error', () => undefined);
}

beforeAll(async () => {
  server = await startServerProcess();
  await connect();
});

afterAll(async () => {
  await client.end();
  await server.remove();
});

const figures = async (table: string): Promise<unknown> =>
  (
    await client.query(
      `SELECT hot_rows::int AS hot, cold_rows::int AS cold FROM system.tables WHERE table_name = $1`,
      [table],
    )
  ).rows[0];

test('at so many rows, whoever wrote them and however', async () => {
  await client.query(`CREATE TABLE t (id int) WITH (flush_policy = 'rows:100')`);
  await client.query('INSERT INTO t SELECT generate_series(1, 99)');
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(await figures('t')).toEqual({ hot: 99, cold: 0 });
  await client.query('INSERT INTO t SELECT generate_series(100, 120)');
  await expect.poll(() => figures('t'), { timeout: 60_000 }).toEqual({ hot: 0, cold: 120 });
  // A bulk load, whose rows no commit lists.
  await client.query('INSERT INTO t SELECT generate_series(1, 30000)');
  await expect.poll(() => figures('t'), { timeout: 60_000 }).toEqual({ hot: 0, cold: 30_120 });
  const { rows } = await client.query(
    `SELECT job_type, status, params FROM (SELECT *, NULL AS params FROM system.jobs) AS j WHERE table_name = 't'`,
  );
  expect(rows).toEqual([
    { job_type: 'flush', status: 'completed', params: null },
    { job_type: 'flush', status: 'completed', params: null },
  ]);
});

test('a user with enough rows, and nobody else', async () => {
  await client.query(`CREATE USER TABLE m (id int) WITH (flush_policy = 'rows:50')`);
  for (const [user, rows] of [
    ['ann', 40],
    ['bob', 60],
  ] as const) {
    await client.query(`SELECT set_config('tide.user_id', $1, false)`, [user]);
    await client.query('INSERT INTO m SELECT generate_series(1, $1::int)', [rows]);
  }
  await client.query('RESET tide.user_id');
  await expect.poll(() => figures('m'), { timeout: 60_000 }).toEqual({ hot: 40, cold: 60 });
  const { rows } = await client.query(
    `SELECT user_id, rows::int FROM system.files WHERE table_name = 'm'`,
  );
  expect(rows).toEqual([{ user_id: 'bob', rows: 60 }]);
});

test('after an interval, also of what was hot before a restart; as ALTER TABLE says', async () => {
  await client.query('CREATE TABLE s (id int)');
  await client.query('INSERT INTO s SELECT generate_series(1, 10)');
  await client.query(`ALTER TABLE s SET (flush_policy = 'interval:1s')`);
  await expect.poll(() => figures('s'), { timeout: 60_000 }).toEqual({ hot: 0, cold: 10 });
  await client.query(`ALTER TABLE s SET (flush_policy = 'interval:10min')`);
  await client.query('INSERT INTO s VALUES (11)');
  await client.query(`ALTER TABLE s RESET (flush_policy)`);
  await client.query(`ALTER TABLE s SET (flush_policy = 'interval:2s')`);
  await client.end();
  await server.restart();
  await connect();
  await expect.poll(() => figures('s'), { timeout: 60_000 }).toEqual({ hot: 0, cold: 11 });
});

test.each([
  [`CREATE TABLE x (id int) WITH (flush_policy = 'sometimes')`, '22023'],
  [`CREATE TABLE x (id int) WITH (flush_policy = 'total_rows:5')`, '22023'],
  [`CREATE STREAM TABLE x (id int) WITH (ttl = '1h', flush_policy = 'rows:5')`, '22023'],
  [`ALTER TABLE t SET (flush_policy = 'rows:0')`, '22023'],
])('%s', async (sql, code) => {
  await expect(client.query(sql)).rejects.toMatchObject({ code });
});
