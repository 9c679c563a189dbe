/** The drop oracle over tables whose files are in tablespaces: nothing is left in their locations, and the tablespaces are free. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { filesBelow } from '../crash/check/files.ts';
import { crashingServer } from '../crash/process.ts';
import type { CrashingServer } from '../crash/process.ts';
import { connect, rowsOf } from '../e2e/client.ts';
import { checkLocations, checkRunning, checkStopped, jobsEnded, liveIds } from './oracle.ts';

/** In the name of every table that is dropped here, and in no other's. */
const word = 'doomed';
const users = ['ann', 'bob', '../x'];
const roots = ['attic', 'shelf'];
/** What others keep in the locations. */
const others = ['attic/theirs/notes.txt', 'shelf/notes.txt'];

let folder: string;
let dataDir: string;
let server: CrashingServer;
let client: pg.Client;

const places = (): string => join(folder, 'places');
const open = (): Promise<pg.Client> => connect({ host: server.host, port: server.port() });

/** `attic` is of tables that are dropped alone; the one with another template also holds a table that stays. */
const createAttic = (): string =>
  `CREATE TABLESPACE attic LOCATION '${places()}/attic/\${namespace}/\${table}/by/\${user_id}'`;

async function asUsers(work: () => Promise<void>): Promise<void> {
  for (const user of users) {
    await client.query(`SELECT set_config('tide.user_id', $1, false)`, [user]);
    await work();
  }
  await client.query('RESET tide.user_id');
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pgtide-drop-'));
  dataDir = join(folder, 'data');
  for (const path of others) {
    await mkdir(join(places(), path, '..'), { recursive: true });
    await writeFile(join(places(), path), 'theirs');
  }
  server = crashingServer(dataDir);
  await server.start();
  client = await open();
  await client.query(`CREATE TABLESPACE shelf LOCATION '${places()}/shelf'`);
  await client.query(`CREATE SCHEMA chat`);
  await client.query(
    'CREATE USER TABLE chat.kept (id int PRIMARY KEY, body text) TABLESPACE shelf',
  );
  await asUsers(async () => void (await client.query(`INSERT INTO chat.kept VALUES (1, 'mine')`)));
  await client.query('FLUSH TABLE chat.kept');
});

beforeEach(async () => {
  // Left when a test before this one has failed.
  await client.query('DROP TABLE IF EXISTS chat.doomed_letters, doomed_rooms, doomed_ticks');
  await jobsEnded(client);
  if (!(await tablespaces()).includes('attic')) await client.query(createAttic());
  await client.query(`
    CREATE USER TABLE chat.doomed_letters (id serial PRIMARY KEY, body text) TABLESPACE attic;
    CREATE INDEX ON chat.doomed_letters (body);
    CREATE TABLE doomed_rooms (id int PRIMARY KEY, name text) TABLESPACE attic;
    CREATE STREAM TABLE doomed_ticks (n int) WITH (ttl = '1 hour') TABLESPACE attic;
    INSERT INTO doomed_rooms SELECT n, 'room' FROM generate_series(1, 100) AS n;
    INSERT INTO doomed_ticks SELECT n FROM generate_series(1, 40) AS n`);
  await asUsers(async () => {
    await client.query(
      `INSERT INTO chat.doomed_letters (body) SELECT 'letter ' || n FROM generate_series(1, 30) AS n`,
    );
  });
  await client.query('FLUSH TABLE chat.doomed_letters; FLUSH TABLE doomed_rooms');
  await client.query(`
    DELETE FROM doomed_rooms WHERE id = 3;
    INSERT INTO doomed_rooms SELECT n, 'late' FROM generate_series(101, 120) AS n`);
  await client.query('FLUSH TABLE doomed_rooms');
  await client.query(
    `INSERT INTO doomed_rooms SELECT n, 'hot' FROM generate_series(121, 125) AS n`,
  );
  await expectAllThere();
});

afterAll(async () => {
  await client.end().catch(() => undefined);
  await server.kill().catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
});

const tablespaces = async (): Promise<unknown[]> =>
  (await rowsOf(client, 'SELECT name FROM system.storages')).flat();

/** Tables and files that count for a tablespace. */
async function usage(name: string): Promise<[tables: number, files: number]> {
  const rows = await rowsOf(
    client,
    `SELECT usage_count::int, files::int FROM system.storages WHERE name = '${name}'`,
  );
  return rows[0] as [number, number];
}

