/** Mirrors of hot rows: the columnar executor's answers follow random commits and flushes, also while these go on. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import fc from 'fast-check';
import type { StoredTable } from '../../../src/storage/index.ts';
import { sharedScope } from '../../../src/storage/index.ts';
import type { Value } from '../../../src/types/value.ts';
import type { TestExecutors } from './open-executors.ts';
import { openExecutors } from './open-executors.ts';

const schema = `
create table counted (id int primary key, grp text, n bigint);
create table pair (a text, b date, n int, primary key (a, b));
create table loose (n int, t text);
create table priced (p numeric(8,2) primary key, n int);
`;
const queries: Readonly<Record<string, string>> = {
  counted: 'select grp, count(*), sum(n) from counted group by grp order by grp',
  pair: 'select a, b, n from pair order by a, b',
  loose: 'select n, t, count(*) from loose group by n, t order by n, t',
  priced: 'select p, n from priced order by p',
};

let db: TestExecutors;
beforeAll(async () => {
  db = await openExecutors(schema);
}, 60_000);
afterAll(async () => {
  await db.close();
});

const tableOf = (name: string): StoredTable =>
  db.mirror.catalog.tables.find((table) => table.stored.name === name)!.stored;

function values(name: string, seed: number): Value[] {
  const small = seed % 40;
  switch (name) {
    case 'counted':
      return [small, `g${seed % 5}`, BigInt(seed)];
    case 'pair':
      return [`k${small % 7}\u{1f600}`, small, seed];
    case 'loose':
      return [seed % 11, `t${seed % 3}`];
    default:
      return [`${small}.50`, seed];
  }
}

type Step =
  | { readonly kind: 'write'; readonly table: string; readonly seeds: readonly number[] }
  | {
      readonly kind: 'delete';
      readonly table: string;
      readonly seed: number;
      readonly hard: boolean;
    }
  | { readonly kind: 'flush'; readonly table: string }
  | { readonly kind: 'truncate'; readonly table: string }
  | { readonly kind: 'ask'; readonly table: string };

async function apply(step: Step): Promise<void> {
  const table = tableOf(step.table);
  if (step.kind === 'ask') return;
  if (step.kind === 'flush') {
    await db.storage.flush(table, {});
    return;
  }
  const transaction = db.storage.begin();
  transaction.newStatement();
  if (step.kind === 'truncate') await transaction.truncate(table, sharedScope);
  else if (step.kind === 'delete') {
    for await (const batch of transaction.scan(table, { scope: sharedScope })) {
      const row = batch[step.seed % batch.length]!;
      await transaction.delete(table, row, step.hard ? 'hard' : 'soft');
      break;
    }
  } else {
    for (const seed of step.seeds) {
      const row = values(step.table, seed);
      const done = await transaction.insert(table, '', row);
      if ('conflict' in done) await transaction.update(table, done.conflict.existing, row);
    }
  }
  await transaction.commit({ sync: false });
}

const tables = fc.constantFrom(...Object.keys(queries));
const seeds = fc.nat(999);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write'),
      table: tables,
      seeds: fc.array(seeds, { minLength: 1, maxLength: 8 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('delete'),
      table: tables,
      seed: seeds,
      hard: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('flush', 'truncate'), table: tables }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('ask'), table: tables }) },
) as fc.Arbitrary<Step>;

async function expectSame(table: string): Promise<void> {
  const text = queries[table]!;
  const query = await db.analyze(text);
  expect(await db.run(db.columnar, query, text)).toEqual(await db.run(db.row, query, text));
}

test('random commits between queries: as the row executor reads them', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      for (const one of steps) {
        await apply(one);
        if (one.kind === 'ask') await expectSame(one.table);
      }
      for (const table of Object.keys(queries)) await expectSame(table);
    }),
    { numRuns: 12 },
  );
}, 120_000);

describe('under way', () => {
  test('queries see whole commits while commits and flushes go on', async () => {
    const table = tableOf('counted');
    const clear = db.storage.begin();
    clear.newStatement();
    await clear.truncate(table, sharedScope);
    await clear.commit({ sync: false });
    // Each commit moves one from a row to another: the sum and the count never change.
    const rows = 30;
    const fill = db.storage.begin();
    fill.newStatement();
    await fill.insertMany(
      table,
      '',
      Array.from({ length: rows }, (_, id) => [id, 'g', 100n]),
    );
    await fill.commit({ sync: false });
    let running = true;
    const write = async (): Promise<void> => {
      for (let turn = 0; running; turn++) {
        const transaction = db.storage.begin();
        transaction.newStatement();
        for (const [id, by] of [
          [turn % rows, 1n],
          [(turn * 7 + 3) % rows, -1n],
        ] as const) {
          const old = (await transaction.get(table, '', [id]))!;
          await transaction.update(table, old, [id, 'g', (old.values[2] as bigint) + by]);
        }
        await transaction.commit({ sync: false });
        if (turn % 40 === 39) await db.storage.flush(table, {});
      }
    };
    const writing = write();
    const text = 'select count(*), sum(n) from counted';
    const query = await db.analyze(text);
    for (let asked = 0; asked < 60; asked++) {
      const answers = await Promise.all([1, 2, 3].map(() => db.run(db.columnar, query, text)));
      for (const answer of answers) expect(answer).toEqual([[`${rows}`, `${rows * 100}`]]);
    }
    running = false;
    await writing;
  }, 60_000);

  test('many changed rows are merged into the mirror', async () => {
    const table = tableOf('counted');
    await expectSame('counted');
    for (let round = 0; round < 3; round++) {
      const transaction = db.storage.begin();
      transaction.newStatement();
      const from = 1000 + round * 3000;
      const rows = Array.from({ length: 3000 }, (_, at): Value[] => [from + at, 'm', BigInt(at)]);
      await transaction.insertMany(table, '', rows);
      await transaction.commit({ sync: false });
      await expectSame('counted');
    }
  }, 60_000);
});
