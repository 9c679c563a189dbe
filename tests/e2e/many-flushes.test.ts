/** A short run of what `npm run test:flushes` does 10,000 times. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { filesMax, runFlushes } from './many-flushes.ts';

let server: ServerProcess;
beforeAll(async () => {
  server = await startServerProcess();
});
afterAll(() => server?.remove());

const flushes = 60;

test(`${flushes} flushes of one row end as a bounded number of files by themselves`, async () => {
  expect(filesMax(1)).toBe(16);
  expect(filesMax(10_000)).toBe(48);
  const { filesMost, filesAtEnd, compactions } = await runFlushes(server, flushes, {
    every: flushes,
    onSample: () => undefined,
  });
  expect(filesMost).toBeLessThanOrEqual(filesMax(flushes));
  expect(filesAtEnd).toBeLessThanOrEqual(filesMost);
  expect(compactions).toBeGreaterThan(flushes / 20);
});
