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
  // Grouping by what does not ship: finer groups below.
  "select to_char(date_trunc('day', made), 'Dy') d, count(*), sum(qty), sum(big), sum(price), avg(qty), avg(price), min(name), max(made), bool_or(ok) from item group by 1 order by 1",
  "select to_char(date_trunc('month', made), 'YYYY') y, code, count(qty), count(*) filter (where ok), sum(small), avg(big) from item group by 1, 2 order by 1, 2",
  "select initcap(code) || '!' k, count(*) from item group by k having count(*) > 1 order by count(*) desc, k",
  'select initcap(name), count(*) + 1, sum(sum(qty)) over (order by initcap(name)) from item group by 1 order by 1',
  "select case initcap(code) when 'B2' then 'x' when 'A1' then code else 'z' end g, count(*) from item group by 1 order by 1",
  'select distinct count(*) from item group by initcap(code), ok order by 1',
  "select to_char(day, 'YYYY') y, (select count(*) from (values (1), (2)) v) n, sum(i.qty) from item i join sale s on s.item_id = i.id group by 1 order by 1",
  // Conditions that do not ship: above finer groups, or above the rows.
  "select count(*), sum(qty), avg(qty), min(name) from item where to_char(made, 'YYYY') = '2023' and id < 4",
  "select count(*), sum(qty), avg(qty), max(price) from item where initcap(code) = 'none'",
  "select code, count(*) from item where to_char(made, 'YYYY') > '2000' and qty is not null group by code order by code",
  "select id, name from item where initcap(name) = 'Apple' or id = 2 order by id desc limit 1",
  "select id, name, rank() over (order by id) from item where id < 5 and initcap(name) > 'B' order by id",
  "select string_agg(name, ',' order by id) from item where id < 5 and initcap(name) > 'B'",
  'select code, stddev(qty) from item where id > 0 group by code order by code',
  'select initcap(code), stddev(qty), count(*) from item where id < 5 group by 1 order by 1',
];

const uncut: readonly string[] = [
  // A float's -0 and 0 are one group.
  "select to_char(ratio, '9'), count(*) from item group by 1",
  // Computed for each row.
  'select initcap(name) || random()::text, count(*) from item group by 1',
  'select initcap(name), count(distinct qty) from item group by 1',
  'select initcap(name), stddev(qty) from item group by 1',
  'select initcap(code) || (select max(n)::text from sale where item_id = item.id), count(*) from item group by 1',
];

test.each(uncut.map((text) => [text]))('no cut: %s', async (text) => {
  const query = normalizeQuery(await db.mirror.analyze(text), db.mirror.catalog);
  expect(splitQuery(query, db.mirror.catalog)).toBeUndefined();
});

test.each(cut.map((text) => [text]))('%s', async (text) => {
  const query = normalizeQuery(await db.mirror.analyze(text), db.mirror.catalog);
  const expected = (await db.mirror.handle.query(text, [])).rows;
  if (columnarSupports(query, db.mirror.catalog) === undefined) {
    expect(await db.run(db.columnar, query, text)).toEqual(expected);
    return;
  }
  const split = splitQuery(query, db.mirror.catalog);
  const readsAbove = text.includes('from sale where');
  if (readsAbove) {
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
