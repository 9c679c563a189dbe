import { expect, test } from 'vitest';
import { runMix } from './run.ts';

/** Of this run; PGTIDE_TEST_SEED repeats another. */
const seed = process.env['PGTIDE_TEST_SEED'] ?? String(Date.now() % 1_000_000);

test(`random mixes answer as PostgreSQL does, seed ${seed}`, async () => {
  const { statements, comparisons, restarts } = await runMix({ seed, steps: 600, ms: 25_000 });
  expect(statements).toBeGreaterThan(20);
  expect(comparisons).toBeGreaterThan(0);
  expect(restarts).toBeGreaterThan(0);
});
