import { afterEach, beforeEach, expect, test } from 'vitest';
import { Oid, arrayOidOf } from '../../types/oid.ts';
import type { Row, Value } from '../../types/value.ts';
import { dateInfinity, dateMinusInfinity } from '../../types/value.ts';
import { testTable } from '../testing.ts';
import type { TestFolder } from '../testing-folder.ts';
import { allRows, inTransaction, testFolder } from '../testing-folder.ts';
import type { Storage, StoredTable } from '../types.ts';

/** Values of each type that a file carries, and those that it does not. */
const kinds: readonly {
  readonly name: string;
  readonly oid: number;
  readonly typmod?: number;
  readonly carried: readonly Value[];
  readonly kept?: readonly Value[];
}[] = [
  { name: 'b', oid: Oid.bool, carried: [true, false] },
  { name: 'i2', oid: Oid.int2, carried: [0, 32767, -32768, -1] },
  { name: 'i4', oid: Oid.int4, carried: [0, 2147483647, -2147483648, -1] },
  { name: 'i8', oid: Oid.int8, carried: [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n] },
  { name: 'o', oid: Oid.oid, carried: [0, 4294967295] },
  { name: 'f4', oid: Oid.float4, carried: [0, -0, 1.5, Infinity, -Infinity, NaN] },
  { name: 'f8', oid: Oid.float8, carried: [0, -0, 0.1, 5e-324, Infinity, -Infinity, NaN] },
  {
    name: 't',
    oid: Oid.text,
    carried: [
      '',
      'x',
      'twelve bytes',
      'thirteen byte',
      'ä',
      '€uro signs €',
      '😀'.repeat(3),
      '😀'.repeat(4),
      'z'.repeat(40),
      'z'.repeat(41),
      'long '.repeat(300),
      'NaN',
    ],
  },
  { name: 'j', oid: Oid.jsonb, carried: ['{}', '{"a": [1, 2, {"b": null}]}', 'null'] },
  { name: 'n', oid: Oid.numeric, carried: ['1.50', 'NaN', '-0.000', '9'.repeat(60)] },
  {
    name: 'd',
    oid: Oid.numeric,
    typmod: (10 << 16) + 2 + 4,
    carried: ['0.00', '-12345678.90', '99999999.99'],
    kept: ['NaN'],
  },
  {
    name: 'u',
    oid: Oid.uuid,
    carried: ['00000000-0000-0000-0000-000000000000', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  },
  {
    name: 'by',
    oid: Oid.bytea,
    carried: [new Uint8Array(0), Uint8Array.of(0, 255, 128), new Uint8Array(300).fill(200)],
  },
  {
    name: 'day',
    oid: Oid.date,
    carried: [0, -10957, 8035, -2000000],
    kept: [dateInfinity, dateMinusInfinity],
  },
  { name: 'time', oid: Oid.time, carried: [0, 86_399_999_999], kept: [86_400_000_000] },
  {
    name: 'ts',
    oid: Oid.timestamp,
    carried: [0n, -1n, 946684800000000n, -946684800000001n, 9_000_000_000_000_000_000n],
    kept: [2n ** 63n - 1n, -(2n ** 63n)],
  },
  {
    name: 'tz',
    oid: Oid.timestamptz,
    carried: [1n, -211813488000000000n],
    kept: [2n ** 63n - 1n],
  },
  {
    name: 'iv',
    oid: Oid.interval,
    carried: [{ kind: 'interval', months: -14, days: 3, micros: -1n }],
  },
  { name: 'ttz', oid: Oid.timetz, carried: [{ kind: 'timetz', micros: 12_345_678, zone: -3600 }] },
  {
    name: 'fa',
    oid: arrayOidOf.get(Oid.float8)!,
    carried: [
      { kind: 'array', elements: [0], dims: [1], lowerBounds: [1] },
      { kind: 'array', elements: [-0, 1.5], dims: [2], lowerBounds: [1] },
    ],
  },
  {
    name: 'ta',
    oid: arrayOidOf.get(Oid.text)!,
    carried: [
      {
        kind: 'array',
        elements: ['a', null, 'long enough to be apart'],
        dims: [3],
        lowerBounds: [1],
      },
      { kind: 'array', elements: [], dims: [], lowerBounds: [] },
    ],
    kept: [{ kind: 'array', elements: ['a'], dims: [1], lowerBounds: [5] }],
  },
];

const columns = Object.fromEntries(
  kinds.map(({ name, oid, typmod = -1 }) => [name, { oid, typmod }]),
);

/** Rows enough for several chunks, each value beside nulls and others. */
function rowsOf(count: number): Row[] {
  return Array.from({ length: count }, (_, i) =>
    kinds.map(({ carried, kept = [] }, column) => {
      if ((i + column) % 7 === 0) return null;
      if (i % 97 === 0 && kept.length > 0) return kept[i % kept.length]!;
      return carried[(i * 31 + column) % carried.length]!;
    }),
  );
}

let folder: TestFolder;
beforeEach(() => {
  folder = testFolder();
});
afterEach(() => folder.remove());

async function contents(storage: Storage, table: StoredTable): Promise<Map<string, unknown>> {
  const reading = storage.begin();
  const rows = await allRows(reading, table, { scope: { kind: 'all' }, includeDeleted: true });
  await reading.rollback();
  return new Map(
    rows.map((row) => [
      Buffer.from(row.key).toString('hex'),
      [row.userId, row.values, row.seq, row.updated, row.deleted],
    ]),
  );
}

function hasKept(row: Row): boolean {
  return row.some((value, column) => value !== null && kinds[column]!.kept?.includes(value));
}

test.each([
  { kind: 'shared', flushInlineRows: 1_000_000 },
  { kind: 'user', flushInlineRows: 1_000_000 },
  { kind: 'user', flushInlineRows: 0 },
] as const)('every type reads as before ($kind, $flushInlineRows)', async (given) => {
  const table = testTable({ kind: given.kind, columns });
  const rows = rowsOf(given.kind === 'user' ? 700 : 2500);
  const users = given.kind === 'user' ? ['ann', 'a user whose id is long', '😀\u0000'] : [''];
  const storage = await folder.open({ flushInlineRows: given.flushInlineRows });
  await inTransaction(storage, async (transaction) => {
    for (const user of users) await transaction.insertMany(table, user, rows);
  });
  await inTransaction(storage, async (transaction) => {
    const [first, second] = await allRows(transaction, table, {
      scope: { kind: 'one', userId: users[0]! },
      order: 'asc',
      limit: 2,
    });
    await transaction.delete(table, second!, 'soft');
    await transaction.update(table, first!, rows[200]!);
  });
  const before = await contents(storage, table);
  const result = await storage.flush(table, {});
  await storage.idle();
  const kept = rows.filter(hasKept).length * users.length;
  // The first row of one user was one that is kept.
  expect(result.rows).toBe(rows.length * users.length - kept + 1);
  const after = await contents(storage, table);
  expect(after.size).toBe(before.size);
  for (const [key, row] of before) expect(after.get(key)).toEqual(row);
  expect(await storage.stats(table)).toMatchObject({ coldRows: result.rows, hotRows: kept - 1 });
  await storage.close();
});

test('rows of an earlier layout get what their columns read as', async () => {
  const first = testTable({ columns: { id: Oid.int4, gone: Oid.text }, primaryKey: ['id'] });
  const [id, gone] = first.columns;
  const table: StoredTable = {
    ...first,
    schemaVersion: 2,
    columns: [
      id!,
      { id: 3, name: 'added', typeOid: Oid.text, typmod: -1, missing: 'as it was before' },
      { id: 4, name: 'empty', typeOid: Oid.int8, typmod: -1, missing: null },
    ],
    layouts: new Map([[1, [id!, gone!]]]),
  };
  const storage = await folder.open();
  await inTransaction(storage, (transaction) => transaction.insertMany(first, '', [[1, 'a']]));
  await inTransaction(storage, (transaction) =>
    transaction.insertMany(table, '', [[2, 'new', 5n]]),
  );
  const before = await contents(storage, table);
  expect([...before.values()].map((row) => (row as Row[])[1])).toEqual([
    [1, 'as it was before', null],
    [2, 'new', 5n],
  ]);
  expect(await storage.flush(table, {})).toMatchObject({ rows: 2, files: 1 });
  expect(await contents(storage, table)).toEqual(before);
  await storage.close();
});

test('many scopes share what DuckDB does for a table, and each has its own statistics', async () => {
  const table = testTable({
    kind: 'user',
    columns: { id: Oid.int4, body: Oid.text },
    primaryKey: ['id'],
  });
  const storage = await folder.open();
  await inTransaction(storage, async (transaction) => {
    for (let user = 0; user < 70; user++)
      await transaction.insertMany(
        table,
        `u${user}`,
        Array.from({ length: 1 + (user % 5) }, (_, i) => [user * 10 + i, i === 0 ? null : `b${i}`]),
      );
  });
  const before = await contents(storage, table);
  expect(await storage.flush(table, {})).toMatchObject({ files: 70, users: 70, rows: 210 });
  expect(await contents(storage, table)).toEqual(before);
  for (const file of await storage.files(table.tableId)) {
    const user = Number(file.userId.slice(1));
    expect(file.rows).toBe(1 + (user % 5));
    expect(file.statistics.get(2)!.nulls).toBe(1);
    const { min, max } = file.statistics.get(1)!;
    expect(Buffer.from(min!).readInt32BE() ^ -0x80000000).toBe(user * 10);
    expect(Buffer.from(max!).readInt32BE() ^ -0x80000000).toBe(user * 10 + (user % 5));
  }
  await storage.close();
});
