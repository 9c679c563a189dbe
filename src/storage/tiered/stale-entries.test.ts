import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Oid } from '../../types/oid.ts';
import { openLevelStore } from '../hot/level-store.ts';
import { Keyspace, tablePrefix } from '../keys/keyspace.ts';
import { testTable } from '../testing.ts';
import type { TestFolder } from '../testing-folder.ts';
import { allRows, inTransaction, testFolder } from '../testing-folder.ts';
import type { Storage } from '../types.ts';

const scope = { kind: 'all' } as const;
const table = testTable({
  tableId: 5,
  kind: 'user',
  columns: { id: Oid.int4, body: Oid.text },
  primaryKey: ['id'],
  indexes: [
    { name: 'by_body', columns: ['body'] },
    { name: 'unique_body', columns: ['body'], unique: true },
  ],
});

let folder: TestFolder;
beforeEach(() => {
  folder = testFolder();
});
afterEach(() => folder.remove());

const insert = (storage: Storage, user: string, word: string): Promise<void> =>
  inTransaction(storage, async (transaction) => {
    const rows = Array.from({ length: 10 }, (_, i) => [i, `${word} ${i}`]);
    expect(await transaction.insertMany(table, user, rows)).toBeUndefined();
  });

test.each([false, true])(
  'entries of truncated rows that were inserted again at once go with VACUUM; flushed: %s',
  async (flushed) => {
    let truncated = false;
    const storage = await folder.open({
      // The clean-up comes after the rows are there again.
      async faults(at) {
        if (at === 'truncate: files unlisted' && !truncated) truncated = true;
      },
    });
    await insert(storage, 'ann', 'old');
    await insert(storage, 'bob', 'kept');
    await inTransaction(storage, async (transaction) => {
      await transaction.truncate(table, { kind: 'one', userId: 'ann' });
      const rows = Array.from({ length: 10 }, (_, i) => [i, `new ${i}`]);
      await transaction.insertMany(table, 'ann', rows);
    });
    await storage.idle();
    if (flushed) await storage.flush(table, {});
    await storage.idle();
    await storage.vacuum(table);
    const reading = storage.begin();
    const rows = await allRows(reading, table, { scope });
    expect(rows.length).toBe(20);
    for (const index of table.indexes) {
      for (const [user, word, count] of [
        ['ann', 'old 3', 0],
        ['ann', 'new 3', 1],
        ['bob', 'kept 3', 1],
      ] as const) {
        let found = 0;
        for await (const batch of reading.indexLookup(table, index, user, [word]))
          found += batch.length;
        expect(found).toBe(count);
      }
    }
    await reading.rollback();
    await storage.close();
    const store = await openLevelStore(join(folder.dataDir, 'hot'));
    const cursor = store.scan({
      from: tablePrefix(Keyspace.index, 5),
      to: tablePrefix(Keyspace.index, 6),
    });
    expect((await cursor.next(1000)).length).toBe(40);
    await cursor.close();
    await store.close();
    expect(truncated).toBe(true);
  },
);
