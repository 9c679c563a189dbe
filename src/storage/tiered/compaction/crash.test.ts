import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SqlState } from '../../../base/index.ts';
import { Oid } from '../../../types/oid.ts';
import { testTable } from '../../testing.ts';
import type { TestFolder } from '../../testing-folder.ts';
import { allRows, inTransaction, parquetFiles, testFolder } from '../../testing-folder.ts';
import type { Storage } from '../../types.ts';

const table = testTable({
  tableId: 5,
  name: 'notes',
  kind: 'user',
  columns: { id: Oid.int4, body: Oid.text },
  primaryKey: ['id'],
  indexes: [{ name: 'notes_body', columns: ['body'] }],
});
const everyone = { kind: 'all' } as const;

let folder: TestFolder;
beforeEach(() => {
  folder = testFolder();
});
afterEach(() => folder.remove());

/** Three files for each of two users, with rows that are superseded in all ways. */
async function fill(storage: Storage): Promise<void> {
  for (const round of [0, 1, 2]) {
    await inTransaction(storage, async (transaction) => {
      for (const user of ['ann', 'bob'])
        await transaction.insertMany(
          table,
          user,
          Array.from({ length: 20 }, (_, i) => [i * 3 + round, `${user} ${i * 3 + round}`]),
        );
    });
    await storage.flush(table, {});
    await inTransaction(storage, async (transaction) => {
      const rows = await allRows(transaction, table, { scope: everyone });
      for (const row of rows) {
        const id = row.values[0] as number;
        if (id === round) await transaction.update(table, row, [id, 'changed']);
        if (id === round + 3) await transaction.delete(table, row, 'soft');
        if (id === round + 6) await transaction.delete(table, row, 'hard');
      }
    });
  }
  await storage.idle();
}

async function contents(storage: Storage): Promise<string[]> {
  const reading = storage.begin();
  const rows = await allRows(reading, table, { scope: everyone, includeDeleted: true });
  const found: unknown[] = [];
  for await (const batch of reading.indexLookup(table, table.indexes[0]!, 'bob', ['changed']))
    found.push(...batch.map((row) => row.values[0]));
  expect(new Set(found)).toEqual(new Set([0, 1, 2]));
  expect(found.length).toBe(3);
  await reading.rollback();
  return rows
    .map((row) =>
      JSON.stringify([row.userId, row.values, row.seq, String(row.updated), row.deleted]),
    )
    .sort();
}

/** Whether what is on disk is what is listed. */
async function expectNoOrphans(storage: Storage): Promise<void> {
  expect(parquetFiles(folder.dataDir)).toEqual(
    (await storage.files(5)).map((file) => file.path).sort(),
  );
}

describe('compaction and crashes', () => {
  const steps = [
    ['compact: folder made', 6],
    ['compact: file written', 6],
    ['compact: file synced', 6],
    ['compact: file renamed', 6],
    ['compact: folder synced', 6],
    ['compact: before commit', 6],
    ['compact: committed', 4],
    ['compact: files removed', 4],
    ['compact: marks removed', 2],
  ] as const;
  test.each(steps)('a crash at "%s" leaves every row once', async (step, filesThen) => {
    let storage = await folder.open();
    await fill(storage);
    const before = await contents(storage);
    await storage.close();

    // Nothing goes on after the crash, the other user's part neither.
    let crashed = false;
    storage = await folder.open({
      faults(at) {
        if (!at.startsWith('compact')) return;
        crashed ||= at === step;
        if (crashed) throw new Error(`crash at ${at}`);
      },
    });
    await expect(storage.compact(table, { everything: true })).rejects.toThrow('crash at');
    await storage.idle();
    expect(await contents(storage)).toEqual(before);
    await storage.close();

    storage = await folder.open();
    await storage.idle();
    expect(await contents(storage)).toEqual(before);
    const { length } = await storage.files(5);
    // Two users are worked on at a time: the other one may have come as far.
    expect([filesThen, filesThen - 2]).toContain(length);
    await expectNoOrphans(storage);
    await storage.compact(table, { everything: true });
    expect(await contents(storage)).toEqual(before);
    expect((await storage.files(5)).length).toBe(2);
    await expectNoOrphans(storage);
    await storage.flush(table, {});
    await storage.idle();
    await storage.compact(table, { everything: true });
    expect(await contents(storage)).toEqual(before);
    await storage.close();
  });

  test('what is written during a compaction supersedes what it merges', async () => {
    let storage: Storage | undefined;
    let once = true;
    storage = await folder.open({
      async faults(at) {
        if (at !== 'compact: before commit' || !once || storage === undefined) return;
        once = false;
        await inTransaction(storage, async (transaction) => {
          const rows = await allRows(transaction, table, { scope: everyone, order: 'asc' });
          const [first, second, third] = rows.filter((row) => row.userId === 'ann').slice(20);
          await transaction.update(table, first!, [first!.values[0]!, 'during']);
          await transaction.delete(table, second!, 'hard');
          await transaction.delete(table, third!, 'soft');
        });
      },
    });
    await fill(storage);
    await storage.compact(table, { everything: true });
    const after = await contents(storage);
    expect(after.filter((row) => row.includes('during')).length).toBe(1);
    expect(new Set(after.map((row) => row.slice(0, row.indexOf(',', 8)))).size).toBe(after.length);
    for (const again of [1, 2]) {
      if (again === 2) await storage.flush(table, {});
      await storage.idle();
      await storage.compact(table, { everything: true });
      expect(await contents(storage)).toEqual(after);
    }
    await storage.close();
    storage = await folder.open();
    expect(await contents(storage)).toEqual(after);
    await storage.close();
  });

  test('a full disk in the middle changes nothing, and is told as such', async () => {
    let full = true;
    const storage = await folder.open({
      faults(at) {
        if (full && at === 'compact: file written')
          throw new Error('IO Error: Could not write file "x": No space left on device');
      },
    });
    await fill(storage);
    const before = await contents(storage);
    const files = parquetFiles(folder.dataDir);
    await expect(storage.compact(table, { everything: true })).rejects.toMatchObject({
      code: SqlState.diskFull,
    });
    expect(parquetFiles(folder.dataDir)).toEqual(files);
    expect(await contents(storage)).toEqual(before);
    full = false;
    await storage.compact(table, { everything: true });
    expect(await contents(storage)).toEqual(before);
    await expectNoOrphans(storage);
    await storage.close();
  });
});
