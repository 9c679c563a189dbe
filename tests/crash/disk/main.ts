/** `npm run test:disk`: each call of the script fails once, and from then on. Exit code 1 on a fault. */
import { runFaults } from './campaign.ts';
import { everyFault } from './faults.ts';

const started = performance.now();
let rounds = 0;
try {
  await runFaults(everyFault, ({ fault, seen, fired, outcomes, ms }) => {
    rounds++;
    const { kinds, error, nth, persistent } = fault;
    const { ok, failed, unknown } = outcomes;
    process.stdout.write(
      `${kinds.join('/')} ${nth}${persistent ? ' and later' : ''} ${error}: ${fired} of ${seen} calls failed; ok ${ok}, failed ${failed}, unknown ${unknown}; ${Math.round(ms)} ms\n`,
    );
  });
  const seconds = Math.round((performance.now() - started) / 1000);
  process.stdout.write(`${rounds} faults in ${seconds} s, no wrong answer, no lost commit\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
