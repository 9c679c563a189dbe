import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Oid } from '../../types/oid.ts';
import type { Row } from '../../types/value.ts';
import { testTable } from '../testing.ts';
import type { TestFolder } from '../testing-folder.ts';
import { allRows, inTransaction, testFolder } from '../testing-folder.ts';
import type { CatalogCheck, Storage, StoredRow, StoredTable } from '../types.ts';
import { sharedScope } from '../types.ts';
import { spillBytes } from './bulk.ts';
import type { InternalTransaction } from './transaction.ts';

const columns = { id: Oid.int4, name: Oid.text };
const heap = testTable({ tableId: 20, columns });
const keyed = testTable({ tableId: 21, columns, primaryKey: ['id'] });
const indexed = testTable({
  tableId: 22,
  columns,
  primaryKey: ['id'],
  indexes: [{ name: 'by_name', columns: ['name'], unique: true }],
});

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

const longName = 'x'.repeat(1000);
/** Enough rows of 1 KB to be written ahead more than twice. */
const manyRows = Math.ceil((2.5 * spillBytes) / 1000);

/** A permutation of 0 … count - 1 without a pattern in it; `factor` and `count` have no common divisor. */
function shuffled(count: number, factor = 7919): number[] {
  return Array.from({ length: count }, (_, i) => (i * factor) % count);
}

async function load(table: StoredTable, rows: readonly Row[]): Promise<void> {
  const t = storage.begin();
  expect(await t.insertMany(table, '', rows)).toBeUndefined();
  await t.commit({ sync: false });
}

