import { beforeEach, describe, expect, test } from 'vitest';
import { manualClock } from '../../base/index.ts';
import type { FlushPolicy } from '../../catalog/flush-policy.ts';
import { testTable } from '../../storage/testing.ts';
import type { Watch } from './watch.ts';
import { createWatch, usersPerFlushMax } from './watch.ts';

const shared = testTable({ tableId: 1, name: 'rooms', columns: { id: 20 } });
const ofUsers = testTable({ tableId: 2, name: 'messages', kind: 'user', columns: { id: 20 } });

let clock = manualClock();
let hot = new Map<string, number>();
let flushed: (readonly string[] | 'all')[] = [];
let failing = 0;
let stuck = false;
let onCount: (() => void) | undefined;
let onFlush: (() => void) | undefined;
let errors = 0;
let counts: (number | undefined)[] = [];
let timers: { at: number; fire: () => void }[] = [];
let watch: Watch;

beforeEach(() => {
  clock = manualClock();
  hot = new Map();
  flushed = [];
  failing = 0;
  stuck = false;
  errors = 0;
  counts = [];
  timers = [];
});

function start(table: typeof shared, policy: FlushPolicy): void {
  watch = createWatch(
    { table, policy },
    {
      clock,
      setTimer: (ms, then) => {
        const timer = { at: clock.monotonicMs() + ms, fire: then };
        timers.push(timer);
        return () => void timers.splice(timers.indexOf(timer), 1);
      },
      count: async (_, users) => {
        counts.push(users?.length);
        const counted = new Map(
          [...hot].filter(([userId]) => users === undefined || users.includes(userId)),
        );
        onCount?.();
        onCount = undefined;
        return counted;
      },
      flush: async (_, users) => {
        if (failing-- > 0) throw new Error('disk full');
        flushed.push(users);
        if (stuck) return 0;
        const before = [...hot.values()].reduce((sum, n) => sum + n, 0);
        if (users === 'all') hot.clear();
        else for (const userId of users) hot.delete(userId);
        onFlush?.();
        onFlush = undefined;
        return before;
      },
      onError: () => void errors++,
    },
  );
}

/** Lets time pass, and what it sets off run. */
async function pass(ms: number): Promise<void> {
  const end = clock.monotonicMs() + ms;
  for (;;) {
    const [next] = timers.toSorted((a, b) => a.at - b.at);
    if (next === undefined || next.at > end) break;
    clock.advance(BigInt(Math.max(0, next.at - clock.monotonicMs())) * 1000n);
    timers.splice(timers.indexOf(next), 1);
    next.fire();
    for (let i = 0; i < 50; i++) await Promise.resolve();
  }
  clock.advance(BigInt(end - clock.monotonicMs()) * 1000n);
}

function write(userId: string, rows: number): void {
  hot.set(userId, (hot.get(userId) ?? 0) + rows);
  watch.wrote(userId, rows);
}

describe('rows', () => {
  test('of a shared table', async () => {
    start(shared, { rows: 10 });
    await pass(1000);
    write('', 9);
    await pass(1000);
    expect(flushed).toEqual([]);
    write('', 1);
    await pass(1000);
    expect(flushed).toEqual(['all']);
  });

  test('of each user for himself', async () => {
    start(ofUsers, { rows: 10 });
    for (let i = 0; i < 30; i++) write(`u${i}`, 9);
    await pass(1000);
    expect(flushed).toEqual([]);
    write('u3', 1);
    write('u7', 5);
    await pass(1000);
    expect(flushed).toEqual([['u3', 'u7']]);
  });

  test('of all users together', async () => {
    start(ofUsers, { rows: 10, totalRows: 100 });
    for (let i = 0; i < 11; i++) write(`u${i}`, 9);
    await pass(1000);
    expect(flushed).toEqual([]);
    // A table is judged at the latest when a tenth of its limit has come on top.
    write('u99', 10);
    await pass(1000);
    expect(flushed).toEqual(['all']);
  });

  test('that were there at the start', async () => {
    hot.set('ann', 20);
    start(ofUsers, { rows: 10 });
    await pass(1000);
    expect(flushed).toEqual([['ann']]);
  });

  test('of more users than one flush takes', async () => {
    start(ofUsers, { rows: 1 });
    for (let i = 0; i < usersPerFlushMax + 5; i++) write(`u${i}`, 1);
    await pass(1000);
    expect(flushed.map((users) => users.length)).toEqual([usersPerFlushMax, 5]);
  });
});

