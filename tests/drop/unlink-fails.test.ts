/**
 * Files that can't be removed (EACCES, EBUSY): whoever was to remove them names them and tries again, each time later, until they are gone;
 * nothing else is any the worse.
 */
import { mkdir, mkdtemp, readdir, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { filesBelow } from '../crash/check/files.ts';
import { shimEnv } from '../crash/shim/build.ts';
import type { Fault, FaultControl } from '../crash/shim/control.ts';
import { createFaultControl } from '../crash/shim/control.ts';
import { connect, rowsOf } from '../e2e/client.ts';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { checkLocations, checkRunning } from './oracle.ts';

const users = ['ann', 'bob'];
const settleMs = 60_000;

let folder: string;
let control: FaultControl;
let server: ServerProcess;
let client: pg.Client;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pgtide-unlink-')));
  await mkdir(join(folder, 'disk'));
  control = createFaultControl(join(folder, 'control'));
  server = await startServerProcess({
    dataDir: join(folder, 'disk', 'data'),
    env: await shimEnv({ root: join(folder, 'disk'), control: control.path }),
  });
  client = await connect(server);
  await client.query(
    `CREATE TABLESPACE attic LOCATION '${join(folder, 'disk', 'attic')}/\${table}'`,
  );
  await client.query('CREATE TABLE kept (id int PRIMARY KEY, body text)');
  await client.query(`INSERT INTO kept SELECT n, 'kept' FROM generate_series(1, 50) AS n`);
  await client.query('FLUSH TABLE kept');
});
afterEach(() => control.lift());
afterAll(async () => {
  await client?.end().catch(() => undefined);
  await server?.remove();
  control.close();
  await rm(folder, { recursive: true, force: true });
});

/** From now on files and folders whose path matches can't be removed. */
function keep(pattern: string, error: Fault['error']): void {
  control.arm({ kinds: ['unlink'], error, nth: 1, persistent: true, pattern });
}

async function asUsers(work: () => Promise<void>): Promise<void> {
  for (const user of users) {
    await client.query(`SELECT set_config('tide.user_id', $1, false)`, [user]);
    await work();
  }
  await client.query('RESET tide.user_id');
}

async function fill(place: string): Promise<void> {
  await client.query(
    `CREATE USER TABLE doomed_letters (id int PRIMARY KEY, body text) TABLESPACE ${place}`,
  );
  await client.query('CREATE INDEX ON doomed_letters (body)');
  await asUsers(async () => {
    await client.query(
      `INSERT INTO doomed_letters SELECT n, 'letter' FROM generate_series(1, 30) AS n`,
    );
  });
  await client.query('FLUSH TABLE doomed_letters');
  await asUsers(async () => {
    await client.query(`INSERT INTO doomed_letters SELECT n FROM generate_series(31, 40) AS n`);
  });
  await client.query('FLUSH TABLE doomed_letters');
  await asUsers(async () => void (await client.query(`INSERT INTO doomed_letters VALUES (41)`)));
}

interface Job {
  readonly status: string;
  readonly attempts: number;
  readonly error: string | null;
}

async function lastJob(type: string): Promise<Job> {
  const { rows } = await client.query<Job>(
    `SELECT status, attempts::int, error_message AS error FROM system.jobs WHERE job_type = $1 ORDER BY job_id DESC LIMIT 1`,
    [type],
  );
  return rows[0]!;
}

/** Waits until a job has been tried so often. */
async function tried(type: string, attempts: number): Promise<Job> {
  const isThere = async (): Promise<boolean> => {
    const job = await lastJob(type);
    return job.status === 'retrying' && job.attempts >= attempts;
  };
  await expect.poll(isThere, { timeout: settleMs }).toBe(true);
  return await lastJob(type);
}

/** Parquet files of the doomed table. */
async function filesLeft(): Promise<string[]> {
  const { files } = await filesBelow(join(folder, 'disk'));
  return files.filter((path) => path.includes('doomed_letters.') && path.endsWith('.parquet'));
}

/** The other table works in all ways. */
async function expectOthersWork(): Promise<void> {
  await client.query(`INSERT INTO kept VALUES (1000, 'new') ON CONFLICT (id) DO NOTHING`);
  await client.query('FLUSH TABLE kept');
  await client.query('VACUUM kept');
  await client.query('DELETE FROM kept WHERE id = 1000');
  expect(await rowsOf(client, 'SELECT count(*)::int, sum(id)::int FROM kept')).toEqual([
    [50, 1275],
  ]);
}

async function expectNothingLeft(): Promise<void> {
  await checkRunning(client, server.dataDir, 'doomed');
  await checkLocations(client, join(folder, 'disk', 'attic'), { roots: [], others: [] });
  await expectOthersWork();
}

const usage = (place: string): Promise<unknown[][]> =>
  rowsOf(
    client,
    `SELECT usage_count::int, files::int FROM system.storages WHERE name = '${place}'`,
  );

