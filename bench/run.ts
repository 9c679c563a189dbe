/** `npm run bench`: measures pgtide against PostgreSQL on this machine. `--help` tells the options. */
import { cpus, totalmem } from 'node:os';
import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Figure } from './lib/figure.ts';
import { formatTable } from './lib/figure.ts';
import { startPgtide } from './lib/pgtide.ts';
import { startPostgres } from './lib/postgres.ts';
import type { Workload } from './lib/workload.ts';
import { aggregates } from './workloads/aggregates.ts';
import { compaction } from './workloads/compaction.ts';
import { copy } from './workloads/copy.ts';
import { drop } from './workloads/drop.ts';
import { flush } from './workloads/flush.ts';
import { flushLatency } from './workloads/flush-latency.ts';
import { flushUsers } from './workloads/flush-users.ts';
import { flushWriters } from './workloads/flush-writers.ts';
import { groupCommit } from './workloads/group-commit.ts';
import { insert } from './workloads/insert.ts';
import { manyUsers } from './workloads/many-users.ts';
import { pointSelect } from './workloads/point-select.ts';
import { recovery } from './workloads/recovery.ts';
import { space } from './workloads/space.ts';
import { start } from './workloads/start.ts';
import { tpcb } from './workloads/tpcb.ts';

/** In the order in which they run. */
const workloads: readonly Workload[] = [
  pointSelect,
  insert,
  copy,
  flush,
  compaction,
  aggregates,
  start,
  manyUsers,
  tpcb,
  groupCommit,
  recovery,
  flushWriters,
  flushUsers,
  flushLatency,
  drop,
  space,
];

const help = `npm run bench -- [workload …] [options]

Measures pgtide against PostgreSQL (Debian's package, default settings, started here on temporary data) by the same
client, in turns. Prints a table and writes bench/results/<time>.json.

Workloads (default: all):
${workloads.map(({ name, describes }) => `  ${name.padEnd(14)}${describes}`).join('\n')}

Options:
  --quick       fewer rounds, less data: to see that all works, not for figures
  --peer-only   PostgreSQL alone
  --own-only    pgtide alone
  --help        this text`;

/** The workloads named, with those that they need before them, in order. Throws on a name that does not exist. */
function choose(names: readonly string[]): readonly Workload[] {
  const chosen = new Set<string>();
  const add = (name: string): void => {
    const workload = workloads.find((one) => one.name === name);
    if (workload === undefined) throw new Error(`no workload "${name}"; see --help`);
    workload.after.forEach(add);
    chosen.add(name);
  };
  names.forEach(add);
  return names.length === 0 ? workloads : workloads.filter(({ name }) => chosen.has(name));
}

function log(message: string): void {
  console.log(`  ${message}`);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      'peer-only': { type: 'boolean', default: false },
      'own-only': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  if (values['peer-only'] && values['own-only'])
    throw new Error('--peer-only or --own-only, not both');
  const { quick } = values;
  const chosen = choose(positionals);
  const startedAt = new Date();
  const results: { workload: string; figures?: readonly Figure[]; error?: string }[] = [];
  await using servers = new AsyncDisposableStack();
  const postgres = values['own-only'] ? undefined : await startPostgres();
  if (postgres) servers.defer(() => postgres.stop());
  const pgtide = values['peer-only'] ? undefined : await startPgtide();
  if (pgtide) servers.defer(() => pgtide.stop());
  process.once('SIGINT', () => {
    void servers.disposeAsync().finally(() => process.exit(130));
  });

  for (const workload of chosen) {
    console.log(`${workload.name}: ${workload.describes}`);
    try {
      const figures = await workload.run({ postgres, pgtide, quick, log });
      results.push({ workload: workload.name, figures });
    } catch (error) {
      // The other workloads' figures are worth having all the same.
      const message = error instanceof Error ? error.message : String(error);
      console.error(`  FAILED: ${message}`);
      results.push({ workload: workload.name, error: message });
      process.exitCode = 1;
    }
  }

  console.log(`\n${formatTable(results.flatMap(({ figures }) => figures ?? [])).join('\n')}`);
  const folder = new URL('./results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  // A quick run's figures are none to keep: git ignores *.tmp here.
  const time = startedAt.toISOString().replaceAll(/[:.]/g, '-');
  const name = quick ? `${time}.quick.tmp` : `${time}.json`;
  const machine = {
    processor: cpus()[0]?.model,
    cores: cpus().length,
    memoryBytes: totalmem(),
    node: process.version,
    postgres: postgres?.version,
  };
  const record = { startedAt, quick, machine, results };
  await writeFile(new URL(name, folder), `${JSON.stringify(record, null, 2)}\n`);
  console.log(`\nwritten to bench/results/${name}`);
}

await main();
