import pg from 'pg';
import { startServerProcess } from '../../tests/support/server-process.ts';
import type { Figure } from '../lib/figure.ts';
import { target } from '../lib/figure.ts';
import { median } from '../lib/stats.ts';
import type { Workload } from '../lib/workload.ts';

const sizes = [1, 10, 100];
/** The start with 100 times the rows may take this many times as long: noise, not growth. */
const growthMax = 1.5;
/** How long there are commits before the kill. */
const busyMs = 1500;

/** Start-up after SIGKILL in the middle of commits. pgtide alone, each size on data of its own. */
export const recovery: Workload = {
  name: 'recovery',
  describes: 'start to ready after SIGKILL among commits, with 1, 10 and 100 times the rows',
  after: [],
  async run(context) {
    if (context.pgtide === undefined) return [];
    const rowsOfOne = context.quick ? 1000 : 20_000;
    const kills = context.quick ? 1 : 3;
    const figures: Figure[] = [];
    let first: number | undefined;
    for (const size of sizes) {
      const rows = rowsOfOne * size;
      const taken = await killAndStart(rows, kills);
      const readyMs = median(taken);
      first ??= readyMs;
      context.log(`${rows} rows: ready in ${taken.map((ms) => ms.toFixed(0)).join(', ')} ms`);
      const times = readyMs / first;
      figures.push({
        what: `start after SIGKILL, ${rows} rows`,
        unit: 'ms',
        pgtide: readyMs,
        target:
          size === 1
            ? undefined
            : target(`at most ${growthMax} of the smallest`, times, (value) => value <= growthMax),
      });
    }
    return figures;
  },
};

async function killAndStart(rows: number, kills: number): Promise<readonly number[]> {
  const server = await startServerProcess();
  const address = {
    host: server.host,
    port: server.port,
    user: 'postgres',
    database: 'postgres',
  };
  try {
    const loader = new pg.Client(address);
    await loader.connect();
    await loader.query('CREATE TABLE kept (id bigint PRIMARY KEY, body text)');
    await loader.query('CREATE TABLE busy (id bigserial PRIMARY KEY, body text)');
    await loader.query(
      `INSERT INTO kept SELECT g, repeat('x', 100) || g FROM generate_series(1, ${rows}) g`,
    );
    await loader.end();
    const taken: number[] = [];
    for (let kill = 0; kill < kills; kill += 1) {
      const writers = Array.from({ length: 8 }, () => new pg.Client(address));
      for (const writer of writers) {
        writer.on('error', () => undefined);
        await writer.connect();
      }
      const writing = writers.map((writer) => writeUntilGone(writer));
      await new Promise((resolve) => setTimeout(resolve, busyMs));
      await server.stop('SIGKILL');
      await Promise.all(writing);
      taken.push(await server.restart());
      const reader = new pg.Client(address);
      await reader.connect();
      const { rows: found } = await reader.query<{ n: string }>('SELECT count(*) AS n FROM kept');
      await reader.end();
      if (Number(found[0]?.n) !== rows) throw new Error(`${found[0]?.n} of ${rows} rows are left`);
    }
    return taken;
  } finally {
    await server.remove();
  }
}

async function writeUntilGone(client: pg.Client): Promise<void> {
  for (;;) {
    const gone = await client.query("INSERT INTO busy (body) VALUES (repeat('y', 200))").then(
      () => false,
      () => true,
    );
    if (gone) return;
  }
}
