import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { speedRatio, target } from '../lib/figure.ts';
import { runPgbench } from '../lib/pgbench.ts';
import { execute } from '../lib/server.ts';
import { median } from '../lib/stats.ts';
import type { Workload } from '../lib/workload.ts';
import { eachServer, interleave } from '../lib/workload.ts';

const manyClients = 64;

/** How much faster many connections commit than one: what they share of a sync. */
export const groupCommit: Workload = {
  name: 'group-commit',
  describes: `transactions of one INSERT on 1 and on ${manyClients} connections, fsync on`,
  after: [],
  async run(context) {
    const rounds = context.quick ? 1 : 5;
    const seconds = context.quick ? 1 : 4;
    await eachServer(context, (server) =>
      execute(
        server,
        'DROP TABLE IF EXISTS committed',
        'CREATE TABLE committed (id bigserial PRIMARY KEY, client int)',
      ),
    );
    const folder = await mkdtemp(join(tmpdir(), 'pgtide-bench-script-'));
    try {
      const script = join(folder, 'insert.sql');
      await writeFile(script, 'INSERT INTO committed (client) VALUES (:client_id);\n');
      const taken = await interleave(context, rounds, async (server) => {
        const tps = async (clients: number): Promise<number> =>
          (await runPgbench(server, { mode: 'prepared', clients, seconds, script })).tps;
        const alone = await tps(1);
        const together = await tps(manyClients);
        context.log(
          `${server.name}: ${alone.toFixed(0)} tps on one connection, ${together.toFixed(0)} on ${manyClients}`,
        );
        return { alone, together, times: together / alone };
      });
      const pick = (key: 'alone' | 'together' | 'times') => {
        const pgtide = taken.pgtide && median(taken.pgtide.map((one) => one[key]));
        const postgres = taken.postgres && median(taken.postgres.map((one) => one[key]));
        return { pgtide, postgres, ratio: speedRatio(pgtide, postgres, 'more') };
      };
      const times = pick('times');
      return [
        { what: 'commits on one connection', unit: 'tps', ...pick('alone') },
        { what: `commits on ${manyClients} connections`, unit: 'tps', ...pick('together') },
        {
          what: `${manyClients} connections to one`,
          unit: 'times',
          ...times,
          target: target('at least 15', times.pgtide, (value) => value >= 15),
        },
      ];
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
