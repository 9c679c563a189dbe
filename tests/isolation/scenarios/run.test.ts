/**
 * Every scenario on pgtide, hot, flushed and on user tables, by both protocols: what is seen, who waits and who goes on is what PostgreSQL
 * shows. PGTIDE_SCENARIOS=name,… runs only those.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServerProcess } from '../../support/server-process.ts';
import { startServerProcess } from '../../support/server-process.ts';
import { compareScenario, describeDifference } from './compare.ts';
import { loadScenario, scenarioNames } from './files.ts';
import { runsAs, variants } from './variants.ts';

let server: ServerProcess | undefined;
beforeAll(async () => {
  server = await startServerProcess();
});
afterAll(() => server?.remove());

const only = process.env['PGTIDE_SCENARIOS']?.split(',');
const names = scenarioNames.filter((name) => only?.includes(name) ?? true);
const cases = names.flatMap((name) =>
  variants
    .filter((variant) => runsAs(loadScenario(name).variants, variant))
    .map((variant) => ({ name, variant, how: variant.name })),
);
const alone = (name: string): boolean => loadScenario(name).alone;

async function compare({ name, variant }: (typeof cases)[number]): Promise<void> {
  const differences = await compareScenario(name, variant, { port: server!.port });
  if (differences.length > 0) expect.fail(differences.map(describeDifference).join('\n\n'));
}

describe('beside each other', () => {
  test.concurrent.each(cases.filter(({ name }) => !alone(name)))('$name, $how', compare);
});
describe('one by one', () => {
  test.each(cases.filter(({ name }) => alone(name)))('$name, $how', compare);
});
