import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Oid } from '../../types/oid.ts';
import type { HotStore } from '../hot/types.ts';
import { prefixEnd } from '../keys/buffer.ts';
import { Keyspace, tablePrefix } from '../keys/keyspace.ts';
import { tableRuntime } from '../keys/table-runtime.ts';
import { testTable } from '../testing.ts';
import type { TestFolder } from '../testing-folder.ts';
import { allRows, inTransaction, testFolder } from '../testing-folder.ts';
import type { Storage, StoredTable } from '../types.ts';
import type { FlushedScope } from './flush-files.ts';
import { flushParts, together } from './flush-parts.ts';

const columns = { id: Oid.int4, body: Oid.text };
const shared = testTable({ tableId: 4, columns, primaryKey: ['id'] });
const ofUsers = testTable({ tableId: 5, kind: 'user', columns, primaryKey: ['id'] });
const users = ['ann', 'bob', 'cid', 'dan'];
const rows = 6000;

let folder: TestFolder;
let hot: HotStore;
/** The step at which the next flush fails, once. */
let fail: string | undefined;
beforeEach(() => {
  folder = testFolder();
});
afterEach(() => folder.remove());

async function filled(table: StoredTable): Promise<Storage> {
  const storage = await folder.open({
    flushInlineRows: 0,
    flushPartedBytes: 1,
    wrapStore: (store) => (hot = store),
    faults(step) {
      if (step !== fail) return;
      fail = undefined;
      throw new Error('injected');
    },
  });
  await inTransaction(storage, async (transaction) => {
    const own = table.kind === 'user' ? users : [''];
    for (const user of own) {
      const many = Array.from({ length: rows / own.length }, (_, i) => [i, `${user} ${i}`]);
      await transaction.insertMany(table, user, many);
    }
  });
  // Sizes are known of tables on disk alone.
  const from = tablePrefix(Keyspace.rows, table.tableId);
  await hot.compactRange(from, prefixEnd(from));
  return storage;
}

async function contents(storage: Storage, table: StoredTable): Promise<string[]> {
  const reading = storage.begin();
  const found = await allRows(reading, table, { scope: { kind: 'all' } });
  await reading.rollback();
  return found.map((row) => `${row.userId} ${JSON.stringify(row.values)}`).toSorted();
}

test('a shared table is cut in the middle, and listed whole', async () => {
  const storage = await filled(shared);
  const before = await contents(storage, shared);
  const result = await storage.flush(shared, {});
  expect(result).toMatchObject({ rows, files: 2 });
  const [small, large] = (await storage.files(4))
    .map((file) => file.rows)
    .toSorted((a, b) => a - b);
  expect(small! + large!).toBe(rows);
  expect(small!).toBeGreaterThan(rows / 5);
  await storage.idle();
  expect(await contents(storage, shared)).toEqual(before);
  expect(await storage.stats(shared)).toMatchObject({ hotRows: 0, coldRows: rows });
  await storage.close();
});

test('a user table is cut between users', async () => {
  const storage = await filled(ofUsers);
  const before = await contents(storage, ofUsers);
  expect(await storage.flush(ofUsers, {})).toMatchObject({ rows, files: users.length, users: 4 });
  await storage.idle();
  expect(await contents(storage, ofUsers)).toEqual(before);
  await storage.close();
});

test('what two threads were asked for can be broken off, and done again', async () => {
  const storage = await filled(shared);
  const abort = new AbortController();
  abort.abort();
  await expect(storage.flush(shared, { signal: abort.signal })).rejects.toMatchObject({
    code: '57014',
  });
  expect(await storage.files(4)).toEqual([]);
  expect(await contents(storage, shared)).toHaveLength(rows);
  expect(await storage.flush(shared, {})).toMatchObject({ rows, files: 2 });
  await storage.close();
});

describe('parts', () => {
  const runtime = tableRuntime(shared);
  const all = { from: runtime.rowsPrefix, to: prefixEnd(runtime.rowsPrefix) };
  /** All of it before the key that ends with `at`. */
  const lump = (at: Buffer): Pick<HotStore, 'approximateBytes' | 'scan'> => ({
    approximateBytes: async (_, to) => (Buffer.compare(to, at) > 0 ? 1000 : 0),
    scan: () => {
      throw new Error('nothing is read of a shared table');
    },
  });

  test('are not made of what is small, or in one place', async () => {
    const at = Buffer.concat([all.from, Buffer.from([0, 1, 7])]);
    expect(await flushParts(lump(at), runtime, [all], 2000)).toEqual([[all]]);
    expect(await flushParts(lump(at), runtime, [all], 1)).toEqual([[all]]);
  });

  test('of users that were asked for are halves of them', async () => {
    const at = all.from;
    const ranges = users.map((user) => {
      const from = tableRuntime(ofUsers).scopeRows(user);
      return { from, to: prefixEnd(from) };
    });
    expect(await flushParts(lump(at), tableRuntime(ofUsers), ranges, 1)).toEqual([
      ranges.slice(0, 2),
      ranges.slice(2),
    ]);
  });
});

describe('together', () => {
  const scope = (userId: string, seq: number): FlushedScope => ({
    userId,
    files: [],
    pinned: [{ key: Buffer.from('k'), seq }],
  });
  async function* giving(...scopes: (FlushedScope | Error)[]): AsyncGenerator<FlushedScope> {
    for (const one of scopes) {
      await Promise.resolve();
      if (one instanceof Error) throw one;
      yield one;
    }
  }

  test('a cut scope comes once, with what all parts have', async () => {
    const made = [];
    for await (const one of together([giving(scope('', 1)), giving(scope('', 2))], true, () => {}))
      made.push(one);
    expect(made).toHaveLength(1);
    expect(made[0]!.pinned.map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test('one part’s failure ends the others, and nothing of a cut scope is told', async () => {
    let aborted = 0;
    const made: FlushedScope[] = [];
    const failing = (async () => {
      const parts = [giving(scope('', 1)), giving(new Error('full'))];
      for await (const one of together(parts, true, () => void aborted++)) made.push(one);
    })();
    await expect(failing).rejects.toThrow('full');
    expect(made).toEqual([]);
    expect(aborted).toBeGreaterThan(0);
  });
});

test('a flush that fails leaves no file, and is done again', async () => {
  const storage = await filled(shared);
  const listed = async (): Promise<string[]> =>
    (await readdir(`${folder.dataDir}/cold`, { recursive: true })).toSorted();
  fail = 'flush: before commit';
  await expect(storage.flush(shared, {})).rejects.toThrow('injected');
  expect(await listed()).toEqual([]);
  expect(await storage.flush(shared, {})).toMatchObject({ rows, files: 2 });
  expect(await listed()).toHaveLength(4);
  await storage.close();
});
