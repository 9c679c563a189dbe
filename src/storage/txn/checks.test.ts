/** What checks between tables are built on: many rows at once, the newest state, reads that are not judged. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Oid } from '../../types/oid.ts';
import { testTable } from '../testing.ts';
import type { TestFolder } from '../testing-folder.ts';
import { inTransaction, testFolder } from '../testing-folder.ts';
import type { Storage, StorageTransaction } from '../types.ts';

const table = testTable({
  tableId: 9,
  columns: { id: Oid.int4, name: Oid.text },
  primaryKey: ['id'],
});

let folder: TestFolder;
let storage: Storage;
beforeEach(async () => {
  folder = testFolder();
  storage = await folder.open();
  const rows = Array.from({ length: 40 }, (_, i) => [i, `n${i}`]);
  await inTransaction(storage, (t) => t.insertMany(table, '', rows));
  // 0 to 39 are cold; 1 has a newer version, 2 is gone, 3 is deleted softly, 50 is hot.
  await storage.flush(table, {});
  await inTransaction(storage, async (t) => {
    const [one, two, three] = await t.getMany(table, '', [[1], [2], [3]]);
    await t.update(table, one!, [1, 'newer']);
    await t.delete(table, two!, 'hard');
    await t.delete(table, three!, 'soft');
    await t.insert(table, '', [50, 'hot']);
  });
});
afterEach(async () => {
  await storage.close();
  folder.remove();
});

async function settled(promise: Promise<unknown>): Promise<boolean> {
  const moment = new Promise((resolve) => setTimeout(resolve, 20, 'waits'));
  return (await Promise.race([promise.catch(() => 'failed'), moment])) !== 'waits';
}

async function stopped(): Promise<never> {
  await Promise.resolve();
  throw new Error('stopped');
}

const names = async (t: StorageTransaction, ids: readonly number[]): Promise<unknown[]> => {
  const keys = ids.map((id) => [id]);
  return (await t.getMany(table, '', keys)).map((row) => row?.values[1]);
};

test('many rows by key, from both tiers and the overlay', async () => {
  const reading = storage.begin();
  await reading.insert(table, '', [60, 'own']);
  expect(await names(reading, [50, 5, 1, 2, 3, 60, 99, 5])).toEqual([
    'hot',
    'n5',
    'newer',
    undefined,
    undefined,
    'own',
    undefined,
    'n5',
  ]);
  await reading.rollback();
});

test('rows that are locked come in their current version', async () => {
  const first = storage.begin();
  const read = await first.getMany(table, '', [[1], [5], [6], [7], [50]]);
  const rows = read.map((row) => row!);
  // Since they were read: 5 is changed, 6 gone, 7 changed and flushed.
  await inTransaction(storage, async (t) => {
    const [five, six, seven] = await t.getMany(table, '', [[5], [6], [7]]);
    await t.update(table, five!, [5, 'changed']);
    await t.delete(table, six!, 'hard');
    await t.update(table, seven!, [7, 'flushed']);
  });
  await storage.flush(table, {});
  const { rows: now, waited } = await first.lockRows(table, rows, 'keyShare');
  expect(now.map((row) => row?.values[1])).toEqual([
    'newer',
    'changed',
    undefined,
    'flushed',
    'hot',
  ]);
  expect(waited).toBe(false);

  const second = storage.begin();
  const [one] = await second.getMany(table, '', [[1]]);
  const waiting = second.lockRows(table, [one!], 'update');
  expect(await settled(waiting)).toBe(false);
  await first.rollback();
  expect((await waiting).waited).toBe(true);
  await second.rollback();
});

test('the newest state, whatever the snapshot shows', async () => {
  const transaction = storage.begin({ isolation: 'repeatable read' });
  transaction.newStatement();
  expect(await names(transaction, [70])).toEqual([undefined]);
  await inTransaction(storage, (t) => t.insert(table, '', [70, 'late']));
  await transaction.insert(table, '', [71, 'own']);
  expect(await names(transaction, [70, 71])).toEqual([undefined, 'own']);
  const newest = await transaction.newest(() => transaction.getMany(table, '', [[70], [71]]));
  expect(newest.map((row) => row?.values[1])).toEqual(['late', 'own']);
  expect(transaction.sees(newest[0]!)).toBe(false);
  expect(transaction.sees(newest[1]!)).toBe(true);
  await expect(transaction.newest(() => Promise.reject(new Error('stopped')))).rejects.toThrow(
    'stopped',
  );
  expect(await names(transaction, [70])).toEqual([undefined]);
  await transaction.rollback();
});

test('a serializable transaction is not judged by the reads of checks', async () => {
  const run = async (read: (t: StorageTransaction) => Promise<unknown>): Promise<void> => {
    const transaction = storage.begin({ isolation: 'serializable' });
    transaction.newStatement();
    await read(transaction);
    const other = (await transaction.getMany(table, '', [[20]]))[0]!;
    await inTransaction(storage, async (t) => {
      const [ten] = await t.getMany(table, '', [[10]]);
      await t.update(table, ten!, [10, 'changed']);
    });
    await transaction.update(table, other, [20, 'written']);
    await transaction.commit({ sync: false });
  };
  const read = (t: StorageTransaction): Promise<unknown> => t.getMany(table, '', [[10]]);
  await expect(run(read)).rejects.toMatchObject({ code: '40001' });
  await run((t) => t.unjudged(() => read(t)));
  const failing = (t: StorageTransaction): Promise<unknown> =>
    t.unjudged(() => stopped()).catch(() => read(t));
  await expect(run(failing)).rejects.toMatchObject({ code: '40001' });
});
