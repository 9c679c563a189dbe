import pg from 'pg';
import type { Figure } from '../lib/figure.ts';
import { target } from '../lib/figure.ts';
import type { Server } from '../lib/server.ts';
import { clientConfig, execute } from '../lib/server.ts';
import { median } from '../lib/stats.ts';
import type { BenchContext, Workload } from '../lib/workload.ts';

const fewUsers = 10;
const rowsPerUser = 20;
const loaders = 8;
/** Two medians of one and the same query lie about this far apart on a busy machine. */
const noise = 0.15;

function tableOf(users: number): string {
  return `messages_of_${users}`;
}

async function makeTable(server: Server, users: number): Promise<void> {
  const table = tableOf(users);
  await execute(
    server,
    `CREATE TABLE ${table} (id bigint PRIMARY KEY, body text NOT NULL, sent timestamptz) WITH (type = 'user')`,
  );
  const tuples = Array.from(
    { length: rowsPerUser },
    (_, row) => `(${row + 1}, 'message number ${row + 1}', '2026-01-01Z')`,
  );
  const text = `INSERT INTO ${table} VALUES ${tuples.join(', ')}`;
  let next = 1;
  await Promise.all(
    Array.from({ length: Math.min(loaders, users) }, async () => {
      const client = new pg.Client(clientConfig(server));
      await client.connect();
      for (let user = next++; user <= users; user = next++) {
        await client.query(`SET tide.user_id = 'user-${user}'`);
        await client.query({ name: 'insert', text });
      }
      await client.end();
    }),
  );
}

/** Median milliseconds of one user's query in the table of few users and in that of many, measured in turns. */
async function measure(
  context: BenchContext,
  server: Server,
  tables: readonly [few: string, many: string],
): Promise<readonly [few: number, many: number]> {
  const rounds = context.quick ? 3 : 11;
  const queriesPerRound = context.quick ? 200 : 1000;
  const client = new pg.Client(clientConfig(server));
  await client.connect();
  try {
    await client.query(`SET tide.user_id = 'user-5'`);
    const taken: Record<string, number[]> = {};
    for (let round = 0; round <= rounds; round += 1) {
      for (const table of round % 2 === 0 ? tables : tables.toReversed()) {
        const text = `SELECT id, body, sent FROM ${table} ORDER BY id DESC LIMIT 10`;
        const started = performance.now();
        for (let query = 0; query < queriesPerRound; query += 1) {
          const { rows } = await client.query({ name: table, text });
          if (rows.length !== 10) throw new Error(`${rows.length} rows of ${table}`);
        }
        // The first round warms up.
        if (round > 0) {
          (taken[table] ??= []).push((performance.now() - started) / queriesPerRound);
        }
      }
    }
    return [median(taken[tables[0]] ?? []), median(taken[tables[1]] ?? [])];
  } finally {
    await client.end();
  }
}

export const manyUsers: Workload = {
  name: 'many-users',
  describes: "one user's query in a user table of 10 users, and in one of 10,000, hot and flushed",
  after: [],
  async run(context) {
    const { pgtide } = context;
    if (pgtide === undefined) return [];
    const many = context.quick ? 500 : 10_000;
    for (const users of [fewUsers, many]) {
      context.log(`making a table of ${users} users`);
      await makeTable(pgtide, users);
    }
    const tables = [tableOf(fewUsers), tableOf(many)] as const;
    const figures: Figure[] = [];
    for (const tier of ['hot', 'flushed']) {
      if (tier === 'flushed') {
        context.log('flushing both tables');
        await execute(pgtide, ...tables.map((table) => `FLUSH TABLE ${table}`));
      }
      const [few, all] = await measure(context, pgtide, tables);
      figures.push({
        what: `one user's query among ${many} users, ${tier}`,
        unit: 'ms',
        pgtide: all,
        other: { name: `among ${fewUsers}`, value: few },
        target: target('the same', all / few, (ratio) => ratio <= 1 + noise),
      });
    }
    return figures;
  },
};
