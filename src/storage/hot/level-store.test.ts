import { mkdtemp, open, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { crc32c, laterRecords, soundEnd } from './level-log.ts';
import { logName, logNumbers } from './level-rotation.ts';
import { openLevelStore } from './level-store.ts';
import type { HotStore } from './types.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pgtide-level-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const key = (n: number): Buffer => Buffer.from([0x04, n >> 8, n & 0xff]);

async function put(store: HotStore, n: number, bytes: number, sync: boolean): Promise<void> {
  const batch = store.batch();
  batch.put(key(n), Buffer.alloc(bytes, n & 0xff));
  await batch.write({ sync });
}

async function present(store: HotStore, count: number): Promise<number[]> {
  const found: number[] = [];
  for (let n = 0; n < count; n++) if ((await store.get(key(n))) !== undefined) found.push(n);
  return found;
}

async function lastLog(): Promise<string> {
  return join(folder, logName((await logNumbers(folder)).at(-1)!));
}

/** Overwrites bytes from `at` on by zeros: a page that never reached the disk. */
async function blank(path: string, at: number, bytes: number): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(Buffer.alloc(bytes), 0, bytes, at);
  await file.close();
}

test("CRC-32C is RFC 3720's", () => {
  expect(crc32c(Buffer.alloc(32), 0, 32)).toBe(0x8a9136aa);
  expect(crc32c(Buffer.from('123456789'), 0, 9)).toBe(0xe3069283);
});

test('every record of a log that LevelDB wrote is sound, whatever its size', async () => {
  const store = await openLevelStore(folder);
  // All distances to a block's end, the ones without room for a header included.
  for (let n = 0; n < 300; n++) await put(store, n, (n * 331) % 40_000, false);
  const log = await readFile(await lastLog());
  expect(log.length).toBeGreaterThan(1_000_000);
  expect(soundEnd(log)).toBe(log.length);
  expect([...laterRecords(log, 0)].length).toBeGreaterThan(100);
  await store.close();
});

test('a torn end is cut off, what is before it stays', async () => {
  const store = await openLevelStore(folder);
  for (let n = 0; n < 20; n++) await put(store, n, 5000, true);
  await store.close();
  const path = await lastLog();
  await truncate(path, (await readFile(path)).length - 10);
  const warnings: object[] = [];
  const again = await openLevelStore(folder, { log: { warn: (fields) => warnings.push(fields) } });
  expect(await present(again, 20)).toEqual(Array.from({ length: 19 }, (_, n) => n));
  expect(warnings).toHaveLength(1);
  await again.close();
});

test('of batches that were not synced a beginning is left, never a later one alone', async () => {
  const store = await openLevelStore(folder);
  for (let n = 0; n < 5; n++) await put(store, n, 5000, true);
  const path = await lastLog();
  const syncedBytes = (await readFile(path)).length;
  for (let n = 5; n < 60; n++) await put(store, n, 5000, false);
  await store.close();
  await blank(path, syncedBytes + 20_000, 4096);
  const again = await openLevelStore(folder);
  const found = await present(again, 60);
  expect(found.length).toBeGreaterThanOrEqual(5);
  expect(found.length).toBeLessThan(10);
  expect(found).toEqual(found.map((_, n) => n));
  await again.close();
});

test('damage before batches that were written after a sync is XX001, and names the file', async () => {
  const store = await openLevelStore(folder);
  for (let n = 0; n < 60; n++) await put(store, n, 5000, true);
  await store.close();
  const path = await lastLog();
  await blank(path, 20_000, 10);
  const before = await readFile(path);
  await expect(openLevelStore(folder)).rejects.toMatchObject({
    code: 'XX001',
    message: expect.stringContaining(path) as string,
  });
  // Nothing has been cut off.
  expect((await readFile(path)).equals(before)).toBe(true);
});

test('logs change when they are full, and only then', async () => {
  const store = await openLevelStore(folder, { logBytesMax: 100_000 });
  const seen = new Set<number>();
  for (let n = 0; n < 300; n++) {
    await put(store, n, 4000, n % 3 === 0);
    for (const number of await logNumbers(folder)) seen.add(number);
  }
  // Some 24 batches a log.
  expect(seen.size).toBeGreaterThan(10);
  expect(seen.size).toBeLessThan(15);
  await store.close();
  const again = await openLevelStore(folder);
  expect(await present(again, 300)).toHaveLength(300);
  await again.close();
});

test('LevelDB never changes its log by itself', async () => {
  const store = await openLevelStore(folder, { logBytesMax: Infinity });
  const [first] = await logNumbers(folder);
  // Three times what one log may hold.
  for (let n = 0; n < 96; n++) await put(store, n, 2 ** 20, false);
  expect(await logNumbers(folder)).toEqual([first]);
  await store.close();
});