/** Before a DROP: three tables, of which two have five files. */
async function expectAllThere(): Promise<void> {
  expect(await usage('attic')).toEqual([3, 5]);
}

const inAttic = async (): Promise<string[]> =>
  (await filesBelow(join(places(), 'attic'))).files.filter((path) => path.endsWith('.parquet'));

/**
 * Right after a DROP, its clean-up under way: a tablespace counts those tables alone that have a file left, and can't be dropped as long as
 * one has.
 */
async function expectCountsMeanwhile(): Promise<void> {
  const [tables, files] = await usage('attic');
  expect(tables).toBeLessThanOrEqual(2);
  expect(tables === 0).toBe(files === 0);
  const failure = await client.query('DROP TABLESPACE attic').then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failure === undefined) expect(await inAttic()).toEqual([]);
  else expect(failure).toMatchObject({ code: '55006', message: 'tablespace "attic" is not empty' });
}

/** Once all is cleaned up. */
async function expectGone(): Promise<void> {
  await checkRunning(client, dataDir, word);
  await checkLocations(client, places(), { roots, others });
  if ((await tablespaces()).includes('attic')) {
    expect(await usage('attic')).toEqual([0, 0]);
    await client.query('DROP TABLESPACE attic');
  }
  expect(await usage('shelf')).toEqual([1, users.length]);
  await expect(client.query('DROP TABLESPACE shelf')).rejects.toMatchObject({ code: '55006' });
  const { files } = await filesBelow(places());
  expect(files.filter((path) => path.startsWith('attic/'))).toEqual([others[0]]);
  await asUsers(async () => {
    expect(await rowsOf(client, 'SELECT * FROM chat.kept')).toEqual([[1, 'mine']]);
  });
}

const dropAll = 'DROP TABLE chat.doomed_letters, doomed_rooms, doomed_ticks';

describe('nothing is left in a location of', () => {
  test.each([
    ['tables of every kind in one statement', dropAll],
    [
      'tables that are moving to another one',
      `ALTER TABLE doomed_rooms SET TABLESPACE shelf; ALTER TABLE chat.doomed_letters SET TABLESPACE shelf; ${dropAll}`,
    ],
    [
      'tables that have been there in part, the rest in the data folder',
      `ALTER TABLE doomed_rooms SET TABLESPACE pg_default; INSERT INTO doomed_rooms VALUES (1000); FLUSH TABLE doomed_rooms; ${dropAll}`,
    ],
    [
      'tables with files that were just merged',
      `VACUUM doomed_rooms; VACUUM chat.doomed_letters; ${dropAll}`,
    ],
    [
      'a table that was truncated right before',
      `TRUNCATE doomed_rooms; SET tide.scope = 'all'; TRUNCATE chat.doomed_letters; RESET tide.scope; ${dropAll}`,
    ],
  ])('%s', async (_, sql) => {
    for (const statement of sql.split(';')) await client.query(statement);
    await expectCountsMeanwhile();
    await expectGone();
  });

  test('tables whose DROP was rolled back, and done then', async () => {
    await client.query(`BEGIN; ${dropAll}; ROLLBACK`);
    await expectAllThere();
    expect((await inAttic()).length).toBe(5);
    await client.query(dropAll);
    await expectGone();
  });
});

describe('killed', () => {
  test.each([
    'catalog commit: before write',
    'catalog commit: written',
    'mirror commit: done',
    'job change: before write',
    'drop: before files',
    'drop: before files#2',
    'manifest removal: before write',
    'manifest removal: written',
    'manifest removal: written#2',
    'drop: files removed',
    'lazy removal: written',
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
    client = await open();
    const there = (
      await rowsOf(client, `SELECT to_regclass('doomed_rooms') IS NOT NULL`)
    )[0]![0] as boolean;
    // Acknowledged means gone; not acknowledged is all or nothing.
    expect(dropped && there).toBe(false);
    if (there) {
      await expectAllThere();
      expect(await rowsOf(client, 'SELECT count(*)::int FROM doomed_rooms')).toEqual([[124]]);
      await client.query(dropAll);
    }
    await expectCountsMeanwhile();
    await expectGone();
  });

  test('at any of those, after another restart', async () => {
    await client.query(dropAll);
    await expectGone();
    const live = await liveIds(client);
    await client.end();
    await server.stop();
    await checkStopped(dataDir, live);
    await server.start();
    client = await open();
    await expectGone();
  });
});
