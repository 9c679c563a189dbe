/** Parquet files that are missing or truncated: whose rows they held is told which file it is; nobody and nothing else is any the worse. */
import { rmSync, statSync, truncateSync } from 'node:fs';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { onDisk } from '../crash/check/files.ts';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { connect, rowsOf } from './client.ts';

let server: ServerProcess;
let client: pg.Client;
/** Of the first flush, by user: path as messages have it. */
const paths = new Map<string, string>();

const as = (user: string): Promise<unknown> =>
  client.query(`SELECT set_config('tide.user_id', $1, false)`, [user]);

async function insert(first: number, rows: number): Promise<void> {
  for (const user of ['ann', 'bob', 'cid']) {
    await as(user);
    await client.query(
      `INSERT INTO letters SELECT n, '${user} ' || n FROM generate_series(${first}, ${first + rows - 1}) AS n`,
    );
  }
  await client.query('RESET tide.user_id');
}

beforeAll(async () => {
  server = await startServerProcess();
  client = await connect(server);
  await client.query('CREATE USER TABLE letters (id int PRIMARY KEY, body text)');
  await client.query('CREATE INDEX ON letters (body)');
  await client.query('CREATE TABLE rooms (id int PRIMARY KEY)');
  await client.query('INSERT INTO rooms SELECT generate_series(1, 20)');
  await client.query('FLUSH TABLE rooms');
  await insert(1, 100);
  await client.query('FLUSH TABLE letters');
  const files = await rowsOf(
    client,
    `SELECT user_id, path, full_path FROM system.files WHERE table_name = 'letters'`,
  );
  await insert(101, 50);
  await client.query('FLUSH TABLE letters');
  for (const [user, path, fullPath] of files as [string, string, string][]) {
    paths.set(user, path);
    if (user === 'ann') rmSync(fullPath);
    if (user === 'bob') truncateSync(fullPath, Math.floor(statSync(fullPath).size / 2));
  }
});
afterAll(async () => {
  await client?.end();
  await server?.remove();
});

/** What ann and bob are told. */
const told = (): (readonly [user: string, error: object])[] => [
  ['ann', { code: '58P01', message: `file "${paths.get('ann')}" of the cold tier is missing` }],
  [
    'bob',
    {
      code: 'XX001',
      message: expect.stringMatching(
        new RegExp(`^file "${paths.get('bob')?.replaceAll(/[.%]/g, '\\$&')}" is corrupted: `),
      ) as string,
    },
  ],
];

async function expectOthersWork(rows: number): Promise<void> {
  await as('cid');
  for (const executor of ['row', 'columnar', 'postgres']) {
    await client.query(`SET tide.executor = ${executor}`);
    expect(
      await rowsOf(client, 'SELECT count(*)::int, count(DISTINCT body)::int FROM letters'),
    ).toEqual([[rows, rows]]);
  }
  await client.query('RESET tide.executor');
  expect(await rowsOf(client, `SELECT id FROM letters WHERE body = 'cid 7'`)).toEqual([[7]]);
  expect(await rowsOf(client, 'SELECT count(*)::int FROM rooms')).toEqual([[20]]);
}

test('each user is told which file it is, by every executor; others see all their rows', async () => {
  for (const restarted of [false, true]) {
    if (restarted) {
      await client.end();
      await server.restart();
      client = await connect(server);
    }
    for (const [user, error] of told()) {
      await as(user);
      for (const executor of ['row', 'columnar', 'postgres']) {
        await client.query(`SET tide.executor = ${executor}`);
        await expect(client.query('SELECT count(*) FROM letters')).rejects.toMatchObject(error);
      }
      await client.query('RESET tide.executor');
      await expect(client.query('SELECT * FROM letters WHERE id = 7')).rejects.toMatchObject(error);
      // Rows of their other files are found by their keys.
      expect(await rowsOf(client, 'SELECT body FROM letters WHERE id = 120')).toEqual([
        [`${user} 120`],
      ]);
    }
    await expectOthersWork(150);
  }
});

test('they still write, flush and drop; VACUUM names a file and merges those of others', async () => {
  await insert(151, 5);
  await client.query('FLUSH TABLE letters');
  await expect(client.query('VACUUM letters')).rejects.toMatchObject({
    code: expect.stringMatching(/^(58P01|XX001)$/) as string,
    message: expect.stringMatching(/^file ".*" /) as string,
  });
  expect(
    await rowsOf(
      client,
      `SELECT status, error_message LIKE 'file "%' FROM system.jobs WHERE job_type = 'compact'`,
    ),
  ).toEqual([['failed', true]]);
  expect(
    await rowsOf(
      client,
      `SELECT count(*)::int, sum(rows)::int FROM system.files WHERE table_name = 'letters' AND user_id = 'cid'`,
    ),
  ).toEqual([[1, 155]]);
  await expectOthersWork(155);
  for (const [user, error] of told()) {
    await as(user);
    expect(await rowsOf(client, 'SELECT body FROM letters WHERE id = 152')).toEqual([
      [`${user} 152`],
    ]);
    await expect(client.query('SELECT count(*) FROM letters')).rejects.toMatchObject(error);
  }
  await client.query('DROP TABLE letters');
  const ended = `SELECT status FROM system.jobs WHERE job_type = 'drop'`;
  await expect.poll(() => rowsOf(client, ended), { timeout: 30_000 }).toEqual([['completed']]);
  const { files, empty } = await onDisk(server.dataDir);
  expect([files.length, empty]).toEqual([1, []]);
});
