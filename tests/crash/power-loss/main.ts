/** `npm run test:power-loss -- --runs 100 --seed 7`: the long run. Exit code 1 on a fault. */
import { Command } from 'commander';
import { runPowerLosses } from './campaign.ts';

const command = new Command('test:power-loss')
  .description('loses power at many moments of many runs, and checks what is left each time')
  .option('--runs <count>', 'how many runs of the workload', '50')
  .option('--moments <count>', 'moments of each, with four losses each', '100')
  .option('--transactions <count>', 'of each run', '500')
  .option('--seed <text>', 'repeats the choices of a run', `${process.pid}`)
  .parse();
const options = command.opts<Record<'runs' | 'moments' | 'transactions' | 'seed', string>>();
try {
  for (let run = 0; run < Number(options.runs); run++) {
    const seed = run === 0 ? options.seed : `${options.seed}.${run}`;
    const report = await runPowerLosses({
      seed,
      transactions: Number(options.transactions),
      moments: Number(options.moments),
    });
    process.stdout.write(
      `seed ${seed}: ${report.losses} losses over ${report.operations} operations, ${report.again} more while it recovered, no fault\n`,
    );
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
