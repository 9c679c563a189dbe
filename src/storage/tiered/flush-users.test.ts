import { afterEach, beforeEach, expect, test } from 'vitest';
import { Oid } from '../../types/oid.ts';
import type { HotStore } from '../hot/types.ts';
import { Keyspace, scopePrefix, tablePrefix } from '../keys/keyspace.ts';
import { testTable } from '../testing.ts';
import type { TestFolder } from '../testing-folder.ts';
import { allRows, inTransaction, testFolder } from '../testing-folder.ts';
import type { Storage } from '../types.ts';

const table = testTable({
  tableId: 7,
  kind: 'user',
  columns: { id: Oid.int4, body: Oid.text },
  primaryKey: ['id'],
});
const users = ['ann', 'bob', 'cid'];

let folder: TestFolder;
beforeEach(() => {
  folder = testFolder();
});
afterEach(() => folder.remove());

async function fill(storage: Storage): Promise<void> {
  await inTransaction(storage, async (transaction) => {
    for (const user of users)
      await transaction.insertMany(
        table,
        user,
        Array.from({ length: 20 }, (_, i) => [i, `${user} ${i}`]),
      );
  });
}

async function contents(storage: Storage): Promise<string[]> {
  const reading = storage.begin();
  const rows = await allRows(reading, table, { scope: { kind: 'all' } });
  await reading.rollback();
  return rows.map((row) => `${row.userId} ${JSON.stringify(row.values)}`).sort();
}

test('moves those users alone, and reads nothing of the others', async () => {
  const read: string[] = [];
  const rowsPrefix = tablePrefix(Keyspace.rows, table.tableId);
  const wrapStore = (store: HotStore): HotStore => ({
    ...store,
    scan(range) {
      if (rowsPrefix.equals(range.from.subarray(0, rowsPrefix.length)))
        read.push(Buffer.from(range.from).toString('hex'));
      return store.scan(range);
    },
  });
  const storage = await folder.open({ wrapStore });
  await fill(storage);
  const before = await contents(storage);
  read.length = 0;
  const result = await storage.flush(table, { userIds: ['cid', 'ann', 'nobody', 'ann'] });
  await storage.idle();
  expect(result).toMatchObject({ rows: 40, files: 2, users: 2 });
  const allowed = ['ann', 'cid', 'nobody'].map((user) =>
    scopePrefix(Keyspace.rows, table.tableId, user).toString('hex'),
  );
  expect(new Set(read)).toEqual(new Set(allowed));
  expect(await contents(storage)).toEqual(before);
  expect((await storage.files(table.tableId)).map((file) => file.userId).sort()).toEqual([
    'ann',
    'cid',
  ]);
  expect(await storage.stats(table)).toMatchObject({ hotRows: 20, coldRows: 40 });
  await storage.close();
});

test('what others write meanwhile leaves no mark; what those users write supersedes what is moved', async () => {
  let once = true;
  const storage: Storage = await folder.open({
    async faults(at) {
      if (at !== 'flush: before commit' || !once) return;
      once = false;
      await inTransaction(storage, async (transaction) => {
        for (const userId of ['ann', 'bob']) {
          const [first] = await allRows(transaction, table, {
            scope: { kind: 'one', userId },
            order: 'asc',
          });
          await transaction.update(table, first!, [0, 'changed']);
        }
      });
    },
  });
  await fill(storage);
  await storage.flush(table, { userIds: ['ann'] });
  await storage.idle();
  const rows = await contents(storage);
  expect(rows).toHaveLength(60);
  expect(rows.filter((row) => row.includes('changed'))).toEqual([
    'ann [0,"changed"]',
    'bob [0,"changed"]',
  ]);
  const reading = storage.begin();
  const cold = async (userId: string): Promise<number> =>
    (await storage.coldScan(reading, table, { scope: { kind: 'one', userId } })).superseded.length;
  expect(await cold('ann')).toBe(1);
  expect(await cold('bob')).toBe(0);
  await reading.rollback();
  await storage.close();
});

test.each([
  { crashAt: 'flush: removing', flushes: [['ann'], ['bob']] },
  { crashAt: 'flush: committed', flushes: [['ann']] },
])('moved keys that were not removed go after the next start ($crashAt)', async (given) => {
  let storage = await folder.open({
    faults(at) {
      if (at === given.crashAt) throw new Error(`crash at ${at}`);
    },
  });
  await fill(storage);
  const before = await contents(storage);
  for (const userIds of given.flushes)
    await storage.flush(table, { userIds }).catch(() => undefined);
  await storage.idle();
  await storage.close();

  let entries = 0;
  storage = await folder.open({
    wrapStore(store) {
      const prefix = tablePrefix(Keyspace.rows, table.tableId);
      const count = async (): Promise<void> => {
        const cursor = store.scan({ from: prefix, to: Buffer.from([5]) });
        entries = (await cursor.next(1000)).length;
        await cursor.close();
      };
      return { ...store, close: () => count().then(() => store.close()) };
    },
  });
  await storage.idle();
  expect(await contents(storage)).toEqual(before);
  await storage.close();
  expect(entries).toBe(60 - 20 * given.flushes.length);
});
