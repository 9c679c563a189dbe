import pg from 'pg';
import { expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';

async function connect({ host, port }: ServerProcess): Promise<pg.Client> {
  const client = new pg.Client({ host, port, user: 'postgres', database: 'postgres' });
  await client.connect();
  client.on('error', () => undefined);
  return client;
}

test('a flush that was running when the server died runs again at the next start', async () => {
  const rows = 200_000;
  const server = await startServerProcess();
  try {
    const first = await connect(server);
    await first.query(
      `CREATE TABLE big AS SELECT n AS id, md5(n::text) AS t FROM generate_series(1, ${rows}) AS n`,
    );
    const flushed = first.query('FLUSH TABLE big').then(
      () => 'flushed',
      () => 'lost',
    );
    const watcher = await connect(server);
    await expect
      .poll(async () => (await watcher.query('SELECT status FROM system.jobs')).rows, {
        interval: 5,
        timeout: 10_000,
      })
      .toEqual([{ status: 'running' }]);
    await server.stop('SIGKILL');
    expect(await flushed).toBe('lost');
    await server.restart();
    const again = await connect(server);
    const jobs = async (): Promise<unknown> =>
      (await again.query('SELECT job_id, status, attempts, result FROM system.jobs')).rows;
    await expect
      .poll(jobs, { timeout: 20_000 })
      .toMatchObject([
        { job_id: '1', status: 'completed', attempts: 2, result: { rows_flushed: rows, files: 1 } },
      ]);
    const { rows: counted } = await again.query(
      'SELECT count(*)::int AS n, count(DISTINCT id)::int AS ids FROM big',
    );
    expect(counted).toEqual([{ n: rows, ids: rows }]);
    await again.end();
  } finally {
    await server.remove();
  }
});

test('a job is cancelled by those who may', async () => {
  const server = await startServerProcess();
  try {
    const owner = await connect(server);
    await owner.query(
      `CREATE TABLE big AS SELECT n AS id, md5(n::text) AS t FROM generate_series(1, 300000) AS n;
       CREATE ROLE eve LOGIN`,
    );
    const flushed = owner.query('FLUSH TABLE big').then(
      () => 'flushed',
      (error: pg.DatabaseError) => error.code,
    );
    const watcher = await connect(server);
    await expect
      .poll(async () => (await watcher.query('SELECT status FROM system.jobs')).rows, {
        interval: 5,
        timeout: 10_000,
      })
      .toEqual([{ status: 'running' }]);
    await watcher.query('SET ROLE eve');
    await expect(watcher.query('SELECT tide.cancel_job(1)')).rejects.toMatchObject({
      code: '42501',
    });
    await watcher.query('RESET ROLE');
    expect((await watcher.query('SELECT tide.cancel_job(1) AS done')).rows).toEqual([
      { done: true },
    ]);
    expect(await flushed).toBe('57014');
    expect((await watcher.query('SELECT status, error_message FROM system.jobs')).rows).toEqual([
      { status: 'cancelled', error_message: 'canceling job due to user request' },
    ]);
    expect((await watcher.query('SELECT * FROM tide.cancel_job(1)')).rows).toEqual([
      { cancel_job: false },
    ]);
    expect((await watcher.query('SELECT tide.cancel_job(NULL)')).rows).toEqual([
      { cancel_job: null },
    ]);
    await expect(watcher.query('SELECT tide.cancel_job(99)')).rejects.toMatchObject({
      code: '42704',
      message: 'job 99 does not exist',
    });
    expect((await watcher.query('SELECT count(*)::int FROM big')).rows).toEqual([
      { count: 300_000 },
    ]);
    expect((await watcher.query("SELECT tide.flush('big')")).rows).toEqual([
      { flush: expect.stringMatching(/^\(2,300000,0,1,\d+,[\d.]+\)$/) as string },
    ]);
  } finally {
    await server.remove();
  }
});
