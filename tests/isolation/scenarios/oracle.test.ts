/** The expected outputs are what PostgreSQL 15 shows. Where it is not installed nothing is compared. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Difference } from './compare.ts';
import { describeDifference } from './compare.ts';
import { loadOutput, loadScenario, outputPath, ownOutputPath, scenarioNames } from './files.ts';
import { formatEntries } from './output.ts';
import { casesOf } from './script.ts';
import type { ScenarioServer } from './server.ts';
import { oracleInstalled, startScenarioOracle } from './server.ts';
import { runScenario } from './world.ts';

/** Of a scenario in which PostgreSQL races. */
const triesMax = 25;

describe.skipIf(!oracleInstalled)('PostgreSQL 15', () => {
  let oracle: ScenarioServer | undefined;
  beforeAll(async () => {
    oracle = await startScenarioOracle();
  });
  afterAll(async () => {
    await oracle?.close();
  });

  async function compare(name: string): Promise<void> {
    const expected = loadOutput(outputPath(name));
    const scenario = loadScenario(name);
    const schema = `scenario_${name.replaceAll('-', '_')}`;
    let differences: readonly Difference[] = [];
    for (let left = scenario.races ? triesMax : 1; left > 0; left--) {
      const again = new Set(differences.map(({ title }) => title));
      const seen = await runScenario(
        scenario,
        { port: oracle!.port, whoWaits: oracle!.whoWaits, schema, protocol: 'simple' },
        ({ title }) => again.size === 0 || again.has(title),
      );
      if (again.size === 0) expect([...seen.keys()]).toEqual([...expected.keys()]);
      differences = [...seen]
        .map(([title, entries]) => ({
          title,
          expected: expected.get(title)!,
          got: formatEntries(entries),
        }))
        .filter((each) => each.expected !== each.got);
      if (differences.length === 0) return;
    }
    expect.fail(differences.map(describeDifference).join('\n\n'));
  }

  const alone = (name: string): boolean => loadScenario(name).alone;
  describe('beside each other', () => {
    const names = scenarioNames.filter((name) => !alone(name));
    test.concurrent.each(names)('%s', compare);
  });
  describe('one by one', () => {
    test.each(scenarioNames.filter(alone))('%s', compare);
  });
});

/** What stands in the first line that differs, by the word that allows it; a SQLSTATE allows that error. */
const allowances: Readonly<Record<string, readonly string[]>> = {
  wait: ['(waits)'],
  again: ['UPDATE 0', 'DELETE 0', 'SELECT 0'],
};

test.each(scenarioNames)(
  '%s: outputs are of its runs, and differ only where that is allowed',
  (name) => {
    const cases = new Map(casesOf(loadScenario(name)).map((item) => [item.title, item.run]));
    const [expected, own] = [loadOutput(outputPath(name)), loadOutput(ownOutputPath(name))];
    expect([...expected.keys()]).toEqual([...cases.keys()]);
    for (const [title, text] of own) {
      const allowed = cases.get(title)?.allowed ?? [];
      const lines = text.split('\n');
      const theirs = expected.get(title)!.split('\n');
      const first = lines.findIndex((line, index) => line !== theirs[index]);
      expect(first, `${title}: the same as PostgreSQL's`).toBeGreaterThanOrEqual(0);
      // The first thing that differs is that somebody is given up, earlier or later than by PostgreSQL.
      const around = [lines[first], theirs[first]].join('\n');
      const reasons = allowed.flatMap((word) => allowances[word] ?? [`ERROR ${word}`]);
      expect(
        reasons.some((reason) => around.includes(reason)),
        `${title}: ${around}`,
      ).toBe(true);
    }
  },
);
