/** A full disk: writes fail with 53100 and are not there, reads go on, and with space again all is well. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { connect, rowsOf, withClient } from './client.ts';

const diskMib = 160;
/** What is left free when the table is filled. */
const freeBytes = 3 * 2 ** 20;

let folder: string;
/** Why there is no disk to fill; undefined when there is. */
let noDisk: string | undefined;
let server: ServerProcess | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pgtide-full-'));
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMib}m`, 'tmpfs', folder]);
  if (mount.status !== 0) noDisk = `mount is not permitted: ${String(mount.stderr).trim()}`;
});
afterAll(async () => {
  await server?.remove();
  if (noDisk === undefined) spawnSync('umount', [folder]);
  await rm(folder, { recursive: true, force: true });
});

/** Takes all but `left` bytes of the disk. */
async function fill(path: string, left: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const file = await open(path, 'w');
  const block = Buffer.alloc(2 ** 16, 1);
  for (let bytes = bavail * bsize - left; bytes > 0; bytes -= block.length) await file.write(block);
  await file.close();
}

/** Asks until the server answers; rejects when anything but the recovery keeps it from that. */
async function untilWritten(sql: string): Promise<void> {
  for (const started = performance.now(); ;) {
    try {
      await withClient(server!, (client) => client.query(sql));
      return;
    } catch (error) {
      const { code = '57P02', message } = error as { code?: string; message: string };
      const passes = code === '57P03' || code === '57P02' || code === '53100';
      if (!passes && !/not queryable|terminated/.test(message)) throw error;
      if (performance.now() - started > 60_000) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('a commit that meets the full disk ends its connection; then 53100 for writes, answers for reads, until there is space', async (context) => {
  if (noDisk !== undefined) context.skip(noDisk);
  server = await startServerProcess({ dataDir: join(folder, 'data') });
  const client = await connect(server);
  await client.query('create table t (id bigint primary key, filling text)');
  await client.query(`insert into t select g, 'cold' from generate_series(1, 100) g`);
  await client.query('flush table t');
  const witness = await connect(server);
  const ended = new Promise<Error & { code?: string }>((resolve) => witness.on('error', resolve));
  await fill(join(folder, 'filler'), freeBytes);

  const acknowledged: number[] = [];
  let failure: { code?: string; message: string; detail?: string } | undefined;
  for (let id = 101; id < 2000 && failure === undefined; id++) {
    try {
      await client.query('insert into t values ($1, $2)', [id, `${id}`.padEnd(20_000, 'x')]);
      acknowledged.push(id);
    } catch (error) {
      failure = error as Error;
    }
  }
  expect(failure).toMatchObject({
    severity: 'FATAL',
    code: '08006',
    message: 'terminating connection because the outcome of the transaction is unknown',
    detail: expect.stringContaining('no space left on device') as string,
  });
  await expect(client.query('select 1')).rejects.toThrow(/not queryable|closed|terminated/);
  expect(acknowledged.length).toBeGreaterThan(0);

  // Reads go on, of both tiers, in connections that were there and in new ones.
  const expected = [[String(100 + acknowledged.length)]];
  const refused = {
    severity: 'ERROR',
    code: '53100',
    message: 'could not write to the data folder: no space left on device',
  };
  expect(await rowsOf(witness, 'select count(*) from t')).toEqual(expected);
  expect(await rowsOf(witness, 'select filling from t where id = 50')).toEqual([['cold']]);
  await expect(witness.query('delete from t')).rejects.toMatchObject(refused);
  await withClient(server, async (other) => {
    expect(await rowsOf(other, 'select count(*) from t')).toEqual(expected);
    for (const sql of [
      'update t set filling = null where id = 1',
      'create table another (id int)',
      'flush table t',
      'truncate t',
    ])
      await expect(other.query(sql)).rejects.toMatchObject(refused);
    expect(await rowsOf(other, 'select 1')).toEqual([[1]]);
  });
  expect(await rowsOf(witness, 'select 1')).toEqual([[1]]);

  await rm(join(folder, 'filler'));
  await untilWritten(`insert into t values (5000, 'with space')`);
  expect(await ended).toMatchObject({ code: '57P02', severity: 'FATAL' });
  const check = async (running: ServerProcess): Promise<void> =>
    withClient(running, async (again) => {
      const ids = (await rowsOf(again, 'select id from t where id > 100 order by id')).map(([id]) =>
        Number(id),
      );
      expect(ids.pop()).toBe(5000);
      expect(ids.slice(0, acknowledged.length)).toEqual(acknowledged);
      // The outcome of the one that failed is unknown; no other may have come.
      expect(ids.length - acknowledged.length).toBeLessThanOrEqual(1);
      expect(await rowsOf(again, `select 1 from pg_class where relname = 'another'`)).toEqual([]);
    });
  await check(server);
  expect(server.output()).toMatch(/recovery: done after \d+ ms/);
  await server.restart();
  await check(server);
  await withClient(server, (again) => again.query('create table another (id int)'));
});
