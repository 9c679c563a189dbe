/**
 * Constants that fail, wherever they may stand: PostgreSQL computes many of them while it plans, whether a row comes or not, and leaves
 * others alone. pgtide answers as PostgreSQL (PGlite) does, over no rows and over some.
 */
import { expect, test } from 'vitest';
import { bothServers } from './both-servers.ts';

const schema = [
  'create table empty (id int primary key, a int, v varchar(3), n numeric(4, 2), at timestamptz, j jsonb)',
  'create table filled (id int primary key, a int, v varchar(3), n numeric(4, 2), at timestamptz, j jsonb)',
  `insert into filled select i, i % 3, 'v' || i, i, timestamptz '2024-01-01' + i * interval '1 day', '{}' from generate_series(1, 5) i`,
  'create view over_empty as select id, 1 / 0 as fails, a from empty',
];

/** T is each of the tables in turn. */
const shapes = [
  'select 1 / 0 from T',
  'select a + 1 / 0 from T',
  'select a, 1 / (1 - 1) from T order by 1',
  `select 'x'::text::int from T`,
  `select 'x' || 1 / 0 from T`,
  `select abs(-1) / 0 from T`,
  'select 1 / 0 from T where false',
  'select 1 / 0 from T where 1 = 2',
  'select 1 from T where 1 / 0 = 1',
  'select 1 from T where a = 1 / 0',
  'select 1 from T where a in (1, 1 / 0)',
  'select 1 from T where a = any (array[1, 1 / 0])',
  'select 1 from T where false and 1 / 0 = 1',
  'select 1 from T where 1 / 0 = 1 and false',
  'select 1 from T where a > 0 and false and 1 / 0 = 1',
  'select 1 from T where true or 1 / 0 = 1',
  'select 1 from T where 1 / 0 = 1 or true',
  'select 1 from T where a > 0 or 1 / 0 = 1',
  'select 1 from T where not (1 / 0 = 1)',
  'select 1 from T where a is null and 1 / 0 = 1',
  'select case when true then 1 else 1 / 0 end from T',
  'select case when false then 1 / 0 else 1 end from T',
  'select case when a > 100 then 1 / 0 else 1 end from T',
  'select case when a > 100 then 1 / a else 1 end from T',
  'select case 1 when 1 then 2 else 1 / 0 end from T',
  'select case 1 when 2 then 1 / 0 else 3 end from T',
  'select case a when 100 then 1 / 0 else 3 end from T',
  `select case when now() > '2000-01-01' then 1 else 1 / 0 end from T`,
  `select case when now() > '2000-01-01' then 1 else 1 / 0 end`,
  'select coalesce(1, 1 / 0) from T',
  'select coalesce(null, 1 / 0) from T',
  'select coalesce(a, 1 / 0) from T',
  'select coalesce(a, 1, 1 / 0) from T',
  'select nullif(1 / 0, 1) from T',
  'select greatest(1, 1 / 0) from T',
  'select array[1 / 0] from T',
  'select row(1 / 0) is null from T',
  'select (array[1, 2])[1 / 0] from T',
  'select sum(1 / 0) from T',
  'select count(*) filter (where 1 / 0 = 1) from T',
  'select count(*), 1 / 0 from T',
  'select count(*) from T having 1 / 0 = 1',
  'select a from T group by a having 1 / 0 = 1',
  'select a from T group by a, 1 / 0',
  'select a from T order by 1 / 0',
  'select a from T limit 1 / 0',
  'select a from T offset 1 / 0',
  'select a from T limit 0 offset 1 / 0',
  'select 1 / 0 from T limit 0',
  'select distinct 1 / 0 from T',
  'select row_number() over (order by 1 / 0) from T',
  'select lag(a, 1 / 0) over (order by id) from T',
  'select x.a from T x join T y on x.id = y.id and 1 / 0 = 1',
  'select x.a from T x left join T y on x.id = y.id and 1 / 0 = 1',
  'select x.a from T x left join T y on false and 1 / 0 = 1',
  'select x.a from T x full join T y on x.id = y.id where 1 / 0 = 1',
  'select * from (select 1 / 0 as f from T) x',
  'select 1 from (select 1 / 0 as f from T) x',
  'select count(*) from (select 1 / 0 as f from T) x',
  'select count(*) from (select 1 / 0 as f from T offset 0) x',
  'select a from (select a, 1 / 0 as f from T limit 3) x',
  'select * from over_empty',
  'select id from over_empty',
  'select count(*) from over_empty where fails > 0',
  'with c as (select 1 / 0 as f from T) select * from c',
  'with c as (select 1 / 0 as f from T) select 1',
  'with c as materialized (select 1 / 0 as f from T) select count(*) from c',
  'with recursive c(n) as (select 1 / 0 from T union all select n + 1 from c where n < 3) select * from c',
  'select (select 1 / 0) from T',
  'select (select max(a) from T where 1 / 0 = 1)',
  'select exists (select 1 / 0 from T)',
  'select 1 from T where exists (select 1 / 0 from T)',
  'select 1 from T where a in (select 1 / 0 from T)',
  'select 1 from T where a not in (select 1 / 0 from T)',
  'select 1 / 0 from T union all select 1 from T',
  'select 1 from T union select 1 / 0 from T',
  'select * from T, (values (1), (1 / 0)) x (b)',
  'select * from T, (values (1 / 0)) x (b)',
  'select * from T, generate_series(1, 1 / 0)',
  'select generate_series(1, 1 / 0) from T',
  'select random() * (1 / 0) from T',
  `select v like 'a\\' from T`,
  `select 'a' like 'b\\' from T`,
  `select 'abc'::varchar(2)::int from T`,
  `select 12345::numeric(4, 2) from T`,
  `select cast('12345' as numeric(4, 2)) from T`,
  `select at > 'never'::text::timestamptz from T`,
  `select 1 from T where at > 'never'::text::timestamptz`,
  `select 1 from T where at > to_timestamp('x', 'YYYY')`,
  `select to_char(now(), 'YYYY')::int / 0 from T`,
  `select 1 from T where a = to_char(now(), 'YYYY')::int / 0`,
  `select ('{"a": "b"}'::jsonb ->> 'a')::int from T`,
  `select 1 from T where j @> ('{' || 'a')::jsonb`,
  `select 1 from T where v ~ '('`,
  `select 'v' ~ '(' from T`,
  `select substring('abc' from 1 for -1) from T`,
  `select repeat('x', 3)::int from T`,
  `select 2147483647 + 1 from T`,
  `select a + (2147483647 + 1) from T`,
  `select (9223372036854775807 + 1) from T`,
  `select 1e308::float8 * 10 from T`,
  `select sqrt(-1) from T`,
  `select ln(0::numeric) from T`,
  `select date '2024-01-01' + 2147483647 from T`,
  `select interval '1 day' / 0 from T`,
  `select chr(0) from T`,
  `select 'x'::text::bool and a > 0 from T`,
  `select a > 0 and 'x'::text::bool from T`,
  `select current_setting('no.such') from T`,
  `select 1 from T where v = current_setting('no.such')`,
  'insert into T (id) select 1 / 0 from empty',
  `insert into T (id) select 'x'::text::int from empty`,
  `insert into T (id, v) select 1, 'too long' from empty`,
  `insert into T (id, v) select 1, 'too' || 'long' from empty`,
  `insert into T (id, n) select 1, 1000 from empty`,
  `insert into T (id, v) values (1, 'ok'), (2, 'too long')`,
  `insert into T (id, v) values (1, 'ok'), (1, 'too long')`,
  `insert into T (id, a) values (1, 2), (1, 1 / 0)`,
  `insert into T (id, a) values (1, 2) on conflict (id) do update set a = 1 / 0`,
  `insert into T (id, a) values (11, 2) on conflict (id) do update set a = excluded.a where 1 / 0 = 1`,
  `insert into T (id, a) values (11, 2) returning 1 / 0`,
  `insert into T (id) select id + 20 from empty returning 1 / 0`,
  'update T set a = 1 / 0',
  'update T set a = 1 / 0 where false',
  'update T set a = 1 where 1 / 0 = 1',
  `update T set v = 'too long' where id = 77`,
  `update T set a = 1 where id = 77 returning 1 / 0`,
  `update T set a = 1 / 0 from empty e where e.id = T.id`,
  'delete from T where 1 / 0 = 1',
  'delete from T where id = 77 returning 1 / 0',
  'explain (costs off) select 1 / 0 from T',
  'explain (costs off) update T set a = 1 / 0',
  'create table made as select 1 / 0 as f from T',
  'create view seen as select 1 / 0 as f from T',
  'alter table T add column extra int default 1 / 0',
  'alter table T alter column a set default 1 / 0',
  'alter table T add check (1 / 0 = 1)',
  'alter table T add column extra int generated always as (1 / 0) stored',
  `alter table T alter column a type text using 1 / 0`,
  'select 1 / 0 from T for update',
  'declare c cursor for select 1 / 0 from T',
  'copy (select 1 / 0 from T) to stdout',
];