test.each([
  ['EACCES', 'attic'],
  ['EBUSY', 'pg_default'],
] as const)('a drop whose files give %s in %s', async (error, place) => {
  await fill(place);
  const [before] = await usage(place);
  keep('*doomed_letters.*parquet', error);
  await client.query('DROP TABLE doomed_letters');
  const job = await tried('drop', 3);
  expect(job.error).toMatch(
    new RegExp(
      `^could not remove 4 files of dropped table "public.doomed_letters": ${error} .*doomed_letters.*\\.parquet$`,
    ),
  );
  // Each time later.
  const waits = [...server.output().matchAll(/"waitMs":(\d+)/g)].map((match) => Number(match[1]));
  expect(waits.slice(-3)).toEqual(expect.arrayContaining([200, 400]));
  // It stays dropped, its files count as long as they are there.
  await expect(client.query('SELECT * FROM doomed_letters')).rejects.toMatchObject({
    code: '42P01',
  });
  expect((await filesLeft()).length).toBe(4);
  const kept = place === 'pg_default' ? 1 : 0;
  expect(await usage(place)).toEqual([[kept + 1, before![1]]]);
  if (place === 'attic')
    await expect(client.query('DROP TABLESPACE attic')).rejects.toMatchObject({
      code: '55006',
      message: 'tablespace "attic" is not empty',
      detail: expect.stringMatching(
        /^table public\.doomed_letters, which has been dropped, whose files are being removed$/,
      ) as string,
    });
  await expectOthersWork();
  // Another table of its name has nothing to do with it.
  control.lift();
  keep('*doomed_letters.*', error);
  await client.query('CREATE TABLE doomed_letters (id int PRIMARY KEY)');
  await client.query('INSERT INTO doomed_letters VALUES (7)');
  await client.query('FLUSH TABLE doomed_letters');
  expect(await rowsOf(client, 'SELECT * FROM doomed_letters')).toEqual([[7]]);
  // It is tried again after a restart, too.
  await client.end();
  await server.restart();
  client = await connect(server);
  await tried('drop', 5);
  expect((await filesLeft()).length).toBe(5);
  expect(await rowsOf(client, 'SELECT * FROM doomed_letters')).toEqual([[7]]);
  control.lift();
  await expect
    .poll(() => lastJob('drop'), { timeout: settleMs })
    .toMatchObject({
      status: 'completed',
      error: null,
    });
  expect((await filesLeft()).length).toBe(1);
  await client.query('DROP TABLE doomed_letters');
  await expectNothingLeft();
});

test('a drop goes on past the one file that it can not remove', async () => {
  await fill('attic');
  keep('*/u-ann/*.parquet', 'EACCES');
  await client.query('DROP TABLE doomed_letters');
  const { error } = await tried('drop', 2);
  expect(error).toMatch(
    /^could not remove 2 files of dropped table "public.doomed_letters": EACCES /,
  );
  const left = await filesLeft();
  expect(left.length).toBe(2);
  expect(left.every((path) => path.includes('/u-ann/'))).toBe(true);
  control.lift();
  await expectNothingLeft();
});

test.each([
  ['a user', '*/u-bob', 1],
  ['the table', '*doomed_letters.*[0-9]', 1],
])('a drop whose folder of %s can not be removed leaves none', async (_, pattern, folders) => {
  await fill('attic');
  keep(pattern, 'EBUSY');
  await client.query('DROP TABLE doomed_letters');
  const { error } = await tried('drop', 2);
  expect(error).toMatch(
    new RegExp(
      `^could not remove ${folders} folder of dropped table "public.doomed_letters": EBUSY .*/attic/doomed_letters\\.\\d+`,
    ),
  );
  expect(await filesLeft()).toEqual([]);
  expect((await usage('attic'))[0]![0]).toBe(1);
  control.lift();
  await expectNothingLeft();
  expect(await usage('attic')).toEqual([[0, 0]]);
});

test.each(['EACCES', 'EBUSY'] as const)(
  'files that VACUUM has merged, and %s keeps, go by themselves',
  async (error) => {
    await fill('pg_default');
    const before = (await filesLeft()).length;
    keep('*doomed_letters.*parquet', error);
    const notices: string[] = [];
    client.on('notice', (notice) => notices.push(notice.message ?? ''));
    await client.query('VACUUM doomed_letters');
    client.removeAllListeners('notice');
    expect(notices).toHaveLength(before);
    expect(notices[0]).toMatch(
      new RegExp(`^could not remove file .*doomed_letters.*\\.parquet: ${error}: `),
    );
    expect(server.output()).toMatch(
      new RegExp(`could not remove file .*doomed_letters.*which is tried again: .*${error}`),
    );
    expect((await filesLeft()).length).toBe(before + users.length);
    const rows = `SELECT count(*)::int, sum(id)::int FROM doomed_letters`;
    await asUsers(async () => expect(await rowsOf(client, rows)).toEqual([[41, 861]]));
    await expectOthersWork();
    control.lift();
    await expect.poll(filesLeft, { timeout: settleMs }).toHaveLength(users.length);
    await asUsers(async () => expect(await rowsOf(client, rows)).toEqual([[41, 861]]));
    await client.query('DROP TABLE doomed_letters');
    await expectNothingLeft();
  },
);

