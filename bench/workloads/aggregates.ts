import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Figure } from '../lib/figure.ts';
import { speedRatio, target } from '../lib/figure.ts';
import { quoteLiteral, withDuckdb } from '../lib/duckdb.ts';
import type { Server } from '../lib/server.ts';
import { clientConfig, execute } from '../lib/server.ts';
import { median } from '../lib/stats.ts';
import type { BenchContext, Workload } from '../lib/workload.ts';
import { interleave, serversOf } from '../lib/workload.ts';
import pg from 'pg';
import { firstDifference } from '../lib/difference.ts';
import { aggregateQueries } from './aggregate-queries.ts';

interface Timed {
  readonly ms: number;
  /** Every value as the text that the server sent. */
  readonly rows: readonly (readonly (string | null)[])[];
}

async function timeQueries(client: pg.Client): Promise<readonly Timed[]> {
  const taken: Timed[] = [];
  for (const { text } of aggregateQueries) {
    const started = performance.now();
    const { rows } = await client.query<(string | null)[]>({
      text,
      rowMode: 'array',
      types: { getTypeParser: () => (value: string) => value },
    });
    taken.push({ ms: performance.now() - started, rows });
  }
  return taken;
}

/** The Parquet files of the table `flights`. The bench's server has this one flushed table of that name. */
async function flightFiles(server: Server): Promise<readonly string[]> {
  const entries = await readdir(server.dataDir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.parquet'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => path.split('/').some((part) => /^flights(?:\.\d+)?$/.test(part)));
}

/** Milliseconds of each query in DuckDB on its own over `files`: the median of the rounds. */
async function timeDuckdb(files: readonly string[], rounds: number): Promise<readonly number[]> {
  return await withDuckdb(async (connection) => {
    const list = files.map(quoteLiteral).join(', ');
    await connection.run(`CREATE VIEW flights AS SELECT * FROM read_parquet([${list}])`);
    const taken: number[][] = aggregateQueries.map(() => []);
    for (let round = 0; round <= rounds; round += 1) {
      for (const [index, { text }] of aggregateQueries.entries()) {
        const started = performance.now();
        const reader = await connection.runAndReadAll(text);
        reader.getRows();
        // The first round warms up, as it does for the servers.
        if (round > 0) taken[index]?.push(performance.now() - started);
      }
    }
    return taken.map(median);
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Throws at the first query whose answers differ. */
function compareAnswers(own: readonly Timed[], peer: readonly Timed[]): void {
  for (const [index, { name }] of aggregateQueries.entries()) {
    const ours = own[index]?.rows ?? [];
    const theirs = peer[index]?.rows ?? [];
    const line = firstDifference(ours, theirs);
    if (line === undefined) continue;
    const [our, their] = [ours[line], theirs[line]].map((row) => JSON.stringify(row));
    throw new Error(`"${name}" differs in row ${line}: pgtide ${our}, PostgreSQL ${their}`);
  }
}

async function timeServers(context: BenchContext, rounds: number) {
  const clients = new Map<Server, pg.Client>();
  try {
    for (const server of serversOf(context)) {
      await execute(server, 'ANALYZE flights');
      const client = new pg.Client(clientConfig(server));
      await client.connect();
      clients.set(server, client);
      await timeQueries(client);
    }
    return await interleave(context, rounds, async (server) => {
      const client = clients.get(server);
      if (client === undefined) throw new Error(`no connection to ${server.name}`);
      const taken = await timeQueries(client);
      context.log(`${server.name}: ${sum(taken.map(({ ms }) => ms)).toFixed(0)} ms`);
      return taken;
    });
  } finally {
    for (const client of clients.values()) await client.end();
  }
}

/** The median time of each query over the rounds. */
function medians(taken: readonly (readonly Timed[])[] | undefined): readonly number[] | undefined {
  if (taken === undefined) return undefined;
  return aggregateQueries.map((_, index) => median(taken.map((round) => round[index]?.ms ?? 0)));
}

export const aggregates: Workload = {
  name: 'aggregates',
  describes:
    'ten aggregate queries over the flushed flights; also on DuckDB alone over the same files',
  after: ['copy', 'flush'],
  async run(context) {
    const rounds = context.quick ? 2 : 5;
    const taken = await timeServers(context, rounds);
    const [own, peer] = [taken.pgtide?.[0], taken.postgres?.[0]];
    if (own !== undefined && peer !== undefined) compareAnswers(own, peer);
    const duckdb = context.pgtide && (await timeDuckdb(await flightFiles(context.pgtide), rounds));
    const [pgtide, postgres] = [medians(taken.pgtide), medians(taken.postgres)];
    const single = aggregateQueries.map(({ name }, index): Figure => {
      const other = duckdb?.[index];
      return {
        what: `  ${name}`,
        unit: 'ms',
        pgtide: pgtide?.[index],
        postgres: postgres?.[index],
        ratio: speedRatio(pgtide?.[index], postgres?.[index], 'less'),
        other: other === undefined ? undefined : { name: 'DuckDB', value: other },
      };
    });
    const total = {
      pgtide: pgtide && sum(pgtide),
      postgres: postgres && sum(postgres),
      duckdb: duckdb && sum(duckdb),
    };
    const ratio = speedRatio(total.pgtide, total.postgres, 'less');
    const overDuckdb =
      total.pgtide === undefined || total.duckdb === undefined
        ? undefined
        : total.pgtide / total.duckdb;
    return [
      {
        what: 'ten aggregates over flushed flights, sum',
        unit: 'ms',
        pgtide: total.pgtide,
        postgres: total.postgres,
        ratio,
        target: target('at least 10 x', ratio, (value) => value >= 10),
      },
      ...(overDuckdb === undefined || total.duckdb === undefined
        ? []
        : [
            {
              what: "the same as a multiple of DuckDB's own time",
              unit: 'x',
              pgtide: overDuckdb,
              other: { name: 'DuckDB ms', value: total.duckdb },
              target: target('at most 1.5', overDuckdb, (value) => value <= 1.5),
            },
          ]),
      ...single,
    ];
  },
};