/** With parameters. */
const bound: readonly (readonly [sql: string, values: readonly unknown[]])[] = [
  ['select 1 / $1::int from T', [0]],
  ['select 1 / $1::int from T', [1]],
  ['select a + 1 / $1::int from T where id = 77', [0]],
  ['select a from T where id = $1 and 1 / $2::int = 1', [77, 0]],
  ['select case when $1::bool then 1 / 0 else a end from T', [false]],
  ['select case when $1::bool then 1 / 0 else a end from T', [true]],
  ['select case when $1::bool then 1 / $2::int else a end from T', [false, 0]],
  ['select coalesce($1::int, 1 / 0) from T', [1]],
  ['select coalesce($1::int, 1 / 0) from T', [null]],
  ['select 1 from T where $1::bool or 1 / 0 = 1', [true]],
  ['select 1 from T where $1::bool or 1 / 0 = 1', [false]],
  ['select 1 from T where $1::bool and 1 / $2::int = 1', [false, 0]],
  ['select $1::text::int from T', ['x']],
  ['select a from T limit $1::int / 0', [1]],
  ['insert into T (id, v) select 1, $1 from empty', ['too long']],
  ['insert into T (id, v) values (1, $1), (1, $2)', ['ok', 'too long']],
  ['insert into T (id, v) values (41, $1), (41, $2)', ['ok', 'too long']],
  ['insert into T (id, a) values (41, 10 / $1::int) on conflict do nothing', [0]],
  ['update T set v = $1 where id = 77', ['too long']],
  ['update T set a = a / $1 where id = 77', [0]],
  ['update T set a = 5 / $1 where id = 77', [0]],
  ['delete from T where id = 7 / $1::int', [0]],
];

