/** SIGKILL at named points and at random moments: a short run of what `npm run test:crash` does at length. */
import { expect, test } from 'vitest';
import { runCampaign, unpassedPoints } from './campaign.ts';

/** Of this run; PGTIDE_TEST_SEED repeats another. */
const seed = process.env['PGTIDE_TEST_SEED'] ?? `${Date.now() % 1_000_000}`;
const cycles = 5;
/** It ends earlier once all have been passed: some 30 s on a quiet machine. */
const coverageMs = 150_000;

test('the workload passes every kill point', async () => {
  expect(await unpassedPoints('coverage', coverageMs)).toEqual([]);
});

test(`${cycles} kills, seed ${seed}: what was acknowledged is there, whole and once`, async () => {
  const report = await runCampaign({ seed, cycles, cyclesPerFolder: cycles });
  expect(report.kills).toBeGreaterThanOrEqual(cycles);
  expect(report.operations).toBeGreaterThan(cycles);
});
