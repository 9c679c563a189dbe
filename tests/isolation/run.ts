/**
 * The long run: `npm run test:isolation -- [--seed text] [--seconds n] [--level 'read committed'] [--work append] [--postgres] [--no-scenarios]`.
 * Rounds of random work until the time is over, then every scenario in every variant. Ends with 1 at the first violation of a
 * round, whose history is saved, and when a scenario shows something else.
 */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { levels, runRound, works } from './rounds.ts';
import { compareScenario, describeDifference } from './scenarios/compare.ts';
import { loadScenario, scenarioNames } from './scenarios/files.ts';
import { startScenarioPgtide } from './scenarios/server.ts';
import { runsAs, variants } from './scenarios/variants.ts';
import type { Target } from './target.ts';
import { startPgtide, startPostgresTarget } from './target.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: randomUUID().slice(0, 8) },
    seconds: { type: 'string', default: '600' },
    level: { type: 'string' },
    work: { type: 'string' },
    postgres: { type: 'boolean', default: false },
    'no-scenarios': { type: 'boolean', default: false },
  },
});

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function chosen<T extends string>(all: readonly T[], wanted: string | undefined): readonly T[] {
  const found = all.filter((each) => wanted === undefined || each === wanted);
  if (found.length === 0) throw new Error(`${wanted} is none of ${all.join(', ')}`);
  return found;
}

async function runRounds(target: Target): Promise<void> {
  const until = performance.now() + Number(values.seconds) * 1000;
  const [levelsWanted, worksWanted] = [chosen(levels, values.level), chosen(works, values.work)];
  for (let round = 0; performance.now() < until; round++) {
    for (const level of levelsWanted) {
      for (const work of worksWanted) {
        if (performance.now() >= until) return;
        const done = await runRound(target, work, {
          seed: `${values.seed}/${round}`,
          level,
          size: 1 + (round % 3),
        });
        say(`round ${round}, ${level}, ${work}: ${done}`);
      }
    }
  }
}

async function runScenarios(): Promise<number> {
  const server = await startScenarioPgtide();
  let failed = 0;
  for (const name of scenarioNames) {
    for (const variant of variants) {
      if (!runsAs(loadScenario(name).variants, variant)) continue;
      const differences = await compareScenario(name, variant, server);
      if (differences.length > 0) failed++;
      say(`${differences.length === 0 ? 'ok    ' : 'FAILED'} ${name}, ${variant.name}`);
      for (const difference of differences) say(describeDifference(difference));
    }
  }
  await server.close();
  return failed;
}

say(`seed ${values.seed}`);
const target = await (values.postgres ? startPostgresTarget() : startPgtide());
try {
  await runRounds(target);
  const withScenarios = !values['no-scenarios'] && !values.postgres;
  const failed = withScenarios ? await runScenarios() : 0;
  process.exitCode = failed === 0 ? 0 : 1;
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  await target.stop();
}
