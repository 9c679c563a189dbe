/** `npm run test:crash -- --cycles 1000 --seed 7 --point "manifest commit: written"`: the long run. Exit code 1 on a fault. */
import { Command } from 'commander';
import { runCampaign } from './campaign.ts';
import { killPoints } from './kill-points.ts';

const command = new Command('test:crash')
  .description('kills the server again and again, and checks what is left each time')
  .option('--cycles <count>', 'how often', '1000')
  .option('--seed <text>', 'repeats the choices of a run', `${process.pid}`)
  .option('--point <name>', `kill there: ${killPoints.join(', ')}`)
  .parse();
const { cycles, seed, point } = command.opts<{ cycles: string; seed: string; point?: string }>();
if (point !== undefined && !killPoints.includes(point)) {
  process.stderr.write(`no such kill point: ${point}\n`);
  process.exit(1);
}
process.stdout.write(`seed ${seed}\n`);
const missed = new Map<string, number>();
try {
  const report = await runCampaign({
    seed,
    cycles: Number(cycles),
    ...(point === undefined ? {} : { point }),
    onCycle({ cycle, plan, reached, operations, ms }) {
      if (!reached) missed.set(plan, (missed.get(plan) ?? 0) + 1);
      process.stdout.write(
        `cycle ${cycle}: ${plan}${reached ? '' : ' (not reached)'}, ${operations} operations, ${Math.round(ms)} ms\n`,
      );
    },
  });
  const seconds = report.ms / 1000;
  process.stdout.write(
    `${report.cycles} cycles, ${report.kills} kills, ${report.operations} operations in ${seconds.toFixed(0)} s (${(seconds / report.cycles).toFixed(2)} s a cycle), no fault; kill points not reached in their cycle: ${missed.size}\n`,
  );
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
