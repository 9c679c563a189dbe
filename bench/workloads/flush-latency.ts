import type { Figure } from '../lib/figure.ts';
import { target } from '../lib/figure.ts';
import type { LoadResult } from '../lib/load.ts';
import { inOne, openLoad } from '../lib/load.ts';
import { withClient } from '../lib/server.ts';
import { createTrips, flushTable, insertTrips } from '../lib/trips.ts';
import type { Workload } from '../lib/workload.ts';

/** Point reads at a time: the processors are not all theirs, or it would be the scheduler that is measured. */
const connections = 2;
const keys = 100_000;
/** The 99th percentile may be so many times as long. */
const timesMax = 3;

export const flushLatency: Workload = {
  name: 'flush-latency',
  describes: 'p99 of point reads of another table before, during and right after a flush',
  after: [],
  async run(context) {
    const { pgtide } = context;
    if (pgtide === undefined) return [];
    const rows = context.quick ? 300_000 : 3_000_000;
    const seconds = context.quick ? 0.5 : 4;
    return await withClient(pgtide, async (client) => {
      await client.query('DROP TABLE IF EXISTS read_trips, moved_trips');
      await client.query(createTrips('read_trips'));
      await insertTrips(client, 'read_trips', keys);
      await client.query(createTrips('moved_trips'));
      await insertTrips(client, 'moved_trips', rows);
      const load = await openLoad(pgtide, connections, {
        text: 'SELECT delay, note FROM read_trips WHERE id = $1',
        parameters: [{ kind: 'integer', from: 0, to: keys - 1 }],
      });
      try {
        await load.run(seconds);
        const before = await load.run(seconds);
        let over = false;
        const flushing = flushTable(client, 'moved_trips', rows).finally(() => {
          over = true;
        });
        // As long as there is a flush; what comes after its end is not its.
        const during: LoadResult[] = [];
        while (!over) during.push(await load.run(seconds / 4));
        await flushing;
        const whole = during.length > 1 ? during.slice(0, -1) : during;
        const after = await load.run(seconds);
        const memory = await pgtide.memoryBytes();
        const flush = inOne(whole);
        const worst = Math.max(...whole.map(({ p99Ms }) => p99Ms));
        const figure = (what: string, p99Ms: number, more = ''): Figure => ({
          what: `p99 of point reads, ${what}, as a multiple of that before`,
          unit: 'x',
          pgtide: p99Ms / before.p99Ms,
          target: target(`at most ${timesMax}`, p99Ms / before.p99Ms, (value) => value <= timesMax),
          note: `${p99Ms.toFixed(2)} ms, before ${before.p99Ms.toFixed(2)} ms at ${Math.round(before.requestsPerSecond)} reads/s${more}`,
        });
        return [
          figure(
            `during a flush of ${rows} rows`,
            flush.p99Ms,
            `; in the worst of ${whole.length} parts of the flush ${worst.toFixed(2)} ms`,
          ),
          figure('while its keys are removed', after.p99Ms),
          { what: 'memory after the flush', unit: 'MiB', pgtide: memory / 2 ** 20 },
        ];
      } finally {
        await load.close();
      }
    });
  },
};
