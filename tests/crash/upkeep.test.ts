/**
 * Killed while eviction and retention remove rows: no expired row is ever seen, no live one is lost or doubled, the job goes on after
 * the restart and ends, and the space comes back.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLevelStore } from '../../src/storage/hot/level-store.ts';
import { Keyspace, tablePrefix } from '../../src/storage/keys/keyspace.ts';
import { jobsEnded } from '../drop/oracle.ts';
import { connect, rowsOf } from '../e2e/client.ts';
import { crashingServer } from './process.ts';
import type { CrashingServer } from './process.ts';

const hourMs = 3_600_000;
/** How long a kill point is waited for. */
const pointWaitMs = 60_000;
const executors = ['row', 'columnar', 'postgres'];

let dataDir: string;
let server: CrashingServer;
let client: pg.Client;

const open = async (): Promise<void> => {
  client = await connect({ host: server.host, port: server.port() });
};
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'pgtide-upkeep-'));
  server = crashingServer(dataDir);
  await server.start();
  await open();
});
afterAll(async () => {
  await client.end().catch(() => undefined);
  await server.kill().catch(() => undefined);
  await rm(dataDir, { recursive: true, force: true });
});

/** Bytes of the hot store's files. */
async function hotBytes(): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(join(dataDir, 'hot'))) {
    // LevelDB may remove one meanwhile.
    const facts = await stat(join(dataDir, 'hot', name)).catch(() => undefined);
    bytes += facts?.size ?? 0;
  }
  return bytes;
}

/** Throws when the server is still there after a while. */
async function gone(point: string): Promise<void> {
  const timeout = new AbortController();
  const late = sleep(pointWaitMs, true, { signal: timeout.signal }).catch(() => false);
  if (await Promise.race([server.gone.then(() => false), late]))
    throw new Error(`"${point}" was not passed`);
  timeout.abort();
}

/** Has VACUUM killed at a point, and the server started again; `again`: a point at which that start, or what it does then, is killed. */
async function killed(table: string, point: string, again?: string): Promise<void> {
  await server.arm(point);
  const vacuumed = client.query(`VACUUM ${table}`).then(
    () => 'done',
    () => 'gone',
  );
  await gone(point);
  await vacuumed;
  if (again !== undefined) {
    await server.start({ killAt: again });
    await gone(again);
  }
  await server.start();
  await open();
}

/** Asks again and again, by one executor after the other, until no job is left. */
async function always(look: () => Promise<void>): Promise<void> {
  for (let i = 0, busy = true; busy || i < executors.length; i++) {
    const [row] = await rowsOf(
      client,
      `SELECT count(*)::int FROM system.jobs WHERE finished_at IS NULL`,
    );
    busy = row![0] !== 0;
    await client.query(`SET tide.executor = ${executors[i % executors.length]!}`);
    await look();
  }
  await client.query('RESET tide.executor');
  await jobsEnded(client);
}

/** The jobs of a type that worked on a table, with the times that they were started. */
const jobsOf = (type: string, table: string): Promise<unknown[][]> =>
  rowsOf(
    client,
    `SELECT status, attempts::int FROM system.jobs WHERE job_type = '${type}' AND table_name = '${table}' ORDER BY job_id`,
  );

