import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLevelStore } from '../../src/storage/hot/level-store.ts';
import { openMemoryStore } from '../../src/storage/hot/memory-store.ts';
import type { HotRange, HotStore } from '../../src/storage/hot/types.ts';
import { PreconditionFailed } from '../../src/storage/hot/types.ts';

/** What every hot store must do. A new implementation is added to this list, not given tests of its own. */
const implementations = {
  LevelDB: (folder: string) => openLevelStore(join(folder, 'hot')),
  memory: async () => openMemoryStore(),
} as const;

const key = (...bytes: number[]): Buffer => Buffer.from(bytes);
const value = (text: string): Buffer => Buffer.from(text);

async function put(store: HotStore, ...entries: [Buffer, string | undefined][]): Promise<void> {
  const batch = store.batch();
  for (const [at, text] of entries) {
    if (text === undefined) batch.delete(at);
    else batch.put(at, value(text));
  }
  await batch.write({ sync: false });
}

async function read(store: HotStore, range: Partial<HotRange> = {}, step = 2): Promise<string[]> {
  const cursor = store.scan({ from: key(0), to: key(0xff, 0xff), ...range });
  const out: string[] = [];
  try {
    for (;;) {
      const entries = await cursor.next(step);
      if (entries.length === 0) return out;
      for (const [at, text] of entries) out.push(`${at.toString('hex')}=${text.toString()}`);
    }
  } finally {
    await cursor.close();
  }
}

