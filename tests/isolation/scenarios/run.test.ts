/**
 * Every scenario on pgtide, hot by the simple protocol, and flushed on user tables by the extended one: what is seen, who waits and who goes on is what PostgreSQL
 * shows. PGTIDE_SCENARIOS=name,… runs only those.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compareScenario, describeDifference } from './compare.ts';
import { loadScenario, scenarioNames } from './files.ts';
import type { ScenarioServer } from './server.ts';
import { startScenarioPgtide } from './server.ts';
import { quickVariants } from './variants.ts';

let server: ScenarioServer | undefined;
beforeAll(async () => {
  server = await startScenarioPgtide();
});
afterAll(() => server?.close());

const only = process.env['PGTIDE_SCENARIOS']?.split(',');
const names = scenarioNames.filter((name) => only?.includes(name) ?? true);
const cases = names.flatMap((name) =>
  quickVariants(loadScenario(name).variants).map((variant) => ({
    name,
    variant,
    how: variant.name,
  })),
);
const alone = (name: string): boolean => loadScenario(name).alone;

/** Of the variants beside the plainest a third of the runs, always the same; `npm run test:isolation` has them all. */
const share = 3;
const sampled = (title: string): boolean =>
  Buffer.from(title).reduce((sum, byte) => sum + byte, 0) % share === 0;

async function compare({ name, variant }: (typeof cases)[number]): Promise<void> {
  const differences = await compareScenario(
    name,
    variant,
    server!,
    ({ title }) => variant === quickVariants(undefined)[0] || sampled(title),
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${server!.output()}`);
  });
  if (differences.length > 0) expect.fail(differences.map(describeDifference).join('\n\n'));
}

describe('beside each other', () => {
  test.concurrent.each(cases.filter(({ name }) => !alone(name)))('$name, $how', compare);
});
describe('one by one', () => {
  test.each(cases.filter(({ name }) => alone(name)))('$name, $how', compare);
});
