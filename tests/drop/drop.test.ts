import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { crashingServer } from '../crash/process.ts';
import type { CrashingServer } from '../crash/process.ts';
import { checkRunning, checkStopped, jobsEnded, liveIds } from './oracle.ts';

/** In the name of every table that is dropped here, and in no other's. */
const word = 'doomed';

let dataDir: string;
let server: CrashingServer;
let client: pg.Client;

async function connect(): Promise<pg.Client> {
  const opened = new pg.Client({ host: server.host, port: server.port(), user: 'postgres' });
  await opened.connect();
  opened.on('error', () => undefined);
  return opened;
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'pgtide-drop-'));
  server = crashingServer(dataDir);
  await server.start();
  client = await connect();
  await client.query(setUpKept);
  await asUsers(['ann', 'bob', '../x'], async () => {
    await client.query(`INSERT INTO chat.kept VALUES (1, 'mine')`);
  });
  await client.query('FLUSH TABLE chat.kept');
});

beforeEach(async () => {
  // Left when a test before this one has failed.
  await client.query('DROP TABLE IF EXISTS chat.doomed_letters, doomed_rooms, doomed_ticks');
  await client.query(setUp);
  await asUsers(['ann', 'bob', '../x'], async () => {
    await client.query(
      `INSERT INTO chat.doomed_letters (body) SELECT 'letter ' || n FROM generate_series(1, 30) AS n`,
    );
  });
  await client.query(`
    FLUSH TABLE chat.doomed_letters;
    FLUSH TABLE doomed_rooms;
    INSERT INTO doomed_rooms SELECT n, 'late' FROM generate_series(101, 120) AS n;
    DELETE FROM doomed_rooms WHERE id IN (3, 104);
    UPDATE doomed_rooms SET name = 'other' WHERE id = 5;
    INSERT INTO doomed_ticks SELECT n FROM generate_series(1, 40) AS n`);
  await asUsers(['ann', 'eve'], async () => {
    await client.query(
      `UPDATE chat.doomed_letters SET body = 'again' WHERE id < 5;
       INSERT INTO chat.doomed_letters (body) VALUES ('hot')`,
    );
  });
});

afterAll(async () => {
  await client.end().catch(() => undefined);
  await server.kill().catch(() => undefined);
  await rm(dataDir, { recursive: true, force: true });
});

const setUpKept = `
  CREATE SCHEMA chat;
  CREATE USER TABLE chat.kept (id int PRIMARY KEY, body text);
  CREATE TABLE kept_shared (id int PRIMARY KEY, room int);
  INSERT INTO kept_shared SELECT n, n FROM generate_series(1, 50) AS n`;

const setUp = `
  CREATE USER TABLE chat.doomed_letters (id serial PRIMARY KEY, body text, at timestamptz DEFAULT now());
  CREATE INDEX ON chat.doomed_letters (body);
  CREATE TABLE doomed_rooms (id int PRIMARY KEY, name text, n int GENERATED ALWAYS AS IDENTITY);
  CREATE STREAM TABLE doomed_ticks (n int) WITH (ttl = '1 hour');
  INSERT INTO doomed_rooms SELECT n, 'room ' || n FROM generate_series(1, 100) AS n`;

async function asUsers(users: readonly string[], work: () => Promise<void>): Promise<void> {
  for (const user of users) {
    await client.query(`SELECT set_config('tide.user_id', $1, false)`, [user]);
    await work();
  }
  await client.query('RESET tide.user_id');
}

/** The oracle, as the server runs. */
async function expectGone(): Promise<void> {
  await checkRunning(client, dataDir, word);
  const { rows } = await client.query('SELECT count(*)::int AS n FROM kept_shared');
  expect(rows).toEqual([{ n: 50 }]);
  await asUsers(['ann', 'bob', '../x'], async () => {
    expect((await client.query('SELECT * FROM chat.kept')).rows).toEqual([{ id: 1, body: 'mine' }]);
  });
}

/** Looks into the hot store and into the server that starts from it again. */
async function expectGoneForGood(): Promise<void> {
  const live = await liveIds(client);
  await client.end();
  await server.stop();
  await checkStopped(dataDir, live);
  await server.start();
  client = await connect();
  await expectGone();
}

const dropAll = 'DROP TABLE chat.doomed_letters, doomed_rooms, doomed_ticks';

