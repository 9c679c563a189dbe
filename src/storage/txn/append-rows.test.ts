import { afterEach, beforeEach, expect, test } from 'vitest';
import { Oid } from '../../types/oid.ts';
import type { Row } from '../../types/value.ts';
import { testTable } from '../testing.ts';
import type { TestFolder } from '../testing-folder.ts';
import { allRows, inTransaction, testFolder } from '../testing-folder.ts';
import type { Storage, StoredTable } from '../types.ts';
import { sharedScope } from '../types.ts';
import { runSpillBytes } from './bulk.ts';

const columns = { id: Oid.int4, name: Oid.text };
const table = testTable({ tableId: 9, columns, primaryKey: ['id'] });
const keyless = testTable({ tableId: 10, columns });
const userTable = testTable({ tableId: 11, kind: 'user', columns, primaryKey: ['id'] });

let folder: TestFolder;
let storage: Storage;
beforeEach(async () => {
  folder = testFolder();
  storage = await folder.open();
});
afterEach(async () => {
  await storage.close();
  folder.remove();
});

/** Whether a promise has been settled by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  const moment = new Promise((resolve) => setTimeout(resolve, 20, 'waits'));
  return (await Promise.race([promise.catch(() => 'failed'), moment])) !== 'waits';
}

/** Rows `from` to `to` (exclusive). */
function rowsOf(from: number, to: number, name = 'row'): Row[] {
  return Array.from({ length: to - from }, (_, i) => [from + i, `${name} ${from + i}`]);
}

async function names(of: StoredTable = table): Promise<unknown[]> {
  const reading = storage.begin();
  const rows = await allRows(reading, of, { scope: sharedScope });
  await reading.rollback();
  return rows.map((row) => row.values[1]);
}

/** Enough rows of 1 KB to be spilled at least twice. */
const longName = 'x'.repeat(1000);
const manyRows = Math.ceil((2.5 * runSpillBytes) / 1000);

test('appended rows are seen by their own transaction, changed and deleted there, and kept', async () => {
  const t = storage.begin();
  expect(await t.insertMany(table, '', rowsOf(0, 300))).toBeUndefined();
  expect(t.hasWrites).toBe(true);
  const found = await t.get(table, '', [150]);
  expect(found?.values).toEqual([150, 'row 150']);
  await t.update(table, found!, [150, 'changed']);
  expect(await t.insertMany(table, '', rowsOf(300, 600))).toBeUndefined();
  await t.delete(table, (await t.get(table, '', [599]))!, 'hard');
  t.newStatement();
  expect((await allRows(t, table, { scope: sharedScope })).length).toBe(599);
  expect(await t.insertMany(table, '', rowsOf(600, 700))).toBeUndefined();
  await t.commit({ sync: true });
  const all = rowsOf(0, 700).map((row) => (row[0] === 150 ? 'changed' : row[1]));
  expect(await names()).toEqual(all.filter((name) => name !== 'row 599'));
});

test('a key that is not new ends the run; its conflict names the row', async () => {
  await inTransaction(storage, async (t) => void (await t.insertMany(table, '', rowsOf(0, 100))));
  const t = storage.begin();
  const rows = [...rowsOf(100, 200), [150, 'again'], ...rowsOf(201, 300)];
  expect(await t.insertMany(table, '', rows)).toMatchObject({
    at: 100,
    conflict: { index: null, existing: { values: [150, 'row 150'] } },
  });
  await t.rollback();
  const other = storage.begin();
  expect(await other.insertMany(table, '', rowsOf(99, 200))).toMatchObject({ at: 0 });
  await other.rollback();
  expect((await names()).length).toBe(100);
});

test('falling keys and rows without a key are stored all the same', async () => {
  await inTransaction(storage, async (t) => {
    await t.insertMany(table, '', rowsOf(0, 200).toReversed());
    await t.insertMany(table, '', rowsOf(200, 400));
    await t.insertMany(keyless, '', rowsOf(0, 500));
    await t.insertMany(userTable, 'ann', rowsOf(0, 100));
    await t.insertMany(userTable, 'bob', rowsOf(0, 100));
  });
  expect(await names()).toEqual(rowsOf(0, 400).map((row) => row[1]));
  expect(await names(keyless)).toEqual(rowsOf(0, 500).map((row) => row[1]));
  const reading = storage.begin();
  for (const user of ['ann', 'bob'])
    expect((await reading.get(userTable, user, [99]))?.values).toEqual([99, 'row 99']);
  await reading.rollback();
});

test('of two that append the same keys, the second waits for the first', async () => {
  const [first, second] = [storage.begin(), storage.begin()];
  await first.insertMany(table, '', rowsOf(0, 100, 'first'));
  const waiting = second.insertMany(table, '', rowsOf(50, 200, 'second'));
  expect(await settled(waiting)).toBe(false);
  await first.commit({ sync: true });
  expect(await waiting).toMatchObject({
    at: 0,
    conflict: { existing: { values: [50, 'first 50'] } },
  });
  await second.rollback();
  expect(await names()).toEqual(rowsOf(0, 100, 'first').map((row) => row[1]));
});

test('what another transaction has spilled is waited for, and free again if it rolls back', async () => {
  const [first, second] = [storage.begin(), storage.begin()];
  await first.insertMany(table, '', rowsOf(0, manyRows, longName));
  const waiting = second.insertMany(table, '', rowsOf(0, 100, 'second'));
  const single = storage.begin();
  const lone = single.insert(table, '', [manyRows - 1, 'lone']);
  expect([await settled(waiting), await settled(lone)]).toEqual([false, false]);
  await first.rollback();
  expect(await waiting).toBeUndefined();
  expect(await lone).toMatchObject({ row: { values: [manyRows - 1, 'lone'] } });
  await second.commit({ sync: true });
  await single.commit({ sync: true });
  expect((await names()).length).toBe(101);
});

test('disjoint keys are appended side by side', async () => {
  const [first, second] = [storage.begin(), storage.begin()];
  expect(await first.insertMany(table, '', rowsOf(0, 100))).toBeUndefined();
  expect(await second.insertMany(table, '', rowsOf(100, 200))).toBeUndefined();
  await second.commit({ sync: true });
  await first.commit({ sync: true });
  expect((await names()).length).toBe(200);
});

test('a roll-back to a savepoint removes what was appended and spilled since, no more', async () => {
  const t = storage.begin();
  await t.insertMany(table, '', rowsOf(0, 100, 'kept'));
  const savepoint = t.savepoint();
  await t.insertMany(table, '', rowsOf(100, manyRows, longName));
  await t.update(table, (await t.get(table, '', [5]))!, [5, 'changed']);
  await t.rollbackTo(savepoint);
  t.newStatement();
  expect((await allRows(t, table, { scope: sharedScope })).map((row) => row.values[1])).toEqual(
    rowsOf(0, 100, 'kept').map((row) => row[1]),
  );
  await t.insertMany(table, '', rowsOf(100, 200, 'later'));
  await t.commit({ sync: true });
  expect((await names()).length).toBe(200);
});

test('a key that the same transaction has spilled is a conflict', async () => {
  const t = storage.begin();
  await t.insertMany(table, '', rowsOf(0, manyRows, longName));
  expect(await t.insertMany(table, '', rowsOf(1, 100))).toMatchObject({
    at: 0,
    conflict: { existing: { values: [1, `${longName} 1`] } },
  });
  await t.rollback();
  expect(await names()).toEqual([]);
});
