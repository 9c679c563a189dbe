import { beforeEach, expect, test } from 'vitest';
import { manualClock } from '../../base/index.ts';
import type { CatalogTable } from '../../catalog/types.ts';
import { testTable } from '../../storage/testing.ts';
import type { StoredTable } from '../../storage/types.ts';
import type { JobDone } from '../types.ts';
import type { Upkeep } from './index.ts';
import { createUpkeep } from './index.ts';

const second = 1_000_000n;
const day = 86_400n * second;
const columns = { id: 20 };

function table(
  tableId: number,
  given: Readonly<Record<string, string>>,
  ttlMicros?: bigint,
): CatalogTable {
  const stored: StoredTable = testTable({
    tableId,
    name: `t${tableId}`,
    kind: ttlMicros === undefined ? 'shared' : 'stream',
    columns,
    ...(ttlMicros === undefined ? {} : { ttlMicros }),
  });
  return { stored, options: new Map(Object.entries(given)) } as unknown as CatalogTable;
}

let timers: { ms: number; then: () => void }[] = [];
let made: unknown[] = [];
let warnings = 0;
let expired = false;
let fails = false;
const clock = manualClock(100n * day);
let upkeep: Upkeep;

beforeEach(() => {
  timers = [];
  made = [];
  warnings = 0;
  expired = false;
  fails = false;
  upkeep = createUpkeep({
    storage: { hasExpired: async () => expired },
    jobs: {
      run: async (jobType, { table: target, params }) => {
        if (fails) throw new Error('no');
        made.push([jobType, target!.tableId, params ?? null]);
        return {} as JobDone;
      },
    },
    clock,
    log: { info: () => undefined, warn: () => void warnings++, error: () => undefined },
    setTimer(ms, then) {
      const timer = { ms, then };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
  });
});

async function fire(): Promise<void> {
  for (const { then } of timers.splice(0)) then();
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

test('where nothing is to be kept up there is no timer', () => {
  upkeep.follow([table(1, {}), table(2, { type: 'user' })]);
  expect(timers).toEqual([]);
});

test('retention runs again and again, with the moment that its option gives', async () => {
  upkeep.follow([table(1, { deleted_retention: '30 days' })]);
  expect(timers.map(({ ms }) => ms)).toEqual([86_400_000]);
  await fire();
  expect(made).toEqual([['retention', 1, { deleted_before: String(70n * day) }]]);
  await fire();
  expect(made.length).toBe(2);
  // The option is another one.
  upkeep.follow([table(1, { deleted_retention: '100 seconds' })]);
  expect(timers.map(({ ms }) => ms)).toEqual([60_000]);
  upkeep.follow([table(1, {})]);
  expect(timers).toEqual([]);
});

test('a stream has a job when a row has expired, and one look otherwise', async () => {
  upkeep.follow([table(1, {}, 10n * second), table(2, {}, 7200n * second)]);
  expect(timers.map(({ ms }) => ms)).toEqual([60_000, 3_600_000]);
  await fire();
  expect(made).toEqual([]);
  expired = true;
  await fire();
  expect(made).toEqual([
    ['evict', 1, null],
    ['evict', 2, null],
  ]);
  upkeep.close();
  expect(timers).toEqual([]);
});

test('a failure does not end it', async () => {
  fails = true;
  upkeep.follow([table(1, { deleted_retention: '1 day' })]);
  await fire();
  expect([warnings, timers.length]).toEqual([1, 1]);
  fails = false;
  await fire();
  expect(made.length).toBe(1);
});
