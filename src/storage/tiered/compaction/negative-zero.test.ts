import { expect, test } from 'vitest';
import { Oid, arrayOidOf } from '../../../types/oid.ts';
import { testTable } from '../../testing.ts';
import { allRows, inTransaction, testFolder } from '../../testing-folder.ts';

test('a merged file keeps zeros of either sign apart', async () => {
  const table = testTable({
    columns: { id: Oid.int4, x: Oid.float8, list: arrayOidOf.get(Oid.float4)! },
    primaryKey: ['id'],
  });
  const folder = testFolder();
  const storage = await folder.open();
  const zero = (id: number): number => (id % 2 === 0 ? 0 : -0);
  const list = (id: number) =>
    ({ kind: 'array', elements: [zero(id + 1), null], dims: [2], lowerBounds: [1] }) as const;
  for (let file = 0; file < 3; file++) {
    await inTransaction(storage, (transaction) =>
      transaction.insertMany(
        table,
        '',
        [0, 1, 2].map((i) => file * 3 + i).map((id) => [id, zero(id), list(id)]),
      ),
    );
    await storage.flush(table, {});
  }
  await storage.vacuum(table);
  await storage.compact(table, { everything: true });
  const files = await storage.files(table.tableId);
  const reading = storage.begin();
  const rows = await allRows(reading, table, { scope: { kind: 'one', userId: '' }, order: 'asc' });
  await reading.rollback();
  await storage.close();
  folder.remove();
  expect(files).toHaveLength(1);
  rows.forEach((row, id) => expect(row.values).toEqual([id, zero(id), list(id)]));
});
