import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Oid } from '../../types/oid.ts';
import { openLevelStore } from '../hot/level-store.ts';
import { Keyspace, tablePrefix } from '../keys/keyspace.ts';
import { testTable } from '../testing.ts';
import type { TestFolder } from '../testing-folder.ts';
import { allRows, inTransaction, parquetFiles, testFolder } from '../testing-folder.ts';
import type { Storage } from '../types.ts';

const table = testTable({
  tableId: 5,
  name: 'notes',
  kind: 'user',
  columns: { id: Oid.int4, body: Oid.text },
  primaryKey: ['id'],
  indexes: [{ name: 'notes_body', columns: ['body'] }],
});
const everyone = { kind: 'all' } as const;
const ann = { kind: 'one', userId: 'ann' } as const;

async function fill(storage: Storage): Promise<void> {
  await inTransaction(storage, async (transaction) => {
    for (const user of ['ann', 'bob'])
      await transaction.insertMany(
        table,
        user,
        Array.from({ length: 50 }, (_, i) => [i, `${user} ${i}`]),
      );
  });
}

async function contents(storage: Storage): Promise<string[]> {
  const reading = storage.begin();
  const rows = await allRows(reading, table, { scope: everyone });
  const found: string[] = [];
  for await (const batch of reading.indexLookup(table, table.indexes[0]!, 'bob', ['bob 7']))
    found.push(...batch.map((row) => row.values[1] as string));
  await reading.rollback();
  expect(found).toEqual(['bob 7']);
  return rows.map((row) => JSON.stringify(row.values)).sort();
}

