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
  for (const id of [1, 2, 3]) await inTransaction(storage, (t) => t.insert(table, '', [id, 'a']));
});
afterEach(async () => {
  await storage.close();
  folder.remove();
});

async function change(transaction: StorageTransaction, id: number): Promise<void> {
  const row = (await transaction.get(table, '', [id]))!;
  await transaction.lockRow(table, row.key, 'noKeyUpdate', 'wait');
  await transaction.update(table, row, [id, 'b']);
}

/** Begins while another commit is being written, reads 1 and changes 2; that commit has changed `other`. */
async function beside(
  other: number,
  ticks: number,
): Promise<{ second: StorageTransaction; seen: unknown }> {
  const first = storage.begin();
  await change(first, other);
  const written = first.commit({ sync: true });
  for (let i = 0; i < ticks; i++) await Promise.resolve();
  const second = storage.begin({ isolation: 'serializable' });
  second.newStatement();
  const seen = (await second.get(table, '', [1]))?.values[1];
  await change(second, 2);
  await written;
  // What nobody may ask for any more is forgotten after a commit.
  await inTransaction(storage, (t) => t.insert(table, '', [100 + ticks + 1000 * other, 'a']));
  return { second, seen };
}

// At some of these moments the commit has its number and is not written.
test.each([0, 1, 2, 4, 8, 16, 32])(
  'a commit that is being written when a transaction begins does not end it, unless it has read of it (%i)',
  async (ticks) => {
    const untouched = await beside(3, ticks);
    await untouched.second.commit({ sync: true });
    const { second, seen } = await beside(1, ticks);
    if (ticks === 0) expect(seen).toBe('a');
    // On a busy machine the commit may have been written by then: what has seen it is not touched by it.
    if (seen === 'b') await second.commit({ sync: true });
    else await expect(second.commit({ sync: true })).rejects.toMatchObject({ code: '40001' });
  },
);