test('what TRUNCATE leaves, and a folder that is kept, goes by itself', async () => {
  await fill('attic');
  keep('*/u-ann*', 'EBUSY');
  const truncate = async (): Promise<void> => {
    for (const sql of [`SET tide.scope = 'all'`, 'TRUNCATE doomed_letters', 'RESET tide.scope'])
      await client.query(sql);
  };
  const told = (): number => server.output().split('/u-ann/').length;
  const toldBefore = told();
  await truncate();
  await expect.poll(told, { timeout: settleMs }).toBeGreaterThan(toldBefore);
  expect((await filesLeft()).length).toBe(2);
  await asUsers(async () => {
    expect(await rowsOf(client, 'SELECT * FROM doomed_letters')).toEqual([]);
    await client.query(`INSERT INTO doomed_letters VALUES (1)`);
  });
  await client.query('FLUSH TABLE doomed_letters');
  control.lift();
  await expect.poll(filesLeft, { timeout: settleMs }).toHaveLength(users.length);
  await asUsers(async () => {
    expect(await rowsOf(client, 'SELECT id FROM doomed_letters')).toEqual([[1]]);
  });
  // Of a folder that stays behind the file is remembered.
  keep('*/u-ann', 'EBUSY');
  const folders = (): number => server.output().split('could not remove the folder of file').length;
  const foldersBefore = folders();
  await truncate();
  await expect.poll(folders, { timeout: settleMs }).toBeGreaterThan(foldersBefore);
  expect((await filesBelow(join(folder, 'disk', 'attic'))).empty.length).toBe(1);
  await expect(client.query('DROP TABLESPACE attic')).rejects.toMatchObject({ code: '55006' });
  // A DROP takes it over.
  await client.query('DROP TABLE doomed_letters');
  expect((await tried('drop', 2)).error).toMatch(/^could not remove 1 folder of dropped table/);
  control.lift();
  await expectNothingLeft();
  expect(await usage('attic')).toEqual([[0, 0]]);
});

test('a move that can not go on ends with its table', async () => {
  await fill('pg_default');
  control.arm({
    kinds: ['open'],
    error: 'EACCES',
    nth: 1,
    persistent: true,
    pattern: '*/attic/*doomed_letters*',
  });
  await client.query('ALTER TABLE doomed_letters SET TABLESPACE attic');
  await tried('move', 2);
  await asUsers(async () => {
    expect(await rowsOf(client, 'SELECT count(*)::int FROM doomed_letters')).toEqual([[41]]);
  });
  await client.query('DROP TABLE doomed_letters');
  await expect
    .poll(() => lastJob('drop'), { timeout: settleMs })
    .toMatchObject({ status: 'completed' });
  await expect
    .poll(() => lastJob('move'), { timeout: settleMs })
    .toMatchObject({
      status: 'failed',
      error: 'table "public.doomed_letters" does not exist any more',
    });
  control.lift();
  await checkLocations(client, join(folder, 'disk', 'attic'), { roots: [], others: [] });
  await client.query('DROP TABLESPACE attic');
});

test.each(['EACCES', 'EBUSY'] as const)(
  'eviction whose files of the hot store give %s',
  async (error) => {
    const hotBytes = async (): Promise<number> => {
      const hot = join(server.dataDir, 'hot');
      const sizes = (await readdir(hot)).map((name) =>
        stat(join(hot, name)).catch(() => undefined),
      );
      return (await Promise.all(sizes)).reduce((sum, facts) => sum + (facts?.size ?? 0), 0);
    };
    const seconds = 5;
    const body = [1, 2, 3, 4, 5, 6, 7, 8].map((i) => `md5(n || '${i}')`).join(' || ');
    const rows = 30_000;
    const rowsBytes = rows * 256;
    const insert = (): Promise<unknown> =>
      client.query(`INSERT INTO ticks SELECT n, ${body} FROM generate_series(1, ${rows}) AS n`);
    const before = await hotBytes();
    await client.query(
      `CREATE STREAM TABLE ticks (n int, body text) WITH (ttl = '${seconds} seconds')`,
    );
    await insert();
    await sleep(seconds * 1000);
    keep('*/hot/*', error);
    await client.query('VACUUM ticks');
    expect(control.counts().fired).toBeGreaterThan(0);
    expect(await lastJob('evict')).toMatchObject({ status: 'completed', error: null });
    expect(await rowsOf(client, 'SELECT count(*)::int FROM ticks')).toEqual([[0]]);
    await expectOthersWork();
    expect(await hotBytes()).toBeGreaterThan(before + rowsBytes / 2);
    control.lift();
    // LevelDB tries again at its next compaction.
    await insert();
    await sleep(seconds * 1000);
    await client.query('VACUUM ticks');
    await expect.poll(hotBytes, { timeout: settleMs }).toBeLessThan(before + rowsBytes / 4);
    await client.query('DROP TABLE ticks');
    await checkRunning(client, server.dataDir, 'ticks');
  },
);
