import { existsSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Oid } from '../../../types/oid.ts';
import { requirePgType } from '../../../types/registry.ts';
import { defaultTypeContext } from '../../../types/type.ts';
import type { Row } from '../../../types/value.ts';
import { openLevelStore } from '../../hot/level-store.ts';
import { Keyspace, tablePrefix } from '../../keys/keyspace.ts';
import { testTable } from '../../testing.ts';
import type { TestFolder } from '../../testing-folder.ts';
import { allRows, inTransaction, parquetFiles, testFolder } from '../../testing-folder.ts';
import type { Storage, StorageTransaction, StoredRow, StoredTable } from '../../types.ts';

const table = testTable({
  tableId: 5,
  name: 'notes',
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

const insert = (storage: Storage, of: StoredTable, rows: Row[], user = ''): Promise<void> =>
  inTransaction(storage, async (transaction) => {
    expect(await transaction.insertMany(of, user, rows)).toBeUndefined();
  });

/** Every row with all that is stored of it, in key order. */
async function contents(storage: Storage, of = table): Promise<StoredRow[]> {
  const reading = storage.begin();
  try {
    const rows: StoredRow[] = [];
    const users = of.kind === 'user' ? await storage.users(of) : [''];
    for (const userId of users)
      rows.push(
        ...(await allRows(reading, of, {
          scope: { kind: 'one', userId },
          includeDeleted: true,
          order: 'asc',
        })),
      );
    return rows;
  } finally {
    await reading.rollback();
  }
}

async function withRow(
  storage: Storage,
  key: number,
  work: (transaction: StorageTransaction, row: StoredRow) => Promise<unknown>,
): Promise<void> {
  await inTransaction(storage, async (transaction) => {
    const row = await transaction.get(table, '', [key]);
    await work(transaction, row!);
  });
}

async function marks(dataDir: string): Promise<number> {
  const store = await openLevelStore(join(dataDir, 'hot'));
  const cursor = store.scan({
    from: tablePrefix(Keyspace.marks, 5),
    to: tablePrefix(Keyspace.marks, 6),
  });
  const found = await cursor.next(10_000);
  await cursor.close();
  await store.close();
  return found.length;
}

const flush = async (storage: Storage, of = table): Promise<void> => {
  await storage.flush(of, {});
  await storage.idle();
};

describe('compaction', () => {
  test('one-row flushes become a few files, with every row as it was', async () => {
    const storage = await folder.open();
    let filesMax = 0;
    for (let i = 0; i < 100; i++) {
      await insert(storage, table, [[(i * 37) % 101, `row ${i}`]]);
      await storage.flush(table, {});
      if (await storage.needsCompaction(table)) await storage.compact(table);
      filesMax = Math.max(filesMax, (await storage.files(5)).length);
    }
    const before = await contents(storage);
    expect(before.length).toBe(100);
    expect(filesMax).toBeLessThan(24);
    const result = await storage.compact(table, { everything: true });
    expect(result).toMatchObject({ filesAfter: 1, rowsRead: 100, rowsRemoved: 0 });
    expect(await contents(storage)).toEqual(before);
    const [file] = await storage.files(5);
    expect(file).toMatchObject({
      rows: 100,
      deletedRows: 0,
      minSeq: before.map((r) => r.seq).sort((a, b) => a - b)[0],
    });
    expect(parquetFiles(folder.dataDir)).toEqual([file!.path]);
    const reading = storage.begin();
    for (const i of [0, 50, 99])
      expect((await reading.get(table, '', [i]))?.values).toEqual(
        before.find((r) => r.values[0] === i)?.values,
      );
    expect(await reading.get(table, '', [5000])).toBeUndefined();
    await reading.rollback();
    await storage.close();
  });

  test('a deleted cold row never comes back', async () => {
    for (const mode of ['soft', 'hard'] as const) {
      let storage = await folder.open();
      const seen = async (): Promise<unknown[]> => {
        const reading = storage.begin();
        const rows = await allRows(reading, table, { scope: everyone, order: 'asc' });
        const byKey = await reading.get(table, '', [1]);
        const byIndex: StoredRow[] = [];
        for await (const batch of reading.indexLookup(table, table.indexes[0]!, '', ['a']))
          byIndex.push(...batch);
        await reading.rollback();
        expect([byKey, byIndex]).toEqual([undefined, []]);
        return rows.map((row) => row.values[1]);
      };
      await insert(storage, table, [[1, 'a']]);
      await flush(storage);
      await withRow(storage, 1, (transaction, row) => transaction.delete(table, row, mode));
      expect(await seen()).toEqual([]);
      await insert(storage, table, [[2, 'b']]);
      expect(await seen()).toEqual(['b']);
      await flush(storage);
      expect(await seen()).toEqual(['b']);
      await storage.compact(table, { everything: true });
      expect(await seen()).toEqual(['b']);
      await storage.close();
      expect(await marks(folder.dataDir)).toBe(0);
      storage = await folder.open();
      expect(await seen()).toEqual(['b']);
      expect(await storage.stats(table)).toMatchObject({
        files: 1,
        coldRows: mode === 'soft' ? 2 : 1,
      });
      await inTransaction(storage, (transaction) => transaction.truncate(table, everyone));
      await storage.idle();
      await storage.close();
    }
  });

  test('superseded versions go, then their marks; seq, time and deletion stay', async () => {
    const storage = await folder.open();
    await insert(
      storage,
      table,
      Array.from({ length: 50 }, (_, i) => [i, `row ${i}`]),
    );
    await flush(storage);
    for (let i = 0; i < 10; i++) {
      folder.clock.advance(1000n);
      await withRow(storage, i, (transaction, row) => transaction.update(table, row, [i, 'new']));
    }
    await withRow(storage, 20, (transaction, row) => transaction.delete(table, row, 'soft'));
    await flush(storage);
    await withRow(storage, 30, (transaction, row) => transaction.delete(table, row, 'hard'));
    const before = await contents(storage);
    const result = await storage.compact(table, { everything: true });
    expect(result).toMatchObject({ rowsRead: 61, rowsRemoved: 12, marksRemoved: 12 });
    expect(await contents(storage)).toEqual(before);
    expect(await storage.files(5)).toMatchObject([{ rows: 49, deletedRows: 1 }]);
    expect(await storage.compact(table, { everything: true })).toMatchObject({ rowsRead: 0 });
    await storage.close();
    expect(await marks(folder.dataDir)).toBe(0);
  });

  test('a file is written again by itself once a fifth of it is superseded', async () => {
    const storage = await folder.open();
    await insert(
      storage,
      table,
      Array.from({ length: 5000 }, (_, i) => [i, `row ${i}`]),
    );
    await flush(storage);
    const change = (from: number, to: number): Promise<void> =>
      inTransaction(storage, async (transaction) => {
        for (const row of await allRows(transaction, table, { scope: everyone }))
          if ((row.values[0] as number) >= from && (row.values[0] as number) < to)
            await transaction.delete(table, row, 'hard');
      });
    await change(0, 900);
    expect(await storage.needsCompaction(table)).toBe(false);
    await change(900, 1200);
    expect(await storage.needsCompaction(table)).toBe(true);
    expect(await storage.compact(table)).toMatchObject({ rowsRemoved: 1200, marksRemoved: 1200 });
    expect(await storage.needsCompaction(table)).toBe(false);
    await storage.close();
  });

  test('who reads old files is not disturbed, and they go when the last has ended', async () => {
    const storage = await folder.open();
    for (let i = 0; i < 3; i++) {
      await insert(storage, table, [[i, `row ${i}`]]);
      await flush(storage);
    }
    const old = parquetFiles(folder.dataDir);
    const repeatable = storage.begin({ isolation: 'repeatable read' });
    repeatable.newStatement();
    const cursor = storage.begin();
    cursor.newStatement();
    const scan = cursor.scan(table, { scope: everyone })[Symbol.asyncIterator]();
    expect((await scan.next()).done).toBe(false);
    const columnar = storage.begin();
    columnar.newStatement();
    const cold = await storage.coldScan(columnar, table, { scope: everyone });
    columnar.newStatement();
    const unpin = storage.pinFiles();

    await withRow(storage, 0, (transaction, row) => transaction.update(table, row, [0, 'new']));
    await storage.compact(table, { everything: true });
    await flush(storage);
    expect(parquetFiles(folder.dataDir)).toEqual(expect.arrayContaining(old));
    let rest = 0;
    for (let next = await scan.next(); next.done !== true; next = await scan.next())
      rest += next.value.length;
    expect(rest).toBe(2);
    const rows = await allRows(repeatable, table, { scope: everyone, order: 'asc' });
    expect(rows.map((row) => row.values[1])).toEqual(['row 0', 'row 1', 'row 2']);
    for (const path of cold.paths) expect(existsSync(path)).toBe(true);

    await cursor.rollback();
    cold.release();
    await columnar.rollback();
    unpin();
    await storage.idle();
    expect(parquetFiles(folder.dataDir)).toEqual(expect.arrayContaining(old));
    await repeatable.rollback();
    await storage.idle();
    const listed = (await storage.files(5)).map((file) => file.path).sort();
    expect(parquetFiles(folder.dataDir)).toEqual(listed);
    await storage.close();
  });

  test('a reader of an old version still finds out that the row has changed', async () => {
    const storage = await folder.open();
    await insert(storage, table, [[1, 'a']]);
    await flush(storage);
    const reading = storage.begin();
    reading.newStatement();
    const row = (await reading.get(table, '', [1]))!;
    const repeatable = storage.begin({ isolation: 'repeatable read' });
    repeatable.newStatement();
    const snapshotRow = (await repeatable.get(table, '', [1]))!;
    await withRow(storage, 1, (transaction, old) => transaction.update(table, old, [1, 'b']));
    await flush(storage);
    expect(await storage.compact(table, { everything: true })).toMatchObject({ marksRemoved: 0 });
    expect(reading.lockRowSync(table, row.key, 'update', row)).toBe('unknown');
    expect(await reading.lockRow(table, row.key, 'update', 'wait')).toMatchObject({
      values: [1, 'b'],
    });
    await reading.rollback();
    await expect(repeatable.update(table, snapshotRow, [1, 'c'])).rejects.toMatchObject({
      code: '40001',
    });
    await repeatable.rollback();
    await storage.idle();
    await storage.close();
    expect(await marks(folder.dataDir)).toBe(0);
  });

  test('columns added, dropped and renamed since are written as they read', async () => {
    const storage = await folder.open();
    const first = testTable({
      tableId: 6,
      columns: { id: Oid.int4, gone: Oid.text, name: Oid.text },
      primaryKey: ['id'],
    });
    const [id, , name] = first.columns;
    const flag = { id: 4, name: 'Flag', typeOid: Oid.bool, typmod: -1, missing: true };
    const bytes = {
      id: 5,
      name: 'bytes',
      typeOid: Oid.bytea,
      typmod: -1,
      missing: Uint8Array.from([1, 255]),
    };
    const list = {
      id: 7,
      name: 'list',
      typeOid: 1009,
      typmod: -1,
      missing: { kind: 'array', elements: ["it's", null], dims: [2], lowerBounds: [1] },
    } as const;
    const late = { id: 6, name: 'late', typeOid: Oid.date, typmod: -1, missing: 2_147_483_647 };
    const next: StoredTable = {
      ...first,
      schemaVersion: 2,
      columns: [id!, { ...name!, name: 'gone' }, flag],
      layouts: new Map([[1, first.columns]]),
    };
    const withBytes: StoredTable = {
      ...next,
      schemaVersion: 3,
      columns: [...next.columns, bytes, list],
      layouts: new Map([...next.layouts, [2, next.columns]]),
    };
    const withLate: StoredTable = {
      ...withBytes,
      schemaVersion: 4,
      columns: [...withBytes.columns, late],
      layouts: new Map([...withBytes.layouts, [3, withBytes.columns]]),
    };
    const versions = [first, next, withBytes, withLate];
    await insert(storage, first, [[3, 'x', 'three']]);
    await flush(storage, first);
    for (const [i, version] of versions.entries()) {
      const row = [
        10 + i,
        ...version.columns
          .slice(1)
          .map((column) =>
            column.typeOid === Oid.bool
              ? false
              : column.typeOid === Oid.bytea
                ? Uint8Array.from([i])
                : column.typeOid === Oid.date
                  ? 5
                  : column.typeOid === 1009
                    ? null
                    : `t${i}`,
          ),
      ];
      await insert(storage, version, [row]);
      await flush(storage, version);
      const before = await contents(storage, version);
      await storage.compact(version, { everything: true });
      expect(await contents(storage, version)).toEqual(before);
      // A date of infinity can be in no file: those without the column stay.
      expect((await storage.files(6)).map((file) => file.schemaVersion)).toEqual(
        version === withLate ? [3, 4] : [version.schemaVersion],
      );
    }
    await storage.close();
  });

  test.each([
    ['numeric', { oid: Oid.numeric }, ['10', '9', '-1.50', '100.0', '0.001']],
    ['bpchar', { oid: Oid.bpchar, typmod: 8 }, ['b   ', 'a   ', 'a\u0001  ', 'B   ', 'ab  ']],
    ['interval', { oid: Oid.interval }, ['1 day', '25:00', '-3 days', '1 mon', '00:00:01']],
    ['float8', { oid: Oid.float8 }, [Number.NaN, -0, 1.5, -Infinity, 3e300]],
    [
      'uuid',
      { oid: Oid.uuid },
      [
        'ffffffff-0000-4000-8000-000000000000',
        '00000000-0000-4000-8000-000000000001',
        '80000000-0000-4000-8000-000000000000',
        '7fffffff-0000-4000-8000-000000000000',
        '10000000-0000-4000-8000-000000000000',
      ],
    ],
    [
      'bytea',
      { oid: Oid.bytea },
      [
        Uint8Array.from([0, 1]),
        Uint8Array.from([0]),
        Uint8Array.from([255]),
        Uint8Array.from([]),
        Uint8Array.from([0, 0]),
      ],
    ],
    ['text', { oid: Oid.text }, ['😀', 'ä', 'Z', '', 'zz']],
    [
      'decimal',
      { oid: Oid.numeric, typmod: ((10 << 16) | 2) + 4 },
      ['10.00', '9.50', '-1.50', '100.00', '0.01'],
    ],
    ['time', { oid: Oid.time }, [5, 86_399_999_999, 0, 3_600_000_000, 7]],
  ] as const)('keys of type %s keep their order', async (_, type, values) => {
    const storage = await folder.open();
    const keyed = testTable({
      tableId: 6,
      kind: 'user',
      columns: { a: type, b: Oid.int4, body: Oid.text },
      primaryKey: ['a', 'b'],
    });
    const parsed = values.map((value) =>
      type.oid === Oid.interval ? interval(value as string) : value,
    );
    for (let round = 0; round < 3; round++) {
      await insert(
        storage,
        keyed,
        parsed.map((value, i) => [value, round, `${i}`]),
        'ann',
      );
      await insert(storage, keyed, [[parsed[round]!, 7, 'bob']], 'bob');
      await storage.flush(keyed, {});
      if (round > 0)
        await inTransaction(storage, async (transaction) => {
          const key = [parsed[round]!, round - 1];
          const row = (await transaction.get(keyed, 'ann', key))!;
          await transaction.update(keyed, row, [...key, 'changed']);
          const other = (await transaction.get(keyed, 'ann', [parsed[0]!, round]))!;
          await transaction.delete(keyed, other, 'hard');
        });
    }
    await flush(storage, keyed);
    const before = await contents(storage, keyed);
    const result = await storage.compact(keyed, { everything: true });
    expect(result).toMatchObject({ scopes: 2, filesAfter: 2, rowsRemoved: 4, marksRemoved: 4 });
    expect(await contents(storage, keyed)).toEqual(before);
    await storage.close();
  });

  test('a damaged or missing file is named; other users, and other files, are none the worse', async () => {
    const storage = await folder.open();
    const messages = testTable({
      tableId: 6,
      kind: 'user',
      columns: { id: Oid.int4, body: Oid.text },
      primaryKey: ['id'],
    });
    for (let i = 0; i < 4; i++) {
      await insert(storage, messages, [[i, 'a']], 'ann');
      await insert(storage, messages, [[i, 'b']], 'bob');
      await flush(storage, messages);
    }
    const ofAnn = (await storage.files(6)).filter((file) => file.userId === 'ann');
    rmSync(join(folder.dataDir, 'cold', ofAnn[0]!.path));
    truncateSync(join(folder.dataDir, 'cold', ofAnn[1]!.path), 100);
    await expect(storage.compact(messages, { everything: true })).rejects.toMatchObject({
      code: '58P01',
      message: `file "${ofAnn[0]!.path}" of the cold tier is missing`,
    });
    const left = async (user: string): Promise<number> =>
      (await storage.files(6)).filter((file) => file.userId === user).length;
    expect([await left('ann'), await left('bob')]).toEqual([4, 1]);
    await storage.compact(messages, { everything: true });
    expect(await left('ann')).toBe(3);
    await storage.close();
  });

  test('what has been truncated is not there after a compaction either', async () => {
    const storage = await folder.open();
    for (let i = 0; i < 3; i++) {
      await insert(storage, table, [[i, 'a']]);
      await flush(storage);
    }
    const compacting = storage.compact(table, { everything: true });
    await inTransaction(storage, (transaction) => transaction.truncate(table, everyone));
    await insert(storage, table, [[1, 'again']]);
    await compacting;
    await storage.idle();
    expect((await contents(storage)).map((row) => row.values)).toEqual([[1, 'again']]);
    await flush(storage);
    await storage.compact(table, { everything: true });
    expect((await contents(storage)).map((row) => row.values)).toEqual([[1, 'again']]);
    await storage.close();
  });

  test('can be broken off, and says so', async () => {
    const cancel = new AbortController();
    const storage = await folder.open({
      faults: (step) => {
        if (step === 'compact: file written') cancel.abort(new Error('enough'));
      },
    });
    for (let i = 0; i < 3; i++) {
      await insert(storage, table, [[i, 'a']]);
      await flush(storage);
    }
    const files = parquetFiles(folder.dataDir);
    await expect(
      storage.compact(table, { everything: true, signal: cancel.signal }),
    ).rejects.toThrow('enough');
    expect(parquetFiles(folder.dataDir)).toEqual(files);
    expect((await contents(storage)).length).toBe(3);
    await storage.close();
  });
});

function interval(text: string): never {
  return requirePgType(Oid.interval).parse(text, -1, defaultTypeContext) as never;
}
