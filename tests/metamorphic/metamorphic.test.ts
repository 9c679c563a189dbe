import { expect, test } from 'vitest';
import { runMix } from './run.ts';

/** PGTIDE_TEST_SEED runs another; npm run test:metamorphic looks for new ones. */
const seed = process.env['PGTIDE_TEST_SEED'] ?? 'm1';

test(`random mixes answer as PostgreSQL does, seed ${seed}`, async () => {
  const { statements, comparisons, restarts } = await runMix({ seed, steps: 600, ms: 25_000 });
  expect(statements).toBeGreaterThan(20);
  expect(comparisons).toBeGreaterThan(0);
  expect(restarts).toBeGreaterThan(0);
});
