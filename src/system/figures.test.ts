import { afterEach, beforeEach, expect, test } from 'vitest';
import { manualClock } from '../base/index.ts';
import { testTable } from '../storage/testing.ts';
import type { Storage, StorageStats } from '../storage/types.ts';
import { createTableFigures } from './figures.ts';
import type { TableFigures } from './figures.ts';

const table = testTable({ tableId: 1, columns: { a: 23 } });
const other = testTable({ tableId: 2, columns: { a: 23 } });
const second = 1_000_000n;

let clock: ReturnType<typeof manualClock>;
let figures: TableFigures;
/** How long a count takes; undefined: until `finish`. */
let takes: bigint | undefined;
let finish: () => void;
let version: number;
let counted: number[];

beforeEach(() => {
  clock = manualClock();
  takes = 0n;
  version = 1;
  counted = [];
  const storage: Pick<Storage, 'stats' | 'tableVersion'> = {
    tableVersion: () => version,
    async stats({ tableId }, { signal } = {}) {
      counted.push(tableId);
      const rows = version;
      if (takes === undefined) {
        await new Promise<void>((resolve, reject) => {
          finish = resolve;
          signal?.addEventListener('abort', () => reject(signal.reason as Error));
        });
      } else clock.advance(takes);
      return { hotRows: rows } as StorageStats;
    },
  };
  const log = {
    warn: (_fields: object, message: string) => {
      throw new Error(message);
    },
  };
  figures = createTableFigures({ storage, clock, log });
});
afterEach(() => figures.close());

const rowsOf = async (waitMs = 1000): Promise<(number | undefined)[]> => {
  const found = await figures.of([table, other], { waitMs });
  return [table, other].map(({ tableId }) => found.get(tableId)?.stats.hotRows);
};

test('a table is counted once until it changes', async () => {
  expect(await rowsOf()).toEqual([1, 1]);
  expect(await rowsOf()).toEqual([1, 1]);
  expect(counted).toEqual([1, 2]);
  version = 2;
  expect(await rowsOf()).toEqual([2, 2]);
  expect(counted).toEqual([1, 2, 1, 2]);
});

test('what takes long is left alone for a while, and told with its time', async () => {
  takes = second;
  expect(await rowsOf()).toEqual([1, 1]);
  const [first] = [...(await figures.of([table])).values()];
  expect(first?.measuredAt).toBe(second);
  version = 2;
  clock.advance(10n * second);
  expect(await rowsOf()).toEqual([1, 1]);
  expect(counted).toEqual([1, 2]);
  clock.advance(11n * second);
  // As long as the wait: what is known is told at once, and the count goes on.
  expect(await rowsOf(500)).toEqual([1, 1]);
  await expect.poll(() => rowsOf(500)).toEqual([2, 2]);
  expect(counted).toEqual([1, 2, 1, 2]);
});

test('what has never been counted is missing until it is; one count at a time', async () => {
  takes = undefined;
  expect(await rowsOf(1)).toEqual([undefined, undefined]);
  expect(await rowsOf(1)).toEqual([undefined, undefined]);
  expect(counted).toEqual([1]);
  takes = 0n;
  finish();
  await expect.poll(() => rowsOf(1)).toEqual([1, 1]);
  expect(counted).toEqual([1, 2]);
});

test('a count can be asked for, whatever is known', async () => {
  expect(await rowsOf()).toEqual([1, 1]);
  expect((await figures.measure(table)).stats.hotRows).toBe(1);
  expect(counted).toEqual([1, 2, 1]);
});

test('closing ends a count', async () => {
  takes = undefined;
  expect(await rowsOf(1)).toEqual([undefined, undefined]);
  await figures.close();
  await expect(figures.measure(table)).rejects.toMatchObject({ code: '57P01' });
  expect(counted).toEqual([1]);
});