describe.each(Object.entries(implementations))('hot store: %s', (_, open) => {
  let folder: string;
  let store: HotStore;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pgtide-hot-'));
    store = await open(folder);
  });
  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('gets what was put, at once and later', async () => {
    await put(store, [key(1), 'one'], [key(2), '']);
    expect(store.getSync(key(1))?.toString()).toBe('one');
    expect((await store.get(key(2)))?.length).toBe(0);
    expect(store.getSync(key(3))).toBeUndefined();
    expect(await store.get(key(3))).toBeUndefined();
  });

  test('orders keys as unsigned bytes, a prefix first', async () => {
    await put(store, [key(0x80), 'c'], [key(0x7f, 0xff), 'b'], [key(0x7f), 'a'], [key(0xff), 'd']);
    expect(await read(store)).toEqual(['7f=a', '7fff=b', '80=c', 'ff=d']);
    expect(await read(store, { reverse: true })).toEqual(['ff=d', '80=c', '7fff=b', '7f=a']);
  });

  test('ranges include their start and not their end; limits hold in both directions', async () => {
    await put(store, [key(1), 'a'], [key(2), 'b'], [key(3), 'c'], [key(4), 'd']);
    expect(await read(store, { from: key(2), to: key(4) })).toEqual(['02=b', '03=c']);
    expect(await read(store, { from: key(2), to: key(4), reverse: true })).toEqual([
      '03=c',
      '02=b',
    ]);
    expect(await read(store, { limit: 3 })).toEqual(['01=a', '02=b', '03=c']);
    expect(await read(store, { limit: 1, reverse: true })).toEqual(['04=d']);
    expect(await read(store, { from: key(3), to: key(2) })).toEqual([]);
    expect(await read(store, { values: false, limit: 1 })).toEqual(['01=']);
  });

  test('seeks within the range', async () => {
    await put(store, [key(1), 'a'], [key(3), 'b'], [key(5), 'c']);
    const cursor = store.scan({ from: key(0), to: key(9) });
    expect((await cursor.next(1))[0]?.[0]).toEqual(key(1));
    cursor.seek(key(4));
    expect((await cursor.next(1))[0]?.[0]).toEqual(key(5));
    expect(await cursor.next(1)).toEqual([]);
    await cursor.close();
  });

  test('the last operation on a key in a batch counts', async () => {
    await put(store, [key(1), 'a'], [key(1), undefined], [key(2), undefined], [key(2), 'b']);
    expect(await read(store)).toEqual(['02=b']);
  });

  test('snapshots and cursors stay as they were', async () => {
    await put(store, [key(1), 'old'], [key(2), 'gone']);
    const snapshot = store.snapshot();
    const cursor = store.scan({ from: key(0), to: key(9) });
    await put(store, [key(1), 'new'], [key(2), undefined], [key(3), 'more']);
    expect(store.getSync(key(1), snapshot)?.toString()).toBe('old');
    expect((await store.get(key(2), snapshot))?.toString()).toBe('gone');
    expect(store.getSync(key(3), snapshot)).toBeUndefined();
    expect(await read(store, { snapshot })).toEqual(['01=old', '02=gone']);
    expect((await cursor.next(9)).map(([, text]) => text.toString())).toEqual(['old', 'gone']);
    await cursor.close();
    snapshot.release();
    expect(await read(store)).toEqual(['01=new', '03=more']);
  });

  test('a batch whose precondition does not hold changes nothing', async () => {
    await put(store, [key(1), 'lease of a']);
    const stale = store.batch();
    stale.require(key(1), value('lease of b'));
    stale.put(key(2), value('x'));
    await expect(stale.write({ sync: true })).rejects.toThrow(PreconditionFailed);
    const absent = store.batch();
    absent.require(key(1), undefined);
    absent.put(key(2), value('x'));
    await expect(absent.write({ sync: true })).rejects.toThrow(PreconditionFailed);
    const good = store.batch();
    good.require(key(1), value('lease of a'));
    good.require(key(9), undefined);
    good.put(key(2), value('y'));
    await good.write({ sync: true });
    expect(await read(store)).toEqual(['01=lease of a', '02=y']);
  });

  test('preconditions see batches handed in before', async () => {
    const first = store.batch();
    first.put(key(1), value('a'));
    const second = store.batch();
    second.require(key(1), undefined);
    second.put(key(1), value('b'));
    const results = await Promise.allSettled([
      first.write({ sync: false }),
      second.write({ sync: false }),
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected']);
  });

  test('compacting a range leaves what there is, beside batches', async () => {
    for (let n = 0; n < 50; n++) await put(store, [Buffer.from([1, n]), `value ${n}`]);
    await put(
      store,
      ...Array.from(
        { length: 40 },
        (_, n) => [Buffer.from([1, n]), undefined] as [Buffer, undefined],
      ),
    );
    const snapshot = store.snapshot();
    const compacting = store.compactRange(Buffer.from([1]), Buffer.from([2]));
    await put(store, [Buffer.from([1, 3]), 'meanwhile']);
    await compacting;
    expect((await read(store)).length).toBe(11);
    expect(store.getSync(Buffer.from([1, 3]), snapshot)).toBeUndefined();
    snapshot.release();
  });

  test('compacting a range whose bounds are keys leaves them', async () => {
    await put(store, [key(1), 'a'], [key(2), 'b'], [key(3), 'c'], [key(4), 'd']);
    await store.compactRange(key(2), key(4));
    expect(await read(store)).toEqual(['01=a', '02=b', '03=c', '04=d']);
  });

  test('watchers hear of each batch in order until they leave', async () => {
    const heard: string[][] = [];
    const leave = store.watch((keys) =>
      heard.push(keys.map((k) => Buffer.from(k).toString('hex'))),
    );
    await put(store, [key(1), 'a'], [key(2), undefined]);
    await put(store, [key(3), 'b']);
    leave();
    await put(store, [key(4), 'c']);
    expect(heard).toEqual([['01', '02'], ['03']]);
  });
});

test('a LevelDB folder that is open already is refused by name', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pgtide-hot-'));
  const store = await openLevelStore(folder);
  try {
    // By another process: threads of this one share it.
    const module = new URL('../../src/storage/hot/level-store.ts', import.meta.url).href;
    const script = `
      const { openLevelStore } = await import(${JSON.stringify(module)});
      await openLevelStore(${JSON.stringify(folder)}).catch((error) => console.log(error.code, error.message));`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    expect(stdout).toBe(`55006 data folder "${folder}" is in use by another process\n`);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
