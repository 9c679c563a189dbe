import { mkdtemp, open, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { crc32c } from './check/crc32c.ts';
import { damageRecordName } from './check/folder.ts';
import { stopRecordName } from './check/stop-record.ts';
import { laterRecords, soundEnd } from './level-log.ts';
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

/** Closes the store and leaves its files as a crash would. */
async function crash(store: HotStore): Promise<void> {
  await store.close();
  await rm(join(folder, stopRecordName));
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
  await crash(store);
  const path = await lastLog();
  await truncate(path, (await readFile(path)).length - 10);
  const warnings: object[] = [];
  const again = await openLevelStore(folder, {
    log: { warn: (fields) => warnings.push(fields), error: () => undefined },
  });
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
  await crash(store);
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
  await crash(store);
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

test('so it is in the last block, of which LevelDB would leave out the rest', async () => {
  const store = await openLevelStore(folder);
  for (let n = 0; n < 20; n++) await put(store, n, 100, true);
  const path = await lastLog();
  const damaged = await readFile(path);
  await crash(store);
  // A length that leads past the file's end says nothing: it may be what is damaged.
  for (const [at, byte] of [
    [500, 0x20],
    [4, 0x40],
    [5, 0x70],
  ] as const) {
    const copy = Buffer.from(damaged);
    copy[at]! ^= byte;
    await writeFile(path, copy);
    await expect(openLevelStore(folder)).rejects.toMatchObject({ code: 'XX001' });
  }
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

test('after a clean stop the end of the log is no more allowed to be torn than the rest', async () => {
  const store = await openLevelStore(folder);
  for (let n = 0; n < 20; n++) await put(store, n, 100, n % 2 === 0);
  await store.close();
  const path = await lastLog();
  const whole = await readFile(path);
  for (const cut of [1, 100, whole.length]) {
    await writeFile(path, whole.subarray(0, whole.length - cut));
    await expect(openLevelStore(folder)).rejects.toMatchObject({
      code: 'XX001',
      message: `file "${path}" is corrupted: it has ${whole.length - cut} bytes instead of ${whole.length}`,
    });
  }
  await writeFile(path, whole);
  const again = await openLevelStore(folder);
  expect(await present(again, 20)).toHaveLength(20);
  await again.close();
});

test('a damaged table is never read, not even when LevelDB has compacted it away', async () => {
  let store = await openLevelStore(folder);
  for (let n = 0; n < 100; n++) await put(store, n, 200, false);
  await store.close();
  // What was in the log becomes a table at the next start.
  store = await openLevelStore(folder);
  await store.close();
  const name = (await readdir(folder)).find((file) => file.endsWith('.ldb'))!;
  const path = join(folder, name);
  const whole = await readFile(path);
  for (const at of [10, Math.floor(whole.length / 2), whole.length - 60]) {
    const bytes = Buffer.from(whole);
    bytes[at]! ^= 1;
    await writeFile(path, bytes);
    const errors: string[] = [];
    store = await openLevelStore(folder, {
      log: { warn: () => undefined, error: (_, message) => errors.push(message) },
    });
    const damaged = { code: 'XX001', message: expect.stringContaining(path) as string };
    await expect(store.get(key(5))).rejects.toMatchObject(damaged);
    expect(() => store.getSync(key(99))).toThrow(path);
    const cursor = store.scan({ from: key(98), to: key(200) });
    await expect(cursor.next(10)).rejects.toMatchObject(damaged);
    await cursor.close();
    // Keys that no damaged table can hold are not concerned.
    expect(await store.get(Buffer.from([0x03]))).toBeUndefined();
    await store.close();
    await expect(openLevelStore(folder)).rejects.toMatchObject(damaged);
    await rm(join(folder, damageRecordName));
    await writeFile(path, whole);
  }
  store = await openLevelStore(folder);
  expect(await present(store, 100)).toHaveLength(100);
  await store.close();
});

test('files of LevelDB that are missing are named, and nothing is begun anew', async () => {
  let store = await openLevelStore(folder);
  for (let n = 0; n < 100; n++) await put(store, n, 200, false);
  await store.close();
  store = await openLevelStore(folder);
  await put(store, 100, 200, true);
  await crash(store);
  const names = (await readdir(folder)).filter((name) =>
    /^CURRENT|^MANIFEST|\.(?:log|ldb)$/.test(name),
  );
  expect(names.length).toBe(4);
  for (const name of names) {
    const path = join(folder, name);
    const bytes = await readFile(path);
    await rm(path);
    await expect(openLevelStore(folder)).rejects.toMatchObject({
      code: 'XX001',
      message: expect.stringContaining(name) as string,
    });
    await writeFile(path, bytes);
  }
  store = await openLevelStore(folder);
  expect(await present(store, 101)).toHaveLength(101);
  await store.close();
});
