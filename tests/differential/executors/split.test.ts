import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestExecutors } from './open-executors.ts';
import { openExecutors } from './open-executors.ts';
import { schema } from './statements.ts';
import type { Row } from '../../../src/types/value.ts';
import { normalizeQuery } from '../../../src/planner/normalize.ts';
import { findScans } from '../../../src/planner/scans.ts';
import { columnarSupports } from '../../../src/planner/shippable/index.ts';
import { splitQuery } from '../../../src/planner/split.ts';

let db: TestExecutors;
beforeAll(async () => {
  db = await openExecutors(`${schema}; update item set made = null, day = null where id = 3`);
}, 60_000);
afterAll(async () => {
  await db.close();
});

const cut: readonly string[] = [
  'select avg(qty), avg(small), avg(big), avg(price) from item',
  'select avg(qty), avg(price), avg(big) from item where id > 100',
  'select avg(distinct qty), count(*) filter (where ok), avg(price) filter (where id > 1) from item',
  'select code, avg(qty), avg(price) from item group by code order by code',
  "select to_char(count(*), '999'), code from item group by code order by 2",
  'select code, avg(qty) from item group by code having avg(qty) > 2 order by avg(qty) desc, code',
  'select ok, initcap(max(name)) from item group by ok order by 1',
  'select coalesce(sum(price), 0), coalesce(avg(qty), 0) from item',
  'select coalesce(sum(price), 0) from item where false',
  'select avg(qty) / 3, round(avg(price), 2), sum(price) / count(*) from item',
  'select item.id, initcap(name), count(*) from item group by id order by id',
  'select code, avg(qty), rank() over (order by avg(qty) desc nulls last) from item group by code order by 3, 1',
  'select distinct avg(qty) from item group by ok order by 1',
  'select i.code, avg(s.n) from item i join sale s on s.item_id = i.id group by i.code order by 1 limit 1',
  'select code as k, (select max(n) from sale where item_id = min(item.id)) from item group by code order by 1',
  "select to_char(price, 'FM90.0'), initcap(name) from item where id < 4 order by id desc limit 2",
  'select initcap(name) from item where id < 4 order by initcap(name)',
  'select initcap(i.name), s.n from item i join sale s on s.item_id = i.id order by s.id',
  'select id, initcap(name), row_number() over (order by id) from item order by id',
  'select distinct initcap(code) from item order by 1',
  "select to_char(price, '99.9') from (select price from item order by id limit 2) x",
  'select avg(x) from (values (1), (2), (4)) v(x)',
  'select avg(a) from (select big as a from item) q',
];

test.each(cut.map((text) => [text]))('%s', async (text) => {
  const query = normalizeQuery(await db.mirror.analyze(text), db.mirror.catalog);
  const expected = (await db.mirror.handle.query(text, [])).rows;
  if (columnarSupports(query, db.mirror.catalog) === undefined) {
    expect(await db.run(db.columnar, query, text)).toEqual(expected);
    return;
  }
  const split = splitQuery(query, db.mirror.catalog);
  const correlated = text.includes('min(item.id)');
  if (correlated) {
    expect(split).toBeUndefined();
    return;
  }
  expect(split).toBeDefined();
  const { lower, upper, source } = split!;
  expect([...findScans(upper, db.mirror.catalog)]).toEqual([]);
  const rows: Row[] = [];
  const transaction = db.storage.begin();
  transaction.newStatement();
  await db.collect(db.columnar, lower, text, transaction, rows);
  await transaction.rollback();
  const sources = new Map([[source, { rows }]]);
  expect(await db.run(db.postgres, upper, text, { sources })).toEqual(expected);
});