describe('eviction, killed', () => {
  const expiredRows = 12_500;
  const liveRows = 500;
  let tables = 0;
  /** Of a row with its index entry, at least. */
  const rowBytes = 256;

  async function fill(table: string): Promise<void> {
    await client.query(`CREATE STREAM TABLE ${table} (n int, body text) WITH (ttl = '1 hour')`);
    await client.query(`CREATE INDEX ON ${table} (n)`);
    const body = [1, 2, 3, 4, 5, 6, 7, 8].map((i) => `md5(n || '${i}')`).join(' || ');
    const insert = (first: number, rows: number): Promise<unknown> =>
      client.query(
        `INSERT INTO ${table} SELECT n, ${body} FROM generate_series(${first}, ${first + rows - 1}) AS n`,
      );
    await insert(1, expiredRows);
    await server.advance(1.5 * hourMs);
    await insert(1_000_000, liveRows);
  }

  async function look(table: string): Promise<void> {
    expect(
      await rowsOf(
        client,
        `SELECT count(*)::int, count(DISTINCT n)::int, min(n), count(body)::int FROM ${table}`,
      ),
    ).toEqual([[liveRows, liveRows, 1_000_000, liveRows]]);
    expect(await rowsOf(client, `SELECT n FROM ${table} WHERE n IN (7, 9000, 1000007)`)).toEqual([
      [1_000_007],
    ]);
  }

  test.each([
    ['job change: before write', undefined, [1]],
    ['job change: written', undefined, [1, 2]],
    ['lazy removal: before write', undefined, [2]],
    ['lazy removal: written', undefined, [2]],
    ['evict: rows removed', undefined, [2]],
    ['evict: rows removed#3', undefined, [2]],
    ['evict: rows removed#2', 'evict: rows removed', [3]],
    ['evict: rows removed#4', 'space: before compaction', [3]],
    ['space: before compaction', undefined, [2]],
    ['space: before compaction', 'space: before compaction', [3]],
    ['space: given back', undefined, [2]],
    ['job change: before write#2', undefined, [2]],
    ['job change: written#2', undefined, [1]],
  ])('at "%s", then at "%s"', async (point, again, attempts) => {
    const table = `ticks_${++tables}`;
    const bytesBefore = await hotBytes();
    await fill(table);
    await look(table);
    await killed(table, point, again);
    await always(() => look(table));
    let jobs = await jobsOf('evict', table);
    // Killed before there was one.
    if (jobs.length === 0) {
      await client.query(`VACUUM ${table}`);
      jobs = await jobsOf('evict', table);
      await look(table);
    }
    expect(jobs.map(([status]) => status)).toEqual(['completed']);
    expect(attempts).toContain(jobs[0]![1]);
    await client.query(`VACUUM ${table}`);
    expect((await jobsOf('evict', table)).length).toBe(1);
    // Of all that came, little is left; the rest goes in the background of a compaction.
    await expect
      .poll(hotBytes, { timeout: 30_000 })
      .toBeLessThan(bytesBefore + (expiredRows * rowBytes) / 3);
    await client.query(`DROP TABLE ${table}`);
    await jobsEnded(client);
  });

  test('no key is left of what has expired', async () => {
    await fill('traces');
    await killed('traces', 'evict: rows removed#2');
    await always(() => look('traces'));
    const [row] = await rowsOf(
      client,
      `SELECT table_id::int FROM system.tables WHERE table_name = 'traces'`,
    );
    const tableId = row![0] as number;
    await client.end();
    await server.stop();
    const store = await openLevelStore(join(dataDir, 'hot'));
    for (const keyspace of [Keyspace.rows, Keyspace.index]) {
      const cursor = store.scan({
        from: tablePrefix(keyspace, tableId),
        to: tablePrefix(keyspace, tableId + 1),
        values: false,
      });
      expect((await cursor.next(expiredRows)).length).toBe(liveRows);
      await cursor.close();
    }
    await store.close();
    await server.start();
    await open();
  });
});

