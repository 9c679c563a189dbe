import type { Figure } from '../lib/figure.ts';
import { speedRatio, target } from '../lib/figure.ts';
import { initPgbench, runPgbench } from '../lib/pgbench.ts';
import { median, spread } from '../lib/stats.ts';
import type { Workload } from '../lib/workload.ts';
import { eachServer, interleave } from '../lib/workload.ts';

const modes = ['simple', 'extended', 'prepared'] as const;

/** The transaction changes one of `scale` branches: with 16 clients on 10 of them there is waiting for rows. */
export const tpcb: Workload = {
  name: 'tpcb',
  describes:
    "pgbench's TPC-B-like script, unchanged, scale 10, in its three protocols, 1 and 16 clients",
  after: [],
  async run(context) {
    const scale = context.quick ? 1 : 10;
    const seconds = context.quick ? 2 : 10;
    const rounds = context.quick ? 1 : 3;
    const made = await eachServer(context, async (server) => {
      const took = await initPgbench(server, scale);
      context.log(`${server.name}: pgbench -i -s ${scale} in ${took.toFixed(1)} s`);
      return took;
    });
    const figures: Figure[] = [
      {
        what: `pgbench -i -s ${scale}`,
        unit: 's',
        ...made,
        ratio: speedRatio(made.pgtide, made.postgres, 'less'),
      },
    ];
    for (const clients of [1, 16]) {
      for (const mode of modes) {
        const taken = await interleave(context, rounds, async (server) => {
          const { tps } = await runPgbench(server, { mode, clients, seconds });
          context.log(`${server.name} -M ${mode} -c ${clients}: ${tps.toFixed(0)} tps`);
          return tps;
        });
        const pgtide = taken.pgtide && median(taken.pgtide);
        const postgres = taken.postgres && median(taken.postgres);
        const ratio = speedRatio(pgtide, postgres, 'more');
        const apart = Object.entries(taken).map(
          ([name, tps]) => `${name} ${(100 * spread(tps ?? [1])).toFixed(0)} %`,
        );
        figures.push({
          what: `TPC-B -M ${mode}, ${clients} client${clients === 1 ? '' : 's'}`,
          unit: 'tps',
          pgtide,
          postgres,
          ratio,
          target:
            clients === 16 ? target('at least 0.7 x', ratio, (value) => value >= 0.7) : undefined,
          note: `rounds apart: ${apart.join(', ')}`,
        });
      }
    }
    return figures;
  },
};
