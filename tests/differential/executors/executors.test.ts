import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NotShippable } from '../../../src/executor/not-shippable.ts';
import type { TestExecutors } from './open-executors.ts';
import { openExecutors, storedRows } from './open-executors.ts';
import { schema, statements } from './statements.ts';
import { columnarSupports } from '../../../src/planner/shippable/index.ts';
import { postgresSupports } from '../../../src/executor/postgres/index.ts';

let db: TestExecutors;
beforeAll(async () => {
  // Without infinities, which the columnar executor leaves to others (NotShippable).
  db = await openExecutors(`${schema}; update item set made = null, day = null where id = 3`);
}, 60_000);
afterAll(async () => {
  await db.close();
});

async function compareAll(): Promise<{ columnar: number; postgres: number }> {
  const count = { columnar: 0, postgres: 0 };
  const failures: string[] = [];
  for (const text of statements) {
    const query = await db.analyze(text);
    const expected = (await db.mirror.handle.query(text, [])).rows;
    const judge = async (name: 'columnar' | 'postgres'): Promise<void> => {
      try {
        const rows = await db.run(db[name], query, text);
        count[name]++;
        if (JSON.stringify(rows) !== JSON.stringify(expected)) {
          failures.push(
            `${name}: ${text}\nexpected ${JSON.stringify(expected)}\nactual   ${JSON.stringify(rows)}`,
          );
        }
      } catch (error) {
        if (!(error instanceof NotShippable))
          failures.push(`${name}: ${text}\n${(error as Error).message}`);
      }
    };
    if (columnarSupports(query, db.mirror.catalog) === undefined) await judge('columnar');
    if (postgresSupports(query, db.mirror.catalog) === undefined) await judge('postgres');
  }
  expect(failures.join('\n\n')).toBe('');
  return count;
}

describe('the same rows as PostgreSQL', () => {
  test('all hot', async () => {
    const count = await compareAll();
    expect(count.columnar).toBeGreaterThan(60);
    expect(count.postgres).toBeGreaterThan(140);
  }, 60_000);

  test('flushed, then changed: cold rows superseded by hot ones', async () => {
    const item = db.mirror.catalog.tables.find((table) => table.stored.name === 'item')!.stored;
    await db.storage.flush(item, {});
    const { transaction, rows } = await storedRows(db, item);
    const second = rows.find((row) => row.values[0] === 2)!;
    await transaction.update(
      item,
      second,
      second.values.map((value, at) => (at === 3 ? 11 : value)),
    );
    await transaction.delete(
      item,
      rows.find((row) => row.values[0] === 4)!,
      'soft',
    );
    await transaction.commit({ sync: false });
    await db.mirror.handle.query(
      'update item set qty = 11 where id = 2; delete from item where id = 4',
    );
    await compareAll();
  }, 60_000);

  test('all cold', async () => {
    for (const table of db.mirror.catalog.tables) await db.storage.flush(table.stored, {});
    await compareAll();
  }, 60_000);
});

test('parameters', async () => {
  const text =
    'select id, name from item where id = any($1) and name > $2 and price < $3 order by id';
  const paramTypes = [1007, 25, 1700];
  const query = await db.analyze(text, paramTypes);
  const array = { kind: 'array', elements: [1, 2, 5, null], dims: [4], lowerBounds: [1] } as const;
  const options = { params: [array, 'B', '30'], paramTypes };
  const expected = (await db.mirror.handle.query(text, ['{1,2,5,null}', 'B', '30'])).rows;
  expect(columnarSupports(query, db.mirror.catalog)).toBeUndefined();
  expect(await db.run(db.columnar, query, text, options)).toEqual(expected);
  expect(await db.run(db.postgres, query, text, options)).toEqual(expected);
});

test('a transaction sees its own writes', async () => {
  const item = db.mirror.catalog.tables.find((table) => table.stored.name === 'item')!.stored;
  const { transaction, rows } = await storedRows(db, item);
  await transaction.delete(item, rows[0]!, 'soft');
  const text = 'select count(*) from item';
  const query = await db.analyze(text);
  const counts = await Promise.all(
    [db.columnar, db.postgres].map((executor) => db.run(executor, query, text, { transaction })),
  );
  expect(counts.map(([row]) => row![0])).toEqual([
    String(rows.length - 1),
    String(rows.length - 1),
  ]);
  await transaction.rollback();
  expect(await db.run(db.columnar, query, text)).toEqual([[String(rows.length)]]);
});

test('errors before the first row leave the query to another executor', async () => {
  const text = 'select 1 / (id - 1) from item';
  const query = await db.analyze(text);
  const error: unknown = await db.run(db.columnar, query, text).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(NotShippable);
  expect((error as NotShippable).likely?.code).toBe('22012');
  await expect(db.run(db.postgres, query, text)).rejects.toMatchObject({ code: '22012' });
});

test('more rows than the limit are refused, naming why', async () => {
  const text = "select to_char(id, '999') from item";
  const query = await db.analyze(text);
  await expect(
    db.run(db.postgres, query, text, { statement: { materializeLimit: 2 } }),
  ).rejects.toMatchObject({
    code: '54000',
    report: { detail: 'Only PostgreSQL computes to_char() exactly.' },
  });
});

test('a hot row that DuckDB cannot hold leaves the query to another executor', async () => {
  const sale = db.mirror.catalog.tables.find((table) => table.stored.name === 'sale')!.stored;
  const transaction = db.storage.begin();
  transaction.newStatement();
  await transaction.insert(sale, '', [1000, 1, 1, 2147483647]);
  const text = 'select max(at) from sale';
  const query = await db.analyze(text);
  await expect(db.run(db.columnar, query, text, { transaction })).rejects.toBeInstanceOf(
    NotShippable,
  );
  expect(await db.run(db.postgres, query, text, { transaction })).toEqual([['infinity']]);
  await transaction.rollback();
});
