/** `npm run test:disk -- --failure "write EIO"`: each call of the script fails once, and from then on. Exit code 1 on a fault. */
import { Command, Option } from 'commander';
import { runFaults } from './campaign.ts';
import { everyFault, failureNames } from './faults.ts';

const { failure } = new Command('test:disk')
  .description('fails each call of a script on the disk, and checks what is left each time')
  .addOption(
    new Option('--failure <names...>', 'these alone')
      .choices(failureNames)
      .default(failureNames, 'all'),
  )
  .parse()
  .opts<{ failure: string[] }>();
const started = performance.now();
let rounds = 0;
try {
  await runFaults(
    () => everyFault(failure),
    ({ fault, seen, fired, outcomes, ms }) => {
      rounds++;
      const { kinds, error, nth, persistent } = fault;
      const { ok, failed, unknown } = outcomes;
      process.stdout.write(
        `${kinds.join('/')} ${nth}${persistent ? ' and later' : ''} ${error}: ${fired} of ${seen} calls failed; ok ${ok}, failed ${failed}, unknown ${unknown}; ${Math.round(ms)} ms\n`,
      );
    },
  );
  const seconds = Math.round((performance.now() - started) / 1000);
  process.stdout.write(`${rounds} faults in ${seconds} s, no wrong answer, no lost commit\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
