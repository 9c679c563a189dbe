import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemClock } from '../base/index.ts';
import type { MirrorTurns, PrivateView } from './mirror-turns.ts';
import { createMirrorTurns } from './mirror-turns.ts';

interface Noted {
  readonly turns: MirrorTurns;
  readonly order: string[];
  readonly view: PrivateView;
  read(name: string, ms?: number): Promise<void>;
  /** A step of the transaction, which opens its view when it is not there. */
  step(name: string, ms?: number): Promise<void>;
}

function noted(replayMs: number): Noted {
  const turns = createMirrorTurns(systemClock);
  const order: string[] = [];
  const view: PrivateView = {
    replayMs,
    park: async () => {
      order.push('park');
      await sleep(1);
      order.push('parked');
    },
  };
  return {
    turns,
    order,
    view,
    read: (name, ms = 1) =>
      turns.committed(async () => {
        expect(turns.shown).toBeUndefined();
        order.push(name);
        await sleep(ms);
      }),
    step: async (name, ms = 1) => {
      const leave = await turns.alone();
      order.push(turns.shown === view ? name : `${name} again`);
      turns.show(view);
      await sleep(ms);
      leave();
    },
  };
}

test('readers share; who wants to be alone waits for those before and goes before those after', async () => {
  const { order, read, step } = noted(0);
  await Promise.all([read('a', 20), read('b', 5), step('one'), read('c'), read('d')]);
  expect(order).toEqual(['a', 'b', 'one again', 'park', 'parked', 'c', 'd']);
});

test('a view that is not used is parked once, and made again by its next step', async () => {
  const { order, read, step } = noted(0);
  await step('one');
  await step('two');
  await read('a');
  await read('b');
  await step('three');
  expect(order).toEqual(['one again', 'two', 'park', 'parked', 'a', 'b', 'three again']);
});

test('a view just used lingers, so that its next step finds it', async () => {
  const { order, read, step } = noted(80);
  await step('one');
  const reading = read('a');
  await step('two');
  await step('three');
  await reading;
  expect(order).toEqual(['one again', 'two', 'three', 'park', 'parked', 'a']);
});

test('a reader does not wait for ever for a view that is always in use', async () => {
  const { order, read, step } = noted(10_000);
  await step('one');
  const reading = read('a');
  const start = performance.now();
  while (!order.includes('a')) {
    await step('more', 5);
    expect(performance.now() - start).toBeLessThan(5000);
  }
  await reading;
  expect(order.filter((what) => what === 'more').length).toBeGreaterThan(3);
  expect(order.filter((what) => what === 'park')).toHaveLength(1);
});

test('a wait that is given up leaves the others their turns', async () => {
  const { order, turns, read, step } = noted(0);
  const canceled = new AbortController();
  const long = read('a', 40);
  const waits = Promise.allSettled([
    turns.alone({ lockTimeoutMs: 5 }),
    turns.alone({ lockTimeoutMs: 0, signal: canceled.signal }),
  ]);
  const behind = read('b');
  canceled.abort(new Error('canceled'));
  expect(await waits).toMatchObject([
    { reason: { code: '55P03', message: 'canceling statement due to lock timeout' } },
    { reason: { message: 'canceled' } },
  ]);
  // Nobody is before it any more.
  await behind;
  expect(order).toEqual(['a', 'b']);
  await long;
  await step('one');
  await expect(
    turns.committed(() => Promise.resolve(), { lockTimeoutMs: 0, signal: canceled.signal }),
  ).rejects.toThrow('canceled');
});
