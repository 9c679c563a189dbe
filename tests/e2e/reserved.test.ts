/** What belongs to the server can't be changed by SQL, not even by the superuser. */
import pg from 'pg';
import { virtualNames } from '../../src/system/index.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';

let server: ServerProcess;
let client: pg.Client;

beforeAll(async () => {
  server = await startServerProcess();
  client = new pg.Client({
    host: server.host,
    port: server.port,
    user: 'postgres',
    database: 'tide',
  });
  await client.connect();
});

afterAll(async () => {
  await client?.end();
  await server?.remove();
});

test.each([
  'DROP TABLE system.jobs',
  'DROP SCHEMA system CASCADE',
  'DROP SCHEMA tide CASCADE',
  'DROP NAMESPACE system CASCADE',
  'DROP ROLE tide_service',
  'ALTER SCHEMA tide RENAME TO ours',
  'ALTER SCHEMA system RENAME TO ours',
  'ALTER TABLE system.files ADD COLUMN x int',
  'ALTER TABLE system.files DROP COLUMN rows',
  'ALTER TABLE system.files ALTER COLUMN rows SET DEFAULT 1',
  'ALTER TABLE system.files ADD PRIMARY KEY (file_id)',
  'ALTER TABLE system.users RENAME TO ours',
  'ALTER TABLE system.users SET SCHEMA public',
  'ALTER TABLE tide.mirror_stamp RENAME TO ours',
  'CREATE INDEX ON system.users (user_id)',
  'CREATE TABLE system.ours (a int)',
  'CREATE TABLE tide.ours (a int)',
  'CREATE TABLE pg_catalog.ours (a int)',
  'CREATE VIEW system.ours AS SELECT 1',
  'INSERT INTO system.users VALUES (1)',
  'UPDATE system.jobs SET attempts = 0',
  'DELETE FROM system.jobs',
  'DELETE FROM pg_class',
])('%s', async (statement) => {
  await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
  const { rows } = await client.query(
    `SELECT count(*)::int AS n FROM pg_class WHERE relnamespace = 'system'::regnamespace AND relkind = 'r'`,
  );
  expect(rows).toEqual([{ n: virtualNames.length }]);
  expect((await client.query('SELECT * FROM system.jobs')).rows).toEqual([]);
});

test('a transaction that tries is rolled back as a whole, and the server goes on', async () => {
  await expect(
    client.query('CREATE TABLE with_it (a int); DROP TABLE system.jobs'),
  ).rejects.toMatchObject({ code: '42501' });
  await expect(client.query('SELECT * FROM with_it')).rejects.toMatchObject({ code: '42P01' });
  await client.query('CREATE TABLE after_it (a int); INSERT INTO after_it VALUES (1)');
  expect((await client.query('SELECT * FROM after_it')).rows).toEqual([{ a: 1 }]);
});
