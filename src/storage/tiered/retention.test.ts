import { randomUUID } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Oid } from '../../types/oid.ts';
import { openLevelStore } from '../hot/level-store.ts';
import { Keyspace, tablePrefix } from '../keys/keyspace.ts';
import { testTable } from '../testing.ts';
import type { TestFolder } from '../testing-folder.ts';
import { allRows, inTransaction, testFolder } from '../testing-folder.ts';
import type { Storage, StoredRow } from '../types.ts';
import { join } from 'node:path';
import { unreturnedMax } from './give-back.ts';

const day = 86_400_000_000n;
const scope = { kind: 'all' } as const;
const table = testTable({
  tableId: 5,
  kind: 'user',
  columns: { id: Oid.int4, body: Oid.text },
  primaryKey: ['id'],
  indexes: [
    { name: 'by_body', columns: ['body'] },
    { name: 'by_id', columns: ['id', 'body'], unique: true },
  ],
});

let folder: TestFolder;
beforeEach(() => {
  folder = testFolder();
});
afterEach(() => folder.remove());

async function deleteRows(storage: Storage, ids: readonly number[]): Promise<void> {
  await inTransaction(storage, async (transaction) => {
    for (const row of await allRows(transaction, table, { scope }))
      if (ids.includes(row.values[0] as number)) await transaction.delete(table, row, 'soft');
  });
}

async function everything(storage: Storage): Promise<string[]> {
  const reading = storage.begin();
  const rows: StoredRow[] = await allRows(reading, table, { scope, includeDeleted: true });
  await reading.rollback();
  return rows.map((row) => `${row.userId} ${row.values[0] as number} ${row.deleted}`).sort();
}

async function keysLeft(dataDir: string, keyspace: number): Promise<number> {
  const store = await openLevelStore(join(dataDir, 'hot'));
  const cursor = store.scan({ from: tablePrefix(keyspace, 5), to: tablePrefix(keyspace, 6) });
  const found = await cursor.next(10_000);
  await cursor.close();
  await store.close();
  return found.length;
}

describe('retention of soft-deleted rows', () => {
  test('those deleted before the moment go from both tiers, with index entries, files and marks', async () => {
    const storage = await folder.open();
    for (const user of ['ann', 'bob'])
      await inTransaction(storage, (transaction) =>
        transaction.insertMany(
          table,
          user,
          Array.from({ length: 8 }, (_, i) => [i, 'x']),
        ),
      );
    await deleteRows(storage, [0]);
    await storage.flush(table, {});
    await deleteRows(storage, [1]);
    await storage.flush(table, {});
    // Hot, over a cold version; and one that was inserted again meanwhile.
    await deleteRows(storage, [2, 3]);
    folder.clock.advance(10n * day);
    await inTransaction(storage, (transaction) => transaction.insert(table, 'ann', [3, 'again']));
    await deleteRows(storage, [4]);
    await storage.flush(table, { userIds: ['bob'] });
    await storage.idle();
    const before = folder.clock.now() - day;
    expect(await storage.removeDeleted(table, { before })).toBe(7);
    const expected = ['ann', 'bob'].flatMap((user) =>
      [3, 4, 5, 6, 7]
        .filter((id) => user === 'ann' || id !== 3)
        .map((id) => `${user} ${id} ${id === 4}`),
    );
    expect(await everything(storage)).toEqual(expected);
    expect(await storage.removeDeleted(table, { before })).toBe(0);
    await storage.compact(table, { purge: true });
    expect(await everything(storage)).toEqual(expected);
    const stats = await storage.stats(table);
    expect(stats.coldRows + stats.hotRows).toBeLessThanOrEqual(11);
    // A key that is gone is free.
    await inTransaction(storage, (transaction) => transaction.insert(table, 'bob', [0, 'x']));
    await storage.close();
    expect(await keysLeft(folder.dataDir, Keyspace.index)).toBe(2 * (expected.length + 1));
  });

  test('what someone has locked is left for the next time', async () => {
    const storage = await folder.open();
    await inTransaction(storage, (transaction) => transaction.insert(table, 'ann', [1, 'x']));
    await deleteRows(storage, [1]);
    await storage.flush(table, {});
    folder.clock.advance(day);
    const before = folder.clock.now();
    const writing = storage.begin();
    const inserted = await writing.insert(table, 'ann', [1, 'new']);
    expect(inserted).toHaveProperty('row');
    expect(await storage.removeDeleted(table, { before })).toBe(0);
    await writing.rollback();
    expect(await storage.removeDeleted(table, { before })).toBe(1);
    expect(await everything(storage)).toEqual([]);
    await storage.compact(table, { purge: true });
    expect(await storage.files(5)).toEqual([]);
    await storage.close();
  });
});

describe('eviction of a stream', () => {
  const stream = testTable({
    tableId: 5,
    name: 's',
    kind: 'stream',
    columns: { id: Oid.int4, body: Oid.text },
    indexes: [{ name: 's_body', columns: ['body'], unique: true }],
    ttlMicros: 10_000_000n,
  });

  test('rows and their index entries go, younger ones with the same values stay', async () => {
    const storage = await folder.open();
    const insert = (rows: [number, string][]): Promise<unknown> =>
      inTransaction(storage, (transaction) => transaction.insertMany(stream, '', rows));
    await insert([
      [1, 'a'],
      [2, 'b'],
    ]);
    expect(await storage.hasExpired(stream)).toBe(false);
    folder.clock.advance(10_000_000n);
    await insert([[3, 'a']]);
    expect(await storage.hasExpired(stream)).toBe(true);
    expect(await storage.evictExpired(stream)).toBe(2);
    expect(await storage.hasExpired(stream)).toBe(false);
    const reading = storage.begin();
    const found: unknown[] = [];
    for await (const rows of reading.indexLookup(stream, stream.indexes[0]!, '', ['a']))
      found.push(...rows.map((row) => row.values));
    expect(found).toEqual([[3, 'a']]);
    await reading.rollback();
    await storage.close();
    expect(await keysLeft(folder.dataDir, Keyspace.rows)).toBe(1);
    expect(await keysLeft(folder.dataDir, Keyspace.index)).toBe(1);
  });

  test('the space comes back once a reader from before has ended', async () => {
    const plain = { ...stream, indexes: [] };
    const storage = await folder.open();
    const rows = unreturnedMax.rows;
    await inTransaction(storage, (transaction) =>
      transaction.insertMany(
        plain,
        '',
        Array.from({ length: rows }, (_, i): [number, string] => [i, randomUUID()]),
      ),
    );
    folder.clock.advance(10_000_000n);
    const reading = storage.begin({ isolation: 'repeatable read' });
    expect(await allRows(reading, plain, { scope })).toHaveLength(0);
    expect(await storage.evictExpired(plain)).toBe(rows);
    // Another round, while that reader is still there.
    await inTransaction(storage, (transaction) =>
      transaction.insertMany(plain, '', [[rows, randomUUID()]]),
    );
    folder.clock.advance(10_000_000n);
    expect(await storage.evictExpired(plain)).toBe(1);
    expect(hotBytes()).toBeGreaterThan(rows * 36);
    await reading.rollback();
    await expect.poll(hotBytes).toBeLessThan(rows * 36);
    await storage.close();
  });
});

function hotBytes(): number {
  const hot = join(folder.dataDir, 'hot');
  // LevelDB may remove one meanwhile.
  const sizeOf = (name: string): number =>
    statSync(join(hot, name), { throwIfNoEntry: false })?.size ?? 0;
  return readdirSync(hot).reduce((sum, name) => sum + sizeOf(name), 0);
}