const both = bothServers(schema);

interface Runs {
  query(sql: string, values?: unknown[]): Promise<{ readonly rows: unknown[] }>;
}

async function answer(on: Runs, sql: string, values: readonly unknown[]): Promise<string> {
  await on.query('begin');
  try {
    const { rows } = await (values.length === 0 ? on.query(sql) : on.query(sql, [...values]));
    return sql.startsWith('explain') ? 'a plan' : `${rows.length} rows`;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return `${code} ${message}`;
  } finally {
    await on.query('rollback');
  }
}

async function differences(
  cases: readonly (readonly [sql: string, values: readonly unknown[]])[],
): Promise<string[]> {
  const found: string[] = [];
  for (const table of ['empty', 'filled']) {
    for (const [shape, values] of cases) {
      const sql = shape.replaceAll(/\bT\b/g, table);
      const mine = await answer(both.client, sql, values);
      const right = await answer(both.postgres, sql, values);
      if (mine !== right) found.push(`${sql} [${values.join()}]: ${mine} instead of ${right}`);
    }
  }
  return found;
}

test('constants fail where they fail in PostgreSQL', async () => {
  expect(await differences(shapes.map((sql) => [sql, []] as const))).toEqual([]);
}, 60_000);

test('parameters are constants of the plan that they are bound to', async () => {
  expect(await differences(bound)).toEqual([]);
}, 60_000);