describe('flush and crashes', () => {
  let folder: TestFolder;
  beforeEach(() => {
    folder = testFolder();
  });
  afterEach(() => folder.remove());

  test.each([
    ['flush: file written', 'inline', false],
    ['flush: file synced', 'inline', false],
    ['flush: file renamed', 'inline', false],
    ['flush: folder synced', 'inline', false],
    ['flush: folder synced', 'in the flush thread', false],
    ['flush: before commit', 'in the flush thread', false],
    ['flush: committed', 'inline', true],
    ['flush: removing', 'inline', true],
  ])('a crash at "%s", %s, leaves every row once', async (step, where, listed) => {
    let storage = await folder.open();
    await fill(storage);
    const before = await contents(storage);
    await storage.close();

    storage = await folder.open({
      ...(where === 'in the flush thread' ? { flushInlineRows: 0 } : {}),
      faults(at) {
        if (at === step) throw new Error(`crash at ${at}`);
      },
    });
    await storage.flush(table, {}).catch(() => undefined);
    await storage.idle();
    expect(await contents(storage)).toEqual(before);
    await storage.close();

    storage = await folder.open();
    await storage.idle();
    expect(await contents(storage)).toEqual(before);
    expect((await storage.files(5)).length).toBe(listed ? 2 : 0);
    expect(parquetFiles(folder.dataDir).length).toBe(listed ? 2 : 0);
    await storage.flush(table, {});
    await storage.idle();
    expect(await contents(storage)).toEqual(before);
    expect(await storage.stats(table)).toMatchObject({ hotRows: 0, coldRows: 100, files: 2 });
    expect(parquetFiles(folder.dataDir).length).toBe(2);
    await storage.close();
  });

  test('writes during a flush supersede what it moves', async () => {
    let once = true;
    const storage: Storage = await folder.open({
      async faults(at) {
        if (at !== 'flush: before commit' || !once) return;
        once = false;
        await inTransaction(storage, async (transaction) => {
          const [first, second, third] = await allRows(transaction, table, {
            scope: ann,
            order: 'asc',
          });
          await transaction.update(table, first!, [0, 'changed']);
          await transaction.delete(table, second!, 'hard');
          await transaction.delete(table, third!, 'soft');
          await transaction.insert(table, 'ann', [1000, 'new']);
        });
      },
    });
    await fill(storage);
    await storage.flush(table, {});
    for (const again of [false, true]) {
      if (again) await storage.flush(table, {});
      await storage.idle();
      const reading = storage.begin();
      const rows = await allRows(reading, table, { scope: ann, order: 'asc' });
      expect(rows.slice(0, 2).map((row) => row.values)).toEqual([
        [0, 'changed'],
        [3, 'ann 3'],
      ]);
      expect(rows.at(-1)!.values).toEqual([1000, 'new']);
      expect(rows.length).toBe(49);
      await reading.rollback();
    }
    await storage.close();
  });

  test('a reader keeps its snapshot while rows move', async () => {
    const storage = await folder.open();
    await fill(storage);
    const reading = storage.begin();
    const scan = reading.scan(table, { scope: everyone })[Symbol.asyncIterator]();
    const first = await scan.next();
    await storage.flush(table, {});
    await storage.idle();
    let count = first.done === true ? 0 : first.value.length;
    for (let next = await scan.next(); next.done !== true; next = await scan.next())
      count += next.value.length;
    expect(count).toBe(100);
    expect((await allRows(reading, table, { scope: everyone })).length).toBe(100);
    reading.newStatement();
    expect((await allRows(reading, table, { scope: everyone })).length).toBe(100);
    await reading.rollback();
    await storage.close();
  });

  test('a damaged or missing file is named, never read', async () => {
    let storage = await folder.open();
    await fill(storage);
    await storage.flush(table, {});
    await storage.idle();
    const [file] = await storage.files(5);
    await storage.close();
    const path = join(folder.dataDir, 'cold', file!.path);
    const bytes = readFileSync(path);
    bytes[100]! ^= 1;
    writeFileSync(path, bytes);
    storage = await folder.open();
    const reading = storage.begin();
    const scope = { kind: 'one', userId: file!.userId } as const;
    await expect(allRows(reading, table, { scope })).rejects.toMatchObject({
      code: 'XX001',
      message: `file "${file!.path}" is corrupted: wrong checksum`,
    });
    await expect(reading.get(table, file!.userId, [1])).rejects.toMatchObject({ code: 'XX001' });
    rmSync(path);
    await expect(allRows(reading, table, { scope })).rejects.toMatchObject({ code: '58P01' });
    await reading.rollback();
    await storage.close();
  });

  test('a damaged row and a dangling index entry are named', async () => {
    let storage = await folder.open();
    await fill(storage);
    await storage.close();
    const store = await openLevelStore(join(folder.dataDir, 'hot'));
    const cursor = store.scan({
      from: tablePrefix(Keyspace.rows, 5),
      to: tablePrefix(Keyspace.rows, 6),
    });
    const [[damaged, tuple], , [gone]] = (await cursor.next(3)) as [
      [Buffer, Buffer],
      [Buffer, Buffer],
      [Buffer, Buffer],
    ];
    await cursor.close();
    tuple[20]! ^= 1;
    const batch = store.batch();
    batch.put(damaged, tuple);
    batch.delete(gone);
    await batch.write({ sync: true });
    await store.close();
    storage = await folder.open();
    const reading = storage.begin();
    await expect(allRows(reading, table, { scope: ann })).rejects.toMatchObject({
      code: 'XX001',
      message: 'a row of table "notes" is corrupted: wrong checksum',
      report: { detail: `Key of the row: \\x${damaged.toString('hex')}.` },
    });
    const lookup = async (): Promise<void> => {
      for await (const rows of reading.indexLookup(table, table.indexes[0]!, 'ann', ['ann 2']))
        expect(rows).toEqual([]);
    };
    await expect(lookup()).rejects.toMatchObject({
      code: 'XX002',
      message: 'index "notes_body" of table "notes" has an entry without a row',
    });
    await reading.rollback();
    await storage.close();
  });

  test('dropping a table leaves no key, file or folder', async () => {
    const storage = await folder.open();
    await fill(storage);
    await storage.flush(table, {});
    await fill(await emptied(storage));
    await storage.dropTable(table);
    await storage.dropTable(table);
    expect(await storage.files(5)).toEqual([]);
    expect(readdirSync(join(folder.dataDir, 'cold'))).toEqual([]);
    await storage.close();
    const store = await openLevelStore(join(folder.dataDir, 'hot'));
    const cursor = store.scan({ from: Buffer.from([0]), to: Buffer.from([0xff]), values: false });
    const keys = (await cursor.next(1000)).map(([key]) => key[0]);
    await cursor.close();
    await store.close();
    expect(keys).toEqual([Keyspace.state]);
  });

  async function emptied(storage: Storage): Promise<Storage> {
    await inTransaction(storage, (transaction) => transaction.truncate(table, everyone));
    return storage;
  }
});

describe('data folders', () => {
  let folder: TestFolder;
  beforeEach(() => {
    folder = testFolder();
  });
  afterEach(() => folder.remove());

  test('in use, foreign, of another format', async () => {
    const storage = await folder.open();
    await expect(folder.open()).rejects.toMatchObject({ code: '55006' });
    await storage.close();
    writeFileSync(join(folder.dataDir, 'pgtide.json'), '{"product":"pgtide","format":99}');
    await expect(folder.open()).rejects.toMatchObject({ code: '55000' });
    rmSync(join(folder.dataDir, 'pgtide.json'));
    await expect(folder.open()).rejects.toMatchObject({ code: '58P01' });
  });
});
