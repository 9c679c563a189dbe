/** npm run test:metamorphic: random mixes, one seed after the other. */
import { Command } from 'commander';
import { runMix } from './run.ts';

const command = new Command('test:metamorphic')
  .option('--seconds <n>', 'how long', '60')
  .option('--steps <n>', 'steps of each mix', '1000')
  .option('--seed <text>', 'of the first mix; the next ones are named after it', `${Date.now()}`)
  .option('--verbose', 'print every statement')
  .action(async (options: { seconds: string; steps: string; seed: string; verbose?: boolean }) => {
    const end = performance.now() + Number(options.seconds) * 1000;
    let mixes = 0;
    do {
      const seed = mixes === 0 ? options.seed : `${options.seed}-${mixes}`;
      const result = await runMix({
        seed,
        steps: Number(options.steps),
        ...(options.verbose === true ? { log: (line: string) => console.log(line) } : {}),
      });
      mixes++;
      console.log(`seed ${seed}: ${JSON.stringify(result)}`);
    } while (performance.now() < end);
    console.log(`${mixes} mixes, no difference`);
  });
await command.parseAsync();
