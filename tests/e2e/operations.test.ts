/** Logs, flushes under load, time to live, damaged files: what an operator meets. */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { connect, errorOf, rowsOf, withClient } from './client.ts';

let server: ServerProcess;
beforeAll(async () => {
  server = await startServerProcess({ args: ['--log-min-duration-statement-ms', '1000'] });
});
afterAll(() => server.remove());

function logged(): Record<string, unknown>[] {
  return server
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('slow statements are logged with their duration, fast ones are not', async () => {
  await withClient(server, async (client) => {
    await client.query('select pg_sleep(1.2) as slow_one');
    await client.query('select 1 as fast_one');
  });
  const text = server.output();
  expect(text).toContain('slow_one');
  expect(text).not.toContain('fast_one');
  const line = logged().find((entry) => JSON.stringify(entry).includes('slow_one'))!;
  const durations = Object.values(line).filter(
    (value) => typeof value === 'number' && value >= 1190 && value < 30_000,
  );
  expect(durations.length).toBeGreaterThan(0);
  const messages = logged().map((entry) => entry['msg']);
  expect(messages.filter((message) => message === 'connection opened')).toHaveLength(1);
});

test('a flush in the middle of a workload changes no answer', async () => {
  const accounts = 40;
  const workers = 4;
  const transfers = 60;
  await withClient(server, async (client) => {
    await client.query('create table account (id int primary key, balance int not null)');
    await client.query(`insert into account select g, 1000 from generate_series(1, ${accounts}) g`);
  });
  let working = true;
  let flushes = 0;
  let sums = 0;
  const flusher = withClient(server, async (client) => {
    while (working) {
      await client.query('flush table account');
      flushes++;
    }
  });
  const reader = withClient(server, async (client) => {
    while (working) {
      expect(await rowsOf(client, 'select count(*), sum(balance) from account')).toEqual([
        [String(accounts), String(accounts * 1000)],
      ]);
      sums++;
    }
  });
  const moved: number[] = Array.from({ length: accounts + 1 }, () => 0);
  const work = Array.from({ length: workers }, (_, worker) =>
    withClient(server, async (client) => {
      for (let i = 0; i < transfers; i++) {
        // Each worker has accounts of its own, so that no two change the same row.
        const own = accounts / workers;
        const from = worker * own + 1 + (i % own);
        const to = worker * own + 1 + ((i * 7 + 3) % own);
        if (from === to) continue;
        await client.query(
          `update account set balance = balance + case id when ${from} then -${i} else ${i} end
           where id in (${from}, ${to})`,
        );
        moved[from]! -= i;
        moved[to]! += i;
      }
    }),
  );
  try {
    await Promise.all(work);
  } finally {
    working = false;
    await Promise.all([flusher, reader]);
  }
  expect(flushes).toBeGreaterThan(1);
  expect(sums).toBeGreaterThan(1);
  await withClient(server, async (client) => {
    const rows = await rowsOf(client, 'select id, balance from account order by id');
    expect(rows).toEqual(Array.from({ length: accounts }, (_, i) => [i + 1, 1000 + moved[i + 1]!]));
    const jobs = await rowsOf(
      client,
      `select distinct status, error_message from system.jobs where table_name = 'account'`,
    );
    expect(jobs).toEqual([['completed', null]]);
  });
});

test("a stream table's rows go when their time is over", async () => {
  const client = await connect(server);
  const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  await client.query(`create stream table pulse (beat int) with (ttl = '4s')`);
  await client.query('insert into pulse values (1)');
  const inserted = performance.now();
  expect(await rowsOf(client, 'select beat from pulse')).toEqual([[1]]);
  await wait(1500);
  await client.query('insert into pulse values (2)');
  expect(await rowsOf(client, 'select beat from pulse order by 1')).toEqual([[1], [2]]);
  await wait(inserted + 4200 - performance.now());
  expect(await rowsOf(client, 'select beat from pulse')).toEqual([[2]]);
  expect(await rowsOf(client, 'select count(*) from pulse')).toEqual([['1']]);
  await client.end();
  await server.restart();
  await withClient(server, async (again) => {
    await wait(inserted + 6500 - performance.now());
    expect(await rowsOf(again, 'select beat from pulse')).toEqual([]);
  });
});

test('one wrong byte in a Parquet file is XX001 and names the file; other tables go on', async () => {
  await withClient(server, async (client) => {
    await client.query('create table damaged (id int primary key, word text)');
    await client.query('create table sound (id int primary key)');
    await client.query(
      `insert into damaged select g, 'word ' || g from generate_series(1, 5000) g`,
    );
    await client.query('insert into sound values (1)');
    await client.query('flush table damaged');
    await client.query('flush table sound');
  });
  await server.stop();
  const cold = join(server.dataDir, 'cold');
  const [name] = (await readdir(cold, { recursive: true })).filter((file) =>
    /damaged.*\.parquet$/.test(file),
  );
  const path = join(cold, name!);
  const bytes = await readFile(path);
  const at = bytes.length >> 1;
  bytes[at] = bytes[at]! ^ 0x10;
  await writeFile(path, bytes);
  await server.restart();
  await withClient(server, async (client) => {
    for (const query of [
      'select count(*), sum(id) from damaged',
      'select word from damaged where id = 2500',
      'select * from damaged',
      `update damaged set word = 'x' where id = 2500`,
    ]) {
      const error = await errorOf(client, query);
      expect(error.code).toBe('XX001');
      expect(error.message).toContain(name!);
    }
    expect(await rowsOf(client, 'select * from sound')).toEqual([[1]]);
    await client.query(`insert into damaged values (6000, 'new')`);
  });
});