describe('interval', () => {
  test('since the first row, again and again', async () => {
    start(shared, { intervalMicros: 60_000_000n });
    await pass(100_000);
    write('', 1);
    await pass(30_000);
    write('', 1);
    await pass(29_000);
    expect(flushed).toEqual([]);
    await pass(2000);
    expect(flushed).toEqual(['all']);
    await pass(200_000);
    expect(flushed).toHaveLength(1);
    write('', 1);
    await pass(61_000);
    expect(flushed).toHaveLength(2);
  });

  test('nothing waits while nothing is hot', async () => {
    start(shared, { rows: 10, intervalMicros: 60_000_000n });
    await pass(1000);
    expect(timers).toEqual([]);
    write('', 1);
    await pass(61_000);
    expect(flushed).toEqual(['all']);
    await pass(1000);
    expect(timers).toEqual([]);
  });
});

test('a failed flush is tried again, each time later', async () => {
  start(shared, { rows: 1 });
  failing = 3;
  write('', 5);
  await pass(200);
  expect(errors).toBe(1);
  write('', 5);
  await pass(800);
  expect(errors).toBe(1);
  await pass(300);
  expect(errors).toBe(2);
  await pass(10_000);
  expect(errors).toBe(3);
  expect(flushed).toEqual(['all']);
});

test('rows that stay hot are not flushed over and over', async () => {
  start(shared, { rows: 1, intervalMicros: 60_000_000n });
  stuck = true;
  write('', 5);
  await pass(200_000);
  expect(flushed).toHaveLength(1);
  write('', 1);
  await pass(1000);
  expect(flushed).toHaveLength(2);
});

test('another policy counts at once', async () => {
  start(ofUsers, { rows: 100 });
  write('ann', 50);
  await pass(1000);
  watch.become(ofUsers, { rows: 50 });
  await pass(1000);
  expect(flushed).toEqual([['ann']]);
});

test('rows that are written again and again are counted seldom', async () => {
  start(ofUsers, { rows: 100 });
  await pass(1000);
  write('ann', 90);
  for (let i = 0; i < 200; i++) {
    watch.wrote('ann', 1);
    await pass(200);
  }
  expect(flushed).toEqual([]);
  expect(counts.length).toBeLessThan(25);
  write('ann', 10);
  write('ann', 10);
  await pass(200);
  expect(flushed).toEqual([['ann']]);
});

test('a bulk load is counted', async () => {
  start(ofUsers, { rows: 100 });
  await pass(1000);
  hot.set('ann', 5000);
  watch.wrote(undefined, 0);
  await pass(200);
  expect(flushed).toEqual([['ann']]);
  expect(counts).toEqual([undefined, undefined]);
});

test('a bulk load while rows are counted, or flushed, is not forgotten', async () => {
  start(ofUsers, { rows: 100 });
  hot.set('bob', 150);
  onCount = () => {
    hot.set('ann', 5000);
    watch.wrote(undefined, 0);
  };
  await pass(200);
  expect(flushed.flat().toSorted()).toEqual(['ann', 'bob']);
  onFlush = () => {
    hot.set('cid', 5000);
    watch.wrote(undefined, 0);
  };
  write('bob', 120);
  await pass(200);
  expect(flushed.flat()).toContain('cid');
});

test('nothing runs after the end', async () => {
  start(shared, { rows: 1 });
  write('', 5);
  watch.close();
  await pass(1000);
  expect(flushed).toEqual([]);
});
