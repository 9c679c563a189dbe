import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Figure } from '../lib/figure.ts';
import { target } from '../lib/figure.ts';
import type { Server } from '../lib/server.ts';
import { withClient } from '../lib/server.ts';
import type { Workload } from '../lib/workload.ts';

/** How long rows live, or deleted ones are kept: the server looks for those to be removed every minute then, and no more often. */
const lifeSeconds = 60;
const lookEverySeconds = 60;
/** What the work itself may take. */
const workSeconds = 30;
const pollMs = 250;
/** So much of what the rows took may stay. */
const shareLeft = 0.1;

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const sizes = entries.map(async (entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return await folderBytes(path);
    // It may be gone by now.
    return (await stat(path).catch(() => undefined))?.size ?? 0;
  });
  return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0);
}

/** Both tiers. */
async function tierBytes({ dataDir }: Server): Promise<number> {
  return (await folderBytes(join(dataDir, 'hot'))) + (await folderBytes(join(dataDir, 'cold')));
}

interface Case {
  readonly what: string;
  readonly table: string;
  readonly create: string;
  /** Makes rows that are all to go, and has them wait out their time from its end on. */
  fill(client: pg.Client): Promise<void>;
}

function casesOf(rows: number): readonly Case[] {
  const body = [1, 2, 3].map((i) => `md5(n || '${i}')`).join(' || ');
  const insert = (table: string, from: number, to: number): string =>
    `INSERT INTO ${table} SELECT n, ${body} FROM generate_series(${from}, ${to}) AS n`;
  return [
    {
      what: `${rows} rows of a stream, all in the hot tier as every stream's`,
      table: 'expiring',
      create: `CREATE STREAM TABLE expiring (n int, body text) WITH (ttl = '${lifeSeconds} s')`,
      async fill(client) {
        await client.query(insert('expiring', 1, rows));
      },
    },
    {
      what: `${rows} soft-deleted rows, half of them in each tier`,
      table: 'forgotten',
      create: `CREATE TABLE forgotten (n int PRIMARY KEY, body text) WITH (deleted_retention = '${lifeSeconds} s')`,
      async fill(client) {
        await client.query(insert('forgotten', 1, rows / 2));
        await client.query('FLUSH TABLE forgotten');
        await client.query(insert('forgotten', rows / 2 + 1, rows));
        await client.query('DELETE FROM forgotten');
      },
    },
  ];
}

async function measure(pgtide: Server, one: Case): Promise<Figure> {
  return await withClient(pgtide, async (client) => {
    const before = await tierBytes(pgtide);
    await client.query(`DROP TABLE IF EXISTS ${one.table}`);
    await client.query(one.create);
    await one.fill(client);
    const expires = performance.now() + lifeSeconds * 1000;
    let most = 0;
    let bytes = await tierBytes(pgtide);
    const deadline = expires + 2 * (lookEverySeconds + workSeconds) * 1000;
    while (performance.now() < expires || bytes > before + (most - before) * shareLeft) {
      if (performance.now() > deadline)
        throw new Error(
          `${one.table}: ${before} bytes before, ${most} with its rows, ${bytes} now`,
        );
      await sleep(pollMs);
      bytes = await tierBytes(pgtide);
      most = Math.max(most, bytes);
    }
    const seconds = (performance.now() - expires) / 1000;
    const jobSeconds = await jobTime(client, one.table);
    const mib = (count: number): string => (count / 2 ** 20).toFixed(1);
    return {
      what: `space back after the rows' end: ${one.what}`,
      unit: 's',
      pgtide: seconds,
      target: target(
        `at most ${lookEverySeconds + workSeconds}`,
        seconds,
        (value) => value <= lookEverySeconds + workSeconds,
      ),
      note: `${mib(before)} MiB before, ${mib(most)} with the rows, ${mib(bytes)} then; the job took ${jobSeconds.toFixed(1)} s`,
    };
  });
}

/** Seconds that the last job took which removed rows of a table; waits for its end. */
async function jobTime(client: pg.Client, table: string): Promise<number> {
  for (;;) {
    const { rows } = await client.query<{ seconds: number | null }>(
      `SELECT extract(epoch FROM finished_at - started_at)::float8 AS seconds FROM system.jobs
       WHERE job_type IN ('evict', 'retention') AND table_name = $1 ORDER BY job_id DESC LIMIT 1`,
      [table],
    );
    if (rows[0] === undefined) throw new Error(`no job has removed rows of ${table}`);
    if (rows[0].seconds !== null) return rows[0].seconds;
    await sleep(pollMs);
  }
}

export const space: Workload = {
  name: 'space',
  describes: 'how long the space of rows that have expired, or were deleted, takes to come back',
  after: [],
  async run({ pgtide, quick }) {
    const figures: Figure[] = [];
    if (pgtide === undefined) return figures;
    for (const one of casesOf(quick ? 40_000 : 300_000)) figures.push(await measure(pgtide, one));
    return figures;
  },
};
