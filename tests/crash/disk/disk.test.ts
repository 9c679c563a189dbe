import { expect, test } from 'vitest';
import { seededRandom } from '../random.ts';
import type { RoundReport } from './campaign.ts';
import { runFaults } from './campaign.ts';
import { someFaults } from './faults.ts';

test('a failing disk never loses what was acknowledged, never gives a wrong answer, and works again when it is well', async () => {
  const reports: RoundReport[] = [];
  await runFaults(
    () => someFaults(5, seededRandom('short run')),
    (report) => reports.push(report),
  );
  expect(reports).toHaveLength(5);
  const total = (outcome: 'ok' | 'failed' | 'unknown'): number =>
    reports.reduce((sum, { outcomes }) => sum + outcomes[outcome], 0);
  // The faults were met, and commits among them.
  expect(reports.filter(({ fired }) => fired > 0).length).toBeGreaterThanOrEqual(3);
  expect(total('unknown')).toBeGreaterThan(0);
  expect(total('failed')).toBeGreaterThan(0);
  expect(total('ok')).toBeGreaterThan(total('failed'));
});