async function ids(table: StoredTable, includeDeleted = false): Promise<unknown[]> {
  const reading = storage.begin();
  const rows = await allRows(reading, table, { scope: sharedScope, includeDeleted });
  await reading.rollback();
  return rows.map((row) => row.values[0]);
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

test.each([
  ['in order', numbers(manyRows)],
  ['in any order', shuffled(manyRows)],
  ['in order, then not', [...numbers(manyRows - 1).map((id) => id + 1), 0]],
])(
  'rows that come %s are found by their new key',
  async (_, order) => {
    await load(
      heap,
      order.map((id) => [id, `${longName} ${id}`]),
    );
    const t = storage.begin();
    expect(await storage.rewriteTable(t, heap, keyed)).toBeUndefined();
    expect((await t.get(keyed, '', [manyRows - 1]))?.values[0]).toBe(manyRows - 1);
    await t.commit({ sync: false });
    expect(await ids(keyed)).toEqual(numbers(manyRows));
  },
  60_000,
);

test('rows of both tiers are taken over, and the hot ones win', async () => {
  await load(
    heap,
    numbers(10).map((id) => [id, 'cold']),
  );
  await storage.flush(heap, {});
  await inTransaction(storage, async (t) => {
    const rows = await allRows(t, heap, { scope: sharedScope });
    await t.update(
      heap,
      rows.find((row) => row.values[0] === 3)!,
      [3, 'hot'],
    );
    await t.delete(
      heap,
      rows.find((row) => row.values[0] === 4)!,
      'hard',
    );
    await t.insertMany(heap, '', [[10, 'hot']]);
  });
  const t = storage.begin();
  expect(await storage.rewriteTable(t, heap, keyed)).toBeUndefined();
  await t.commit({ sync: false });
  const reading = storage.begin();
  const rows = await allRows(reading, keyed, { scope: sharedScope });
  await reading.rollback();
  const expected = numbers(11)
    .filter((id) => id !== 4)
    .map((id) => [id, id === 3 || id === 10 ? 'hot' : 'cold']);
  expect(rows.map((row) => row.values)).toEqual(expected);
});

test('_updated stays', async () => {
  await load(heap, [[1, 'a']]);
  const before = storage.begin();
  const [old] = await allRows(before, heap, { scope: sharedScope });
  await before.rollback();
  const t = storage.begin();
  await storage.rewriteTable(t, heap, keyed);
  await t.commit({ sync: false });
  const after = storage.begin();
  const row = await after.get(keyed, '', [1]);
  await after.rollback();
  expect(row?.updated).toBe(old?.updated);
  expect(row?.seq).toBeGreaterThan(old!.seq);
});

test.each([
  ['side by side', [1, 1, 2], 1],
  ['far apart, both in order', [...numbers(manyRows), 5], 5],
  ['far apart, in no order', [...shuffled(manyRows), 5], 5],
])(
  'a key that comes twice is told, %s; nothing is left of the copy',
  async (_, order, twice) => {
    await load(
      heap,
      order.map((id) => [id, longName]),
    );
    const t = storage.begin();
    const failure = await storage.rewriteTable(t, heap, keyed);
    expect(failure).toMatchObject({ conflict: { index: null } });
    const conflict = failure !== undefined && 'conflict' in failure ? failure.conflict : undefined;
    expect(conflict?.existing.values[0]).toBe(twice);
    await t.rollback();
    expect(await ids(keyed)).toEqual([]);
    expect(await ids(heap)).toHaveLength(order.length);
  },
  60_000,
);

test('indexes are made along, and their duplicates told by index', async () => {
  await load(heap, [
    [2, 'b'],
    [1, 'a'],
  ]);
  const t = storage.begin();
  expect(await storage.rewriteTable(t, heap, indexed)).toBeUndefined();
  const found: unknown[] = [];
  for await (const rows of t.indexLookup(indexed, indexed.indexes[0]!, '', ['b']))
    found.push(...rows.map((row) => row.values[0]));
  expect(found).toEqual([2]);
  await t.rollback();
  await load(heap, [[3, 'a']]);
  const again = storage.begin();
  expect(await storage.rewriteTable(again, heap, indexed)).toMatchObject({
    conflict: { index: { name: 'by_name' } },
  });
  await again.rollback();
});

test('a missing value is told after all keys have been looked at', async () => {
  await load(heap, [
    [null, 'none'],
    [1, 'a'],
  ]);
  const t = storage.begin();
  expect(await storage.rewriteTable(t, heap, keyed)).toEqual({ nullColumn: 1 });
  await t.rollback();
  await load(heap, [[1, 'b']]);
  const again = storage.begin();
  expect(await storage.rewriteTable(again, heap, keyed)).toHaveProperty('conflict');
  await again.rollback();
});

test('a soft-deleted row gives way, goes without a key, and else stays deleted', async () => {
  await load(heap, [
    [1, 'old'],
    [1, 'live'],
    [2, 'older'],
    [2, 'younger'],
    [null, 'none'],
  ]);
  for (const name of ['old', 'older', 'younger', 'none']) {
    await inTransaction(storage, async (t) => {
      const rows = await allRows(t, heap, { scope: sharedScope });
      await t.delete(
        heap,
        rows.find((row) => row.values[1] === name)!,
        'soft',
      );
    });
  }
  const t = storage.begin();
  expect(await storage.rewriteTable(t, heap, keyed)).toBeUndefined();
  await t.commit({ sync: false });
  const reading = storage.begin();
  const rows = await allRows(reading, keyed, { scope: sharedScope, includeDeleted: true });
  await reading.rollback();
  expect(rows.map((row) => [...row.values, row.deleted])).toEqual([
    [1, 'live', false],
    [2, 'younger', true],
  ]);
});

describe('many soft-deleted rows', () => {
  const wide = longName.repeat(5);
  /** Enough of them to be written ahead more than twice. */
  const count = Math.ceil(manyRows / 5);

  /** Rows of 5 KB, all of them deleted, some of them twice; beside them some that are not. */
  async function loadDeleted(): Promise<void> {
    await load(
      heap,
      shuffled(count).flatMap((id): Row[] => [[id, `${wide} ${id}`]]),
    );
    await inTransaction(storage, async (t) => {
      for (const row of await allRows(t, heap, { scope: sharedScope }))
        await t.delete(heap, row, 'soft');
    });
    folder.clock.advance(1000n);
    await load(
      heap,
      shuffled(count, 101).flatMap((id): Row[] => (id % 2 === 0 ? [[id, `${wide} again`]] : [])),
    );
    await inTransaction(storage, async (t) => {
      for (const row of await allRows(t, heap, { scope: sharedScope }))
        if (Number(row.values[0]) % 4 === 0) await t.delete(heap, row, 'soft');
    });
  }

  const expected = (id: number): string =>
    id % 4 === 0 ? 'again, deleted' : id % 2 === 0 ? 'again' : `${id}, deleted`;

  test.each([
    ['', keyed],
    [
      ' and an index',
      { ...indexed, indexes: indexed.indexes.map((one) => ({ ...one, unique: false })) },
    ],
  ])(
    'are written ahead, with a key%s',
    async (_, to) => {
      await loadDeleted();
      const t = storage.begin();
      let heldBytesMax = 0;
      const { state } = t as InternalTransaction;
      const copy = (rows: readonly StoredRow[]): Promise<Row[]> => {
        const held = state.overlays.get(to.tableId)?.bytes ?? 0;
        heldBytesMax = Math.max(heldBytesMax, held);
        return Promise.resolve(rows.map(({ values }) => values));
      };
      expect(
        await storage.rewriteTable(t, heap, to, { rewriter: { live: copy, deleted: copy } }),
      ).toBeUndefined();
      expect(heldBytesMax).toBeLessThan(1.5 * spillBytes);
      expect(state.overlays.get(to.tableId)!.rows.size * wide.length).toBeLessThan(
        1.5 * spillBytes,
      );
      await t.commit({ sync: false });
      const reading = storage.begin();
      const rows = await allRows(reading, to, { scope: sharedScope, includeDeleted: true });
      expect(rows.map(({ values: [id] }) => id)).toEqual(numbers(count));
      const said = rows.map(
        ({ values, deleted }) =>
          `${(values[1] as string).slice(wide.length + 1)}${deleted ? ', deleted' : ''}`,
      );
      expect(said).toEqual(numbers(count).map(expected));
      await reading.rollback();
      const readCatalog = (): CatalogCheck => ({
        tables: [heap, to],
        passing: [],
        sequences: [],
        findings: [],
      });
      expect(await storage.verify({ readCatalog })).toMatchObject({ problems: 0, findings: [] });
    },
    120_000,
  );

  test('leave nothing when the rewrite is taken back', async () => {
    await loadDeleted();
    const t = storage.begin();
    expect(await storage.rewriteTable(t, heap, keyed)).toBeUndefined();
    await t.rollback();
    const reading = storage.begin();
    expect(
      await allRows(reading, keyed, { scope: sharedScope, includeDeleted: true }),
    ).toHaveLength(0);
    await reading.rollback();
  }, 120_000);
});

test('a commit to the former table in between loses neither: the rewrite has to be done again', async () => {
  await load(heap, [[1, 'a']]);
  const t = storage.begin();
  await storage.rewriteTable(t, heap, keyed);
  await load(heap, [[2, 'b']]);
  await expect(t.commit({ sync: false })).rejects.toMatchObject({ code: '40001' });
});

test('after a truncate, rows written ahead are seen by their transaction', async () => {
  await load(keyed, [[1, 'before']]);
  const t = storage.begin();
  await t.truncate(keyed, sharedScope);
  const rows = shuffled(manyRows).map((id): Row => [id, longName]);
  expect(await t.insertMany(keyed, '', rows)).toBeUndefined();
  t.newStatement();
  expect(await allRows(t, keyed, { scope: sharedScope })).toHaveLength(manyRows);
  expect((await t.get(keyed, '', [rows[0]![0] as number]))?.values[1]).toBe(longName);
  expect(await t.insertMany(keyed, '', [[1, 'twice']])).toHaveProperty('conflict');
  await t.commit({ sync: false });
  expect(await ids(keyed)).toEqual(numbers(manyRows));
}, 60_000);
