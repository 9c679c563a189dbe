/** VACUUM, ANALYZE and COPY FREEZE: what they ask for, what they tell, and that VACUUM leaves no work behind. */
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { connect, errorOf, rowsOf } from './client.ts';

let server: ServerProcess;
let client: pg.Client;
const notices: string[] = [];

beforeAll(async () => {
  server = await startServerProcess();
  client = await connect(server);
  client.on('notice', (notice) => notices.push(`${notice.severity} ${notice.message}`));
  await client.query('CREATE TABLE t (id int PRIMARY KEY, a text); CREATE TABLE u (a int)');
  await client.query(`INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 100) g`);
  await client.query('CREATE ROLE someone LOGIN; CREATE VIEW v AS SELECT 1 AS one');
});
afterAll(async () => {
  await client?.end();
  await server?.remove();
});
beforeEach(() => void notices.splice(0));

async function copy(text: string, lines: string): Promise<void> {
  const stream = client.query(copyFrom(text));
  const done = new Promise<void>((resolve, reject) => {
    stream.on('finish', resolve);
    stream.on('error', reject);
  });
  stream.end(lines);
  await done;
}

test.each([
  ['VACUUM (nonsense) t', '42601', 'unrecognized VACUUM option "nonsense"'],
  ['ANALYZE (nonsense) t', '42601', 'unrecognized ANALYZE option "nonsense"'],
  ['VACUUM (FULL, PARALLEL 2) t', '0A000', 'VACUUM FULL cannot be performed in parallel'],
  ['VACUUM t (a)', '0A000', 'ANALYZE option must be specified when a column list is provided'],
  ['VACUUM nope', '42P01', 'relation "nope" does not exist'],
  ['ANALYZE t (nope)', '42703', 'column "nope" of relation "t" does not exist'],
  ['BEGIN; VACUUM', '25001', 'VACUUM cannot run inside a transaction block'],
  ['VACUUM t; SELECT 1', '25001', 'VACUUM cannot run inside a transaction block'],
  ['SELECT 1; VACUUM t', '25001', 'VACUUM cannot run inside a transaction block'],
])('%s', async (statement, code, message) => {
  expect(await errorOf(client, statement)).toEqual({ code, message });
  await client.query('ROLLBACK');
});

test('plain forms, and options that ask for what is not there', async () => {
  for (const statement of [
    'VACUUM',
    'VACUUM t',
    'VACUUM ANALYZE t, u',
    'VACUUM (FULL, FREEZE) t',
    'VACUUM (ANALYZE, PARALLEL 1, TRUNCATE off, INDEX_CLEANUP auto) t (a)',
    'VACUUM (ONLY_DATABASE_STATS)',
  ]) {
    expect((await client.query(statement)).command).toBe('VACUUM');
  }
  expect((await client.query('BEGIN; ANALYZE t; COMMIT')) as unknown).toBeInstanceOf(Array);
  expect(notices).toEqual([]);
});

test('VERBOSE tells of the stored rows', async () => {
  await client.query('VACUUM (VERBOSE, ANALYZE) t');
  expect(notices).toEqual([
    'INFO vacuuming "postgres.public.t"',
    'INFO finished vacuuming "postgres.public.t"',
    'INFO analyzing "public.t"',
    'INFO "t": 100 hot rows, 0 rows in 0 files',
  ]);
});

test('a view is skipped, and so is what belongs to others', async () => {
  await client.query('VACUUM v, t');
  await client.query('SET ROLE someone');
  await client.query('VACUUM VERBOSE t');
  await client.query('RESET ROLE');
  expect(notices).toEqual([
    'WARNING skipping "v" --- cannot vacuum non-tables or special system tables',
    'WARNING permission denied to vacuum "t", skipping it',
  ]);
});

test('VACUUM waits for what a truncate and a flush leave behind', async () => {
  await client.query('CREATE TABLE w (id int PRIMARY KEY)');
  await client.query('INSERT INTO w SELECT generate_series(1, 20000)');
  await client.query('FLUSH TABLE w');
  await client.query('INSERT INTO w SELECT generate_series(20001, 40000)');
  await client.query('TRUNCATE w');
  await client.query('VACUUM w');
  const files = "SELECT count(*)::int FROM system.files WHERE table_name = 'w'";
  expect(await rowsOf(client, files)).toEqual([[0]]);
  expect(await rowsOf(client, 'SELECT count(*)::int FROM w')).toEqual([[0]]);
});

test('COPY FREEZE is for tables that the transaction has made or emptied', async () => {
  const refused = {
    code: '55000',
    message:
      'cannot perform COPY FREEZE because the table was not created or truncated in the current subtransaction',
  };
  const freeze = (table: string): string => `COPY ${table} FROM STDIN WITH (FREEZE on)`;
  expect(await errorOf(client, freeze('u'))).toEqual(refused);
  await client.query('BEGIN; TRUNCATE u; CREATE TABLE made (a int)');
  await copy(freeze('u'), '1\n2\n');
  await copy(freeze('made'), '3\n');
  await client.query('COMMIT');
  expect(await rowsOf(client, 'SELECT a FROM u UNION ALL SELECT a FROM made ORDER BY a')).toEqual([
    [1],
    [2],
    [3],
  ]);
  expect(await errorOf(client, freeze('made'))).toEqual(refused);
});
