import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Row, Value } from '../../types/value.ts';
import { timestampInfinity } from '../../types/value.ts';
import { Oid } from '../../types/oid.ts';
import { testTable } from '../testing.ts';
import type { TestFolder } from '../testing-folder.ts';
import { allRows, testFolder } from '../testing-folder.ts';
import type { Storage, StorageTransaction, StoredRow } from '../types.ts';

/** A row of the model: what storage should hold. */
interface Expected {
  readonly values: Row;
  readonly deleted: boolean;
}
type Model = Map<string, Map<string, Expected>>;

const users = ['ann', 'Ann', '../x', '😀\u0000'];
const table = testTable({
  tableId: 42,
  name: 'Messages',
  kind: 'user',
  columns: {
    room: Oid.text,
    id: Oid.int4,
    amount: { oid: Oid.numeric, typmod: ((10 << 16) | 2) + 4 },
    at: Oid.timestamptz,
    tag: Oid.text,
    tags: 1009,
  },
  primaryKey: ['room', 'id'],
  indexes: [
    { name: 'messages_tag', columns: ['tag'], unique: true },
    { name: 'messages_at', columns: ['at'] },
  ],
});

/** A small generator with a seed, so that a failure can be run again. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const keyOf = (values: Row): string => JSON.stringify([values[0], values[1]]);
const copy = (model: Model): Model =>
  new Map([...model].map(([user, rows]) => [user, new Map(rows)]));

function randomRow(next: (below: number) => number): Row {
  const tags = next(3) === 0 ? null : array(next(4), next(20) === 0);
  return [
    ['a', 'b', 'ä', ''][next(4)]!,
    next(12) - 6,
    next(25) === 0 ? 'NaN' : next(6) === 0 ? null : `${next(90) - 40}.${10 + next(90)}`,
    next(25) === 0 ? timestampInfinity : BigInt(next(5)) * 1_000_000n,
    next(4) === 0 ? null : `tag${next(12)}`,
    tags,
  ];
}

function array(length: number, odd: boolean): Value {
  const elements = Array.from({ length }, (_, i) => (i === 1 ? null : `e${i}'"`));
  if (length === 0) return { kind: 'array', elements, dims: [], lowerBounds: [] };
  return { kind: 'array', elements, dims: [length], lowerBounds: [odd ? 5 : 1] };
}

function tagTaken(rows: Map<string, Expected>, tag: Value, own: string): boolean {
  if (tag === null) return false;
  return [...rows].some(([key, row]) => !row.deleted && key !== own && row.values[4] === tag);
}

async function check(transaction: StorageTransaction, model: Model, user: string): Promise<void> {
  const rows = model.get(user)!;
  const scope = { kind: 'one', userId: user } as const;
  const plain = (found: readonly StoredRow[]): Expected[] =>
    found.map(({ values, deleted }) => ({ values, deleted }));
  const room = (row: Expected): Buffer => Buffer.from(row.values[0] as string);
  const byKey = (a: Expected, b: Expected): number =>
    Buffer.compare(room(a), room(b)) || (a.values[1] as number) - (b.values[1] as number);
  const all = [...rows.values()].sort(byKey);
  const live = all.filter((row) => !row.deleted);
  expect(plain(await allRows(transaction, table, { scope, order: 'asc' }))).toEqual(live);
  expect(
    plain(await allRows(transaction, table, { scope, order: 'desc', includeDeleted: true })),
  ).toEqual(all.toReversed());
  expect(plain(await allRows(transaction, table, { scope })).sort(byKey)).toEqual(live);
  const inA = [{ columnId: 1, op: '=', values: ['a'] }] as const;
  const inRoom = (await allRows(transaction, table, { scope, predicates: inA })).filter(
    (row) => row.values[0] === 'a',
  );
  expect(plain(inRoom).sort(byKey)).toEqual(live.filter((row) => row.values[0] === 'a'));
  for (let tag = 0; tag < 12; tag += 3) {
    const found: StoredRow[] = [];
    const index = table.indexes[0]!;
    for await (const batch of transaction.indexLookup(table, index, user, [`tag${tag}`]))
      found.push(...batch);
    expect(plain(found)).toEqual(live.filter((row) => row.values[4] === `tag${tag}`));
  }
  for (const key of [
    ['a', 0],
    ['b', 3],
    ['', -6],
  ] as const) {
    const expected = rows.get(JSON.stringify(key));
    const wanted = expected?.deleted === false ? expected.values : undefined;
    expect((await transaction.get(table, user, [...key]))?.values).toEqual(wanted);
    const sync = transaction.getSync(table, user, [...key]);
    if (sync !== 'unknown') expect(sync?.values).toEqual(wanted);
  }
}

async function step(
  next: (below: number) => number,
  transaction: StorageTransaction,
  model: Model,
): Promise<void> {
  const user = users[next(users.length)]!;
  const rows = model.get(user)!;
  const row = randomRow(next);
  const key = keyOf(row);
  switch (next(10)) {
    case 0:
    case 1:
    case 2:
    case 3: {
      const result = await transaction.insert(table, user, row);
      const existing = rows.get(key);
      const conflict =
        (existing !== undefined && !existing.deleted) || tagTaken(rows, row[4]!, key);
      expect('conflict' in result).toBe(conflict);
      if (!conflict) rows.set(key, { values: row, deleted: false });
      return;
    }
    case 4: {
      const result = await transaction.insertMany(table, user, [row]);
      const existing = rows.get(key);
      const conflict =
        (existing !== undefined && !existing.deleted) || tagTaken(rows, row[4]!, key);
      expect(result !== undefined).toBe(conflict);
      if (!conflict) rows.set(key, { values: row, deleted: false });
      return;
    }
    case 5:
    case 6:
    case 7: {
      const old = await transaction.get(table, user, [row[0]!, row[1]!]);
      if (old === undefined) return;
      const values =
        next(3) === 0 ? randomRow(next) : [row[0]!, row[1]!, ...randomRow(next).slice(2)];
      const newKey = keyOf(values);
      const taken = newKey !== key && rows.get(newKey)?.deleted === false;
      const conflict = taken || tagTaken(rows, values[4]!, key);
      const result = await transaction.update(table, old, values);
      expect('conflict' in result).toBe(conflict);
      if (conflict) return;
      rows.delete(key);
      rows.set(newKey, { values, deleted: false });
      return;
    }
    case 8:
    case 9: {
      const old = await transaction.get(table, user, [row[0]!, row[1]!]);
      if (old === undefined) return;
      const hard = next(2) === 0;
      await transaction.delete(table, old, hard ? 'hard' : 'soft');
      if (hard) rows.delete(key);
      else rows.set(key, { values: old.values, deleted: true });
    }
  }
}

describe('storage against a model', () => {
  let folder: TestFolder;
  beforeEach(() => {
    folder = testFolder();
  });
  afterEach(() => folder.remove());

  test.each([1, 2, 3, 4, 110])(
    'random operations, flushes and restarts, seed %i',
    async (seed) => {
      const next = seeded(seed * 7919);
      let committed: Model = new Map(users.map((user) => [user, new Map()]));
      // Some of them in the flush thread.
      const options = seed % 4 === 0 ? { flushInlineRows: 0 } : {};
      let storage: Storage = await folder.open(options);
      try {
        for (let round = 0; round < 40; round++) {
          const model = copy(committed);
          const transaction = storage.begin();
          const steps = 1 + next(15);
          for (let i = 0; i < steps; i++) {
            transaction.newStatement();
            await step(next, transaction, model);
          }
          if (next(12) === 0) {
            const user = users[next(users.length)]!;
            const all = next(3) === 0;
            await transaction.truncate(
              table,
              all ? { kind: 'all' } : { kind: 'one', userId: user },
            );
            for (const [name, rows] of model) if (all || name === user) rows.clear();
          }
          transaction.newStatement();
          await check(transaction, model, users[next(users.length)]!);
          if (next(5) === 0) await transaction.rollback();
          else {
            await transaction.commit({ sync: next(2) === 0 });
            committed = model;
          }
          if (next(4) === 0) {
            const userIds = users.filter(() => next(2) === 0);
            await storage.flush(table, next(2) === 0 ? {} : { userIds });
          }
          if (next(6) === 0) await storage.compact(table, { everything: next(2) === 0 });
          if (next(8) === 0) {
            await storage.close();
            storage = await folder.open(options);
          }
          if (next(3) === 0) {
            const reading = storage.begin();
            for (const user of users) await check(reading, committed, user);
            await reading.rollback();
          }
        }
        await storage.flush(table, {});
        await storage.idle();
        const reading = storage.begin();
        for (const user of users) await check(reading, committed, user);
        const everyone = await allRows(reading, table, {
          scope: { kind: 'all' },
          includeDeleted: true,
        });
        expect(everyone.length).toBe(
          [...committed.values()].reduce((sum, rows) => sum + rows.size, 0),
        );
        await reading.rollback();
      } finally {
        await storage.close();
      }
    },
    120_000,
  );
});
