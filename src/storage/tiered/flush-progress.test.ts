import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Oid } from '../../types/oid.ts';
import { openMemoryStore } from '../hot/memory-store.ts';
import type { HotStore } from '../hot/types.ts';
import { Keyspace, tablePrefix } from '../keys/keyspace.ts';
import { prefixEnd } from '../keys/buffer.ts';
import { testTable } from '../testing.ts';
import { inTransaction, testFolder } from '../testing-folder.ts';
import { flushProgress } from './flush-progress.ts';

const prefix = tablePrefix(Keyspace.rows, 9);
const range = { from: prefix, to: prefixEnd(prefix) };

function keyOf(number: number): Buffer {
  const key = Buffer.alloc(prefix.length + 4);
  prefix.copy(key);
  key.writeUInt32BE(number, prefix.length);
  return key;
}

/** Keys in memory; `bytesBefore` says what lies on disk before one. */
async function storeOf(
  keys: readonly number[],
  bytesBefore: (key: Uint8Array) => number = () => 0,
): Promise<HotStore> {
  const store = openMemoryStore();
  const batch = store.batch();
  for (const key of keys) batch.put(keyOf(key), Buffer.from('value'));
  await batch.write({ sync: false });
  return {
    ...store,
    approximateBytes: async (from, to) => Math.max(0, bytesBefore(to) - bytesBefore(from)),
  };
}

/** What is told after each of these steps. */
async function told(
  store: HotStore,
  parts: Parameters<typeof flushProgress>[1],
  steps: readonly ((progress: ReturnType<typeof flushProgress>) => void)[],
): Promise<number[]> {
  let last = 0;
  const progress = flushProgress(store, parts, (fraction) => (last = fraction), 0);
  const fractions: number[] = [];
  for (const step of steps) {
    step(progress);
    for (let i = 0; i < 50; i++) await nextTurn();
    fractions.push(last);
  }
  return fractions;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

test('rows in memory count by where they lie', async () => {
  const store = await storeOf(numbers(1001).map((n) => 70_000 + n));
  const fractions = await told(
    store,
    [[range]],
    [
      (progress) => progress.read(0, 100, keyOf(70_100)),
      (progress) => progress.read(0, 500, keyOf(70_500)),
      (progress) => progress.written(0, 250),
      (progress) => progress.read(0, 1001, keyOf(71_000)),
      (progress) => progress.written(0, 1001),
    ],
  );
  const expected = [0.1 * 0.85, 0.5 * 0.85, 0.5 * (0.85 + 0.15 * 0.5), 0.85 + (0.15 * 250) / 1001];
  for (const [i, fraction] of expected.entries()) expect(fractions[i]).toBeCloseTo(fraction, 2);
  // Its end is for the flush itself to tell.
  expect(fractions[4]).toBe(0.99);
});

test('rows on disk count by their bytes', async () => {
  // 10 GB, nine tenths of them in a tenth of the keys.
  const gigabyte = 2 ** 30;
  const number = (key: Uint8Array): number =>
    key.length < prefix.length + 4 ? (key[4] === 9 ? 0 : 1000) : Buffer.from(key).readUInt32BE(5);
  const store = await storeOf(numbers(1001), (key) => {
    const n = Math.min(1000, number(key));
    return n <= 100 ? (n / 100) * 9 * gigabyte : (9 + (n - 100) / 900) * gigabyte;
  });
  const fractions = await told(
    store,
    [[range]],
    [
      (progress) => progress.read(0, 1, keyOf(50)),
      (progress) => progress.read(0, 1, keyOf(100)),
      (progress) => progress.read(0, 1, keyOf(550)),
    ],
  );
  for (const [i, fraction] of [0.45, 0.9, 0.95].entries())
    expect(fractions[i]).toBeCloseTo(fraction * 0.85, 1);
});

test('two parts together; many users; never back', async () => {
  const store = await storeOf(numbers(1001));
  const middle = keyOf(500);
  const halves = [[{ from: range.from, to: middle }], [{ from: middle, to: range.to }]];
  const ofHalves = await told(store, halves, [
    (progress) => progress.read(0, 250, keyOf(250)),
    (progress) => progress.read(1, 251, keyOf(750)),
    (progress) => progress.read(1, 251, keyOf(600)),
  ]);
  expect(ofHalves[0]).toBeCloseTo(0.25 * 0.85, 2);
  expect(ofHalves[1]).toBeCloseTo(0.5 * 0.85, 2);
  expect(ofHalves[2]).toBe(ofHalves[1]);
  const users = numbers(20).map((n) => ({ from: keyOf(n * 50), to: keyOf(n * 50 + 50) }));
  const ofUsers = await told(store, [users], [(progress) => progress.read(0, 1, keyOf(499))]);
  expect(ofUsers[0]).toBeCloseTo(0.5 * 0.85, 2);
});

test('nothing is told after the end', async () => {
  const store = await storeOf(numbers(10));
  const fractions = await told(
    store,
    [[range]],
    [
      (progress) => {
        progress.read(0, 5, keyOf(5));
        progress.end();
      },
      (progress) => progress.read(0, 6, keyOf(6)),
    ],
  );
  expect(fractions).toEqual([0, 0]);
});

test.each([
  ['here', 1_000_000],
  ['in threads', 0],
])('a flush %s tells what rises, and 1 last', async (_, flushInlineRows) => {
  const folder = testFolder();
  const columns = { id: Oid.int4, body: Oid.text };
  const table = testTable({ tableId: 9, columns, primaryKey: ['id'] });
  const storage = await folder.open({ flushInlineRows, flushPartedBytes: 0 });
  try {
    await inTransaction(storage, (transaction) =>
      transaction.insertMany(
        table,
        '',
        numbers(60_000).map((id) => [id, `note ${id}`]),
      ),
    );
    const fractions: number[] = [];
    await storage.flush(table, { onProgress: (fraction) => fractions.push(fraction) });
    expect(fractions.at(-1)).toBe(1);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.slice(0, -1).every((fraction) => fraction > 0 && fraction < 1)).toBe(true);
  } finally {
    await storage.close();
    folder.remove();
  }
});
