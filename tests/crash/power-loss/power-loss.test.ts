import { expect, test } from 'vitest';
import { runPowerLosses } from './campaign.ts';

test('a power loss at any moment leaves a beginning of what was done, with all that was synced', async () => {
  const report = await runPowerLosses({ seed: 'short run', transactions: 120, moments: 8 });
  expect(report.losses).toBe(32);
  expect(report.again).toBeGreaterThan(0);
});

// Each of them is a bug that kill -9 can't see: the checker has to.
test.each(['*.parquet*', '*/hot'])(
  'a disk that forgets the syncs of %s is found out',
  async (noSync) => {
    const run = runPowerLosses({ seed: '5', transactions: 120, moments: 12, noSync });
    await expect(run).rejects.toThrow(/power lost before operation/);
  },
);

test('so is one that forgets them while the storage recovers', async () => {
  const run = runPowerLosses({
    seed: '5',
    transactions: 120,
    moments: 4,
    recoveries: 0.5,
    noSyncInRecovery: '*.ldb',
  });
  await expect(run).rejects.toThrow(/power lost before operation .* lost again before operation/s);
});
