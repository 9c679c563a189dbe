/** Files merged, deleted rows gone for good, expired ones evicted: through SQL, and the same after a restart. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { connect, errorOf, rowsOf } from './client.ts';

let server: ServerProcess;
let client: pg.Client;
let notices: string[] = [];

async function open(): Promise<void> {
  client = await connect(server);
  client.on('notice', (notice) => notices.push(`${notice.severity} ${notice.message}`));
}
async function restart(): Promise<void> {
  await client.end();
  await server.restart();
  await open();
}

beforeAll(async () => {
  server = await startServerProcess();
  await open();
});
afterAll(async () => {
  await client?.end();
  await server?.remove();
});

const number = async (text: string): Promise<number> =>
  (await rowsOf(client, text))[0]![0] as number;
const filesOf = (table: string): Promise<number> =>
  number(`SELECT count(*)::int FROM system.files WHERE table_name = '${table}'`);
const jobsDone = (): Promise<void> =>
  expect
    .poll(() => number(`SELECT count(*)::int FROM system.jobs WHERE finished_at IS NULL`), {
      timeout: 60_000,
    })
    .toBe(0)
    .then(() => undefined);

test('small flushes become a few files by themselves', async () => {
  await client.query('CREATE USER TABLE notes (id int PRIMARY KEY, body text)');
  await client.query('CREATE INDEX notes_body ON notes (body)');
  for (let i = 0; i < 20; i++) {
    await client.query(`INSERT INTO notes VALUES (${i}, 'note ${i % 3}')`);
    await client.query('FLUSH TABLE notes');
  }
  await jobsDone();
  expect(await filesOf('notes')).toBeLessThan(12);
  expect(
    await number(
      `SELECT count(*)::int FROM system.jobs WHERE job_type = 'compact' AND status = 'completed'`,
    ),
  ).toBeGreaterThan(0);
  const all = 'SELECT id, body, _seq, _updated, _deleted, _user_id FROM notes ORDER BY id';
  const before = await rowsOf(client, all);
  expect(before.length).toBe(20);
  await client.query('VACUUM notes');
  expect(await filesOf('notes')).toBe(1);
  expect(await rowsOf(client, all)).toEqual(before);
  await restart();
  expect(await rowsOf(client, all)).toEqual(before);
  expect(await number(`SELECT count(*)::int FROM notes WHERE body = 'note 1'`)).toBe(7);
});

test('VACUUM VERBOSE tells what was done', async () => {
  await client.query('CREATE TABLE v (id int PRIMARY KEY, body text)');
  for (const from of [1, 11]) {
    await client.query(
      `INSERT INTO v SELECT g, 'row' FROM generate_series(${from}, ${from + 9}) g`,
    );
    await client.query('FLUSH TABLE v');
  }
  await client.query(`UPDATE v SET body = 'changed' WHERE id <= 3`);
  await client.query('FLUSH TABLE v');
  notices = [];
  await client.query('VACUUM VERBOSE v');
  expect(notices.map((notice) => notice.replace(/with \d+ and \d+/, 'with B and B'))).toEqual([
    'INFO vacuuming "postgres.public.v"',
    'INFO finished vacuuming "postgres.public.v": files: 3 before, 1 now, with B and B bytes\nrows: 20 written again, 3 superseded ones removed',
  ]);
  expect(await rowsOf(client, 'SELECT body, count(*)::int FROM v GROUP BY 1 ORDER BY 1')).toEqual([
    ['changed', 3],
    ['row', 17],
  ]);
});

test.each(['soft', 'hard'])('a deleted cold row stays gone: %s', async (mode) => {
  await client.query('DROP TABLE IF EXISTS gone');
  await client.query('CREATE TABLE gone (id int PRIMARY KEY, body text)');
  const seen = async (): Promise<unknown> => {
    expect(await rowsOf(client, `SELECT id FROM gone WHERE id = 1`)).toEqual([]);
    return (await rowsOf(client, 'SELECT body FROM gone ORDER BY id')).flat();
  };
  await client.query(`INSERT INTO gone VALUES (1, 'a')`);
  await client.query('FLUSH TABLE gone');
  await client.query(`SET tide.hard_delete = ${mode === 'hard' ? 'on' : 'off'}`);
  await client.query('DELETE FROM gone');
  expect(await seen()).toEqual([]);
  await client.query(`INSERT INTO gone VALUES (2, 'b')`);
  await client.query('FLUSH TABLE gone');
  expect(await seen()).toEqual(['b']);
  await client.query('VACUUM gone');
  expect(await seen()).toEqual(['b']);
  await restart();
  expect(await seen()).toEqual(['b']);
});

test('deleted_retention', async () => {
  await client.query(
    `CREATE TABLE kept (id int PRIMARY KEY, body text) WITH (deleted_retention = '1 second')`,
  );
  await client.query('CREATE TABLE forever (id int PRIMARY KEY)');
  await client.query(`INSERT INTO kept SELECT g, 'row' FROM generate_series(1, 10) g`);
  await client.query('INSERT INTO forever SELECT generate_series(1, 10)');
  await client.query('DELETE FROM kept WHERE id <= 2; DELETE FROM forever WHERE id <= 2');
  await client.query('FLUSH TABLE kept');
  await client.query('FLUSH TABLE forever');
  await client.query('DELETE FROM kept WHERE id <= 4');
  await client.query('SET tide.include_deleted = on');
  expect(await number('SELECT count(*)::int FROM kept')).toBe(10);
  await sleep(1200);
  notices = [];
  await client.query('VACUUM (VERBOSE) kept');
  expect(notices.at(-1)).toContain('deleted rows: 4 removed, which were past their retention');
  await client.query('VACUUM forever');
  expect(await number('SELECT count(*)::int FROM kept')).toBe(6);
  expect(await number('SELECT count(*)::int FROM forever')).toBe(10);
  expect(await number(`SELECT sum(rows)::int FROM system.files WHERE table_name = 'kept'`)).toBe(6);
  await restart();
  await client.query('SET tide.include_deleted = on');
  expect(await number('SELECT count(*)::int FROM kept')).toBe(6);
  await client.query('RESET tide.include_deleted');
  await client.query(`ALTER TABLE kept RESET (deleted_retention)`);
});

test.each([
  [
    `CREATE STREAM TABLE s (a int) WITH (ttl = '10s', deleted_retention = '1 day')`,
    'parameter "deleted_retention" does not apply to stream tables',
  ],
  [
    `CREATE TABLE n (a int) WITH (deleted_retention = 'soon')`,
    'invalid value for option "deleted_retention": "soon"',
  ],
  [
    `CREATE TABLE n (a int) WITH (deleted_retention = '0 days')`,
    'invalid value for option "deleted_retention": "0 days"',
  ],
])('%s', async (statement, message) => {
  expect(await errorOf(client, statement)).toEqual({ code: '22023', message });
});

test("VACUUM evicts a stream's expired rows", async () => {
  await client.query(`CREATE STREAM TABLE clicks (a int) WITH (ttl = '1s')`);
  await client.query('INSERT INTO clicks VALUES (1), (2)');
  await sleep(1200);
  await client.query('INSERT INTO clicks VALUES (3)');
  notices = [];
  await client.query('VACUUM VERBOSE clicks');
  expect(notices.at(-1)).toContain('expired rows: 2 removed');
  expect(await rowsOf(client, 'SELECT a FROM clicks')).toEqual([[3]]);
});
