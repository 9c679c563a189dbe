import { afterEach, beforeEach, expect, test } from 'vitest';
import { Oid } from '../../types/oid.ts';
import { openLevelStore } from '../hot/level-store.ts';
import { Keyspace, tablePrefix } from '../keys/keyspace.ts';
import { testTable } from '../testing.ts';
import type { TestFolder } from '../testing-folder.ts';
import { allRows, inTransaction, testFolder } from '../testing-folder.ts';
import type { Storage } from '../types.ts';

const table = testTable({
  tableId: 9,
  name: 'notes',
  columns: { id: Oid.int4, body: Oid.text },
  primaryKey: ['id'],
});
const rows = 3000;

let folder: TestFolder;
beforeEach(() => {
  folder = testFolder();
});
afterEach(() => folder.remove());

async function fill(storage: Storage): Promise<void> {
  await inTransaction(storage, (transaction) =>
    transaction.insertMany(
      table,
      '',
      Array.from({ length: rows }, (_, i) => [i, `note ${i}`]),
    ),
  );
}

async function count(storage: Storage): Promise<number> {
  const reading = storage.begin();
  const found = await allRows(reading, table, { scope: { kind: 'one', userId: '' } });
  await reading.rollback();
  return found.length;
}

test('can be broken off, and done again by the same thread', async () => {
  const abort = new AbortController();
  const storage = await folder.open({
    flushInlineRows: 0,
    faults(step) {
      if (step === 'flush: folder made') abort.abort();
    },
  });
  await fill(storage);
  abort.abort();
  await expect(storage.flush(table, { signal: abort.signal })).rejects.toMatchObject({
    code: '57014',
  });
  expect(await count(storage)).toBe(rows);
  expect(await storage.flush(table, {})).toMatchObject({ rows, files: 1 });
  expect(await count(storage)).toBe(rows);
  await storage.close();
});

test('what has changed since the watermark is passed over', async () => {
  const change = async (storage: Storage): Promise<void> =>
    await inTransaction(storage, async (transaction) => {
      const [first, second] = await allRows(transaction, table, {
        scope: { kind: 'one', userId: '' },
        order: 'asc',
        limit: 2,
      });
      await transaction.update(table, first!, [0, 'changed']);
      await transaction.delete(table, second!, 'hard');
      await transaction.insert(table, '', [rows, 'new']);
    });
  const storage: Storage = await folder.open({
    flushInlineRows: 0,
    wrapStore: (store) => ({
      ...store,
      // Asked for between the watermark and the thread's own reading.
      shared: { ...store.shared!, requireRange: () => change(storage) },
    }),
  });
  await fill(storage);
  const early = storage.begin({ isolation: 'repeatable read' });
  early.newStatement();
  expect((await early.get(table, '', [1]))?.values).toEqual([1, 'note 1']);

  expect(await storage.flush(table, {})).toMatchObject({ rows: rows - 2 });
  await storage.idle();
  expect(await storage.stats(table)).toMatchObject({ hotRows: 2, coldRows: rows - 2 });
  expect(await count(storage)).toBe(rows);
  const reading = storage.begin();
  expect((await reading.get(table, '', [0]))?.values).toEqual([0, 'changed']);
  expect(await reading.get(table, '', [1])).toBeUndefined();
  await reading.rollback();
  expect((await early.get(table, '', [0]))?.values).toEqual([0, 'note 0']);
  expect((await early.get(table, '', [1]))?.values).toEqual([1, 'note 1']);
  expect((await early.get(table, '', [2]))?.values).toEqual([2, 'note 2']);
  await early.rollback();
  await storage.close();
});

test('a damaged row is named as it is elsewhere', async () => {
  let storage = await folder.open();
  await fill(storage);
  await storage.close();
  const hot = await openLevelStore(`${folder.dataDir}/hot`);
  const cursor = hot.scan({
    from: tablePrefix(Keyspace.rows, 9),
    to: tablePrefix(Keyspace.rows, 10),
    limit: 1,
  });
  const [entry] = await cursor.next(1);
  await cursor.close();
  const [key, tuple] = entry!;
  tuple[tuple.length - 1]! ^= 1;
  const batch = hot.batch();
  batch.put(key, tuple);
  await batch.write({ sync: true });
  await hot.close();
  storage = await folder.open({ flushInlineRows: 0 });
  await expect(storage.flush(table, {})).rejects.toMatchObject({
    code: 'XX001',
    message: 'a row of table "notes" is corrupted: wrong checksum',
    report: { table: 'notes' },
  });
  expect(await storage.files(9)).toEqual([]);
  await storage.close();
});
