import type { Request } from '../lib/load.ts';
import { openLoad } from '../lib/load.ts';
import { median, spread } from '../lib/stats.ts';
import type { BenchContext } from '../lib/workload.ts';
import { interleave, serversOf } from '../lib/workload.ts';

const connections = 16;

interface Throughput {
  /** Requests a second, the median of the rounds. */
  readonly pgtide: number | undefined;
  readonly postgres: number | undefined;
  readonly note: string;
}

/** How fast each server answers `request` on 16 connections. */
export async function measureThroughput(
  context: BenchContext,
  request: Request,
): Promise<Throughput> {
  const rounds = context.quick ? 2 : 7;
  const seconds = context.quick ? 1 : 3;
  const loads = new Map(
    await Promise.all(
      serversOf(context).map(
        async (server) => [server, await openLoad(server, connections, request)] as const,
      ),
    ),
  );
  try {
    for (const load of loads.values()) await load.run(context.quick ? 0.5 : 2);
    const results = await interleave(context, rounds, async (server) => {
      const load = loads.get(server);
      if (load === undefined) throw new Error(`no load for ${server.name}`);
      const result = await load.run(seconds);
      context.log(`${server.name}: ${Math.round(result.requestsPerSecond)} requests/s`);
      return result;
    });
    const notes: string[] = [];
    const summarise = (name: string, taken: typeof results.pgtide): number | undefined => {
      if (taken === undefined) return undefined;
      const rates = taken.map(({ requestsPerSecond }) => requestsPerSecond);
      const p50 = median(taken.map(({ p50Ms }) => p50Ms)).toFixed(2);
      const p99 = median(taken.map(({ p99Ms }) => p99Ms)).toFixed(2);
      const apart = (100 * spread(rates)).toFixed(0);
      notes.push(`${name} p50 ${p50} ms, p99 ${p99} ms, rounds ${apart} % apart`);
      return median(rates);
    };
    return {
      pgtide: summarise('pgtide', results.pgtide),
      postgres: summarise('PostgreSQL', results.postgres),
      note: notes.join('; '),
    };
  } finally {
    await Promise.all([...loads.values()].map((load) => load.close()));
  }
}
