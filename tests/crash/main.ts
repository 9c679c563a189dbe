/** `npm run test:crash -- --cycles 1000 --seed 7 --point "manifest commit: written"`: the long run. Exit code 1 on a fault. */
import { inspect } from 'node:util';
import { Command } from 'commander';
import { runCampaign } from './campaign.ts';
import { runCorruption } from './corruption.ts';
import { killPoints } from './kill-points.ts';

const command = new Command('test:crash')
  .description('kills the server again and again, and checks what is left each time')
  .option('--cycles <count>', 'how often', '1000')
  .option('--seed <text>', 'repeats the choices of a run', `${process.pid}`)
  .option('--corruptions <count>', 'instead: damage so many files, one at a time')
  .option('--point <name>', `kill there: ${killPoints.join(', ')}`)
  .parse();
const { cycles, seed, point, corruptions } = command.opts<{
  cycles: string;
  seed: string;
  point?: string;
  corruptions?: string;
}>();
if (point !== undefined && !killPoints.includes(point)) {
  process.stderr.write(`no such kill point: ${point}\n`);
  process.exit(1);
}
process.stdout.write(`seed ${seed}\n`);
if (corruptions !== undefined) {
  try {
    for (const [kind, counts] of await runCorruption(seed, Number(corruptions)))
      for (const [found, count] of counts)
        process.stdout.write(`${kind.padEnd(10)} ${found}: ${count}\n`);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${inspect(error)}\n`);
    process.exit(1);
  }
}
const startsMs: number[] = [];
const missed = new Map<string, number>();
try {
  const report = await runCampaign({
    seed,
    cycles: Number(cycles),
    ...(point === undefined ? {} : { point }),
    onCycle({ cycle, plan, reached, operations, startMs, ms }) {
      startsMs.push(startMs);
      if (!reached) missed.set(plan, (missed.get(plan) ?? 0) + 1);
      process.stdout.write(
        `cycle ${cycle}: ${plan}${reached ? '' : ' (not reached)'}, ${operations} operations, ${Math.round(ms)} ms\n`,
      );
    },
  });
  const seconds = report.ms / 1000;
  process.stdout.write(
    `${report.cycles} cycles, ${report.kills} kills, ${report.operations} operations in ${seconds.toFixed(0)} s (${(seconds / report.cycles).toFixed(2)} s a cycle), no fault; kill points not reached in their cycle: ${missed.size}; starts after a kill: median ${median(startsMs)} ms, longest ${Math.round(Math.max(...startsMs))} ms\n`,
  );
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

function median(values: readonly number[]): number {
  return Math.round(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0);
}