describe('retention, killed', () => {
  const users = ['ann', 'bob', 'Ann'];
  const coldRows = 1500;
  const hotRows = 300;
  const all = coldRows + hotRows;
  let tables = 0;
  let table = '';

  async function asUsers(work: (user: string) => Promise<void>): Promise<void> {
    for (const user of users) {
      await client.query(`SELECT set_config('tide.user_id', $1, false)`, [user]);
      await work(user);
    }
    await client.query('RESET tide.user_id');
  }

  /** Of each user a third of the rows was deleted long ago, a third not so long ago; both in both tiers, some over cold versions. */
  async function fill(flushesAgain: boolean): Promise<void> {
    await client.query(
      `CREATE USER TABLE ${table} (id int PRIMARY KEY, body text) WITH (deleted_retention = '1 hour')`,
    );
    await client.query(`CREATE INDEX ON ${table} (body)`);
    await asUsers(async () => {
      await client.query(
        `INSERT INTO ${table} SELECT n, md5(n::text) FROM generate_series(1, ${coldRows}) AS n`,
      );
      await client.query(`DELETE FROM ${table} WHERE id % 6 = 0`);
    });
    await client.query(`FLUSH TABLE ${table}`);
    await asUsers(async () => {
      await client.query(`DELETE FROM ${table} WHERE id % 3 = 0`);
      await client.query(
        `INSERT INTO ${table} SELECT n, md5(n::text) FROM generate_series(${coldRows + 1}, ${all}) AS n`,
      );
      await client.query(`DELETE FROM ${table} WHERE id % 3 = 0`);
    });
    await server.advance(2 * hourMs);
    await asUsers(async () => {
      await client.query(`DELETE FROM ${table} WHERE id % 3 = 1 AND id % 2 = 0`);
    });
    if (flushesAgain) await client.query(`FLUSH TABLE ${table}`);
    await asUsers(async () => {
      await client.query(`DELETE FROM ${table} WHERE id % 3 = 1`);
      await client.query(`UPDATE ${table} SET body = 'new' WHERE id % 30 = 2`);
    });
  }

  const ofThird = (rest: number): number[] =>
    Array.from({ length: all }, (_, i) => i + 1).filter((id) => id % 3 === rest);

  /** Live rows are there; so are those deleted not so long ago, for who asks, and nothing is there twice. */
  async function look(ended: boolean): Promise<void> {
    await asUsers(async () => {
      expect(
        await rowsOf(
          client,
          `SELECT count(*)::int, count(DISTINCT id)::int, sum(id)::int, count(*) FILTER (WHERE body = 'new')::int FROM ${table}`,
        ),
      ).toEqual([[all / 3, all / 3, ofThird(2).reduce((a, b) => a + b, 0), all / 30]]);
      await client.query('SET tide.include_deleted = on');
      const [row] = await rowsOf(
        client,
        `SELECT count(*) FILTER (WHERE id % 3 = 1)::int, count(*)::int, count(DISTINCT id)::int FROM ${table}`,
      );
      await client.query('RESET tide.include_deleted');
      const [recent, rows, ids] = row as [number, number, number];
      expect([recent, rows]).toEqual([all / 3, ids]);
      if (ended) expect(rows).toBe((all / 3) * 2);
    });
  }

  test.each([
    ['retention: rows removed', undefined],
    ['retention: rows removed#2', 'retention: rows removed'],
    ['retention: rows removed#3', 'space: before compaction'],
    ['compact: file renamed', undefined],
    ['compact: before commit', undefined],
    ['manifest removal: written', undefined],
    ['compact: committed', 'compact: committed'],
    ['compact: files removed', undefined],
    ['compact: marks removed', undefined],
  ])('at "%s", then at "%s"', async (point, again) => {
    table = `letters_${++tables}`;
    await fill(tables % 2 === 0);
    await look(false);
    await killed(table, point, again);
    await always(() => look(false));
    const jobs = await jobsOf('retention', table);
    expect(jobs).toEqual([['completed', again === undefined ? 2 : 3]]);
    await look(true);
    // No file holds a row that is gone for good.
    const [row] = await rowsOf(
      client,
      `SELECT sum(rows)::int FROM system.files WHERE table_name = '${table}'`,
    );
    expect(row![0]).toBeLessThanOrEqual((users.length * all * 2) / 3);
    await client.query(`DROP TABLE ${table}`);
    await jobsEnded(client);
  });
});
