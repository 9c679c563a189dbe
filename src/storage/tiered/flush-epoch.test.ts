import { expect, test } from 'vitest';
import { Oid } from '../../types/oid.ts';
import { testTable } from '../testing.ts';
import { inTransaction, testFolder } from '../testing-folder.ts';

test('a flush in a thread leaves no reader behind for which files would wait', async () => {
  const folder = testFolder();
  const storage = await folder.open({ flushInlineRows: 10 });
  const table = testTable({ columns: { id: Oid.int8 }, primaryKey: ['id'] });
  try {
    await inTransaction(storage, async (transaction) => {
      for (let i = 0; i < 50; i++) await transaction.insert(table, '', [BigInt(i)]);
    });
    expect(await storage.flush(table, {})).toMatchObject({ rows: 50 });
    await storage.idle();
    // Waits for all who may still read.
    expect(await storage.filesIn([])).toEqual([]);
  } finally {
    await storage.close();
    folder.remove();
  }
}, 8_000);