describe('nothing is left of', () => {
  test.each([
    ['tables of every kind in one statement', dropAll],
    [
      'tables one by one, each by its kind',
      'DROP USER TABLE chat.doomed_letters; DROP SHARED TABLE doomed_rooms; DROP STREAM TABLE doomed_ticks',
    ],
    ['tables dropped in a transaction', `BEGIN; ${dropAll}; COMMIT`],
    [
      'tables that others refer to, with CASCADE',
      `CREATE VIEW doomed_view AS SELECT * FROM doomed_rooms;
       ALTER TABLE kept_shared ADD FOREIGN KEY (room) REFERENCES doomed_rooms (id) NOT VALID;
       ${dropAll} CASCADE`,
    ],
    ['a table that is truncated and dropped', `TRUNCATE doomed_rooms; ${dropAll}`],
    [
      'tables whose last rows came in the same transaction',
      `BEGIN; INSERT INTO doomed_rooms SELECT n FROM generate_series(1000, 9000) AS n; ${dropAll}; COMMIT`,
    ],
    [
      'a schema with all in it',
      `CREATE SCHEMA doomed_schema; ALTER TABLE chat.doomed_letters SET SCHEMA doomed_schema;
       CREATE TABLE doomed_schema.doomed_more AS SELECT n FROM generate_series(1, 10) AS n; FLUSH TABLE doomed_schema.doomed_more;
       DROP SCHEMA doomed_schema CASCADE; DROP TABLE doomed_rooms, doomed_ticks`,
    ],
  ])('%s', async (_, sql) => {
    for (const statement of sql.split(';')) await client.query(statement);
    await expectGone();
  });

  test('all of those, after a restart', async () => {
    await client.query(dropAll);
    await expectGone();
    await expectGoneForGood();
  });
});

test('a rollback, also to a savepoint, leaves every row', async () => {
  const count = async (): Promise<unknown> => [
    (await client.query('SELECT count(*)::int, sum(id)::int FROM doomed_rooms')).rows,
    (
      await client.query(
        `SET tide.scope = 'all'; SELECT count(*)::int, sum(id)::int FROM chat.doomed_letters`,
      )
    ).rows,
    (await client.query('SELECT count(*)::int FROM doomed_ticks')).rows,
  ];
  const drops = async (): Promise<unknown> =>
    (await client.query(`SELECT count(*) FROM system.jobs WHERE job_type = 'drop'`)).rows;
  const dropsBefore = await drops();
  const before = await count();
  await client.query(`BEGIN; ${dropAll}`);
  await client.query('ROLLBACK');
  expect(await count()).toEqual(before);
  await client.query(`BEGIN; SAVEPOINT s; ${dropAll}; ROLLBACK TO s; COMMIT`);
  expect(await count()).toEqual(before);
  expect(await drops()).toEqual(dropsBefore);
  await client.query('RESET tide.scope');
  await client.query(dropAll);
  await expectGone();
});

test('a table made again under the name has its own rows alone, at once and for ever', async () => {
  await client.query(dropAll);
  await client.query(`
    CREATE USER TABLE chat.doomed_letters (id int PRIMARY KEY, other text);
    CREATE TABLE doomed_rooms (id int PRIMARY KEY)`);
  await client.query(`INSERT INTO doomed_rooms VALUES (1), (5)`);
  await asUsers(['ann', '../x'], async () => {
    await client.query(`INSERT INTO chat.doomed_letters VALUES (1, 'new')`);
  });
  await client.query('FLUSH TABLE doomed_rooms');
  await jobsEnded(client);
  const look = async (): Promise<void> => {
    expect((await client.query('SELECT * FROM doomed_rooms ORDER BY id')).rows).toEqual([
      { id: 1 },
      { id: 5 },
    ]);
    await asUsers(['ann', '../x'], async () => {
      expect((await client.query('SELECT * FROM chat.doomed_letters')).rows).toEqual([
        { id: 1, other: 'new' },
      ]);
    });
  };
  await look();
  await client.end();
  await server.stop();
  await server.start();
  client = await connect();
  await look();
  await client.query('DROP TABLE doomed_rooms, chat.doomed_letters');
  await expectGone();
});

describe('killed', () => {
  test.each([
    'catalog commit: before write',
    'catalog commit: written',
    'mirror commit: before',
    'mirror commit: done',
    'job change: before write',
    'job change: written',
    'drop: before files',
    'drop: before files#2',
    'manifest removal: before write',
    'manifest removal: written',
    'drop: files removed',
    'lazy removal: before write',
    'lazy removal: written',
    'lazy removal: written#3',
    'drop done: before write',
    'drop done: written',
  ])('at "%s"', async (point) => {
    await server.arm(point);
    const dropped = await client.query(dropAll).then(
      () => true,
      () => false,
    );
    await server.gone;
    await server.start();
    client = await connect();
    const { rows } = await client.query<{ there: boolean }>(
      `SELECT to_regclass('doomed_rooms') IS NOT NULL AS there`,
    );
    const there = rows[0]!.there;
    // Acknowledged means gone; not acknowledged is all or nothing.
    expect(dropped && there).toBe(false);
    if (there) {
      expect((await client.query('SELECT count(*)::int FROM doomed_rooms')).rows).toEqual([
        { count: 118 },
      ]);
      await client.query(dropAll);
    }
    await expectGone();
  });

  test('at any of those, after another restart', async () => {
    await client.query(dropAll);
    await expectGone();
    await expectGoneForGood();
  });
});
