import { setTimeout as sleep } from 'node:timers/promises';
import type { Figure } from '../lib/figure.ts';
import { speedRatio, target } from '../lib/figure.ts';
import { execute } from '../lib/server.ts';
import { median } from '../lib/stats.ts';
import type { Workload } from '../lib/workload.ts';
import { interleave } from '../lib/workload.ts';

const idleMs = 5000;
const mebibyte = 1024 * 1024;

export const start: Workload = {
  name: 'start',
  describes: 'warm start to ready, and memory when idle after one query',
  after: [],
  async run(context) {
    const taken = await interleave(context, context.quick ? 1 : 5, async (server) => {
      const readyMs = await server.restart();
      await execute(server, 'SELECT 1');
      await sleep(context.quick ? 1000 : idleMs);
      const memory = (await server.memoryBytes()) / mebibyte;
      context.log(`${server.name}: ready in ${readyMs.toFixed(0)} ms, ${memory.toFixed(0)} MiB`);
      return { readyMs, memory };
    });
    const pick = (key: 'readyMs' | 'memory') => ({
      pgtide: taken.pgtide && median(taken.pgtide.map((one) => one[key])),
      postgres: taken.postgres && median(taken.postgres.map((one) => one[key])),
    });
    const ready = pick('readyMs');
    const memory = pick('memory');
    const figures: readonly Figure[] = [
      {
        what: 'warm start to ready',
        unit: 'ms',
        ...ready,
        ratio: speedRatio(ready.pgtide, ready.postgres, 'less'),
        target: target('at most 1500', ready.pgtide, (value) => value <= 1500),
      },
      {
        what: 'idle memory',
        unit: 'MiB',
        ...memory,
        ratio: speedRatio(memory.pgtide, memory.postgres, 'less'),
        target: target('at most 400', memory.pgtide, (value) => value <= 400),
      },
    ];
    return figures;
  },
};
