import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase } from './database.test-support.ts';
import type { Answer, TestDatabase } from './database.test-support.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.load(`
    create table users (id int primary key, name text, age int, city varchar(20), score numeric(10,2), born date);
    create table orders (id bigint primary key, user_id int, amount numeric, note text, at timestamptz);
    create index orders_user on orders (user_id);
    create table pairs (a int, b int, c text, primary key (a, b));
    create view grown as select id, name, city from users where age > 5;
    create table empty (id int primary key, x text);
    insert into users select i, case when i % 7 = 0 then null else 'name' || i end, i % 13,
      (array['Berlin', 'Oslo', 'Łódź', null])[i % 4 + 1], i * 1.5, date '2020-01-01' + i from generate_series(1, 60) i;
    insert into orders select i, case when i % 11 = 0 then null else i % 70 end, i / 3.0, repeat('x', i % 5),
      timestamptz '2024-03-01 00:00+00' + i * interval '7 hours' from generate_series(1, 200) i;
    insert into pairs select i / 10, i % 10, 'c' || i from generate_series(0, 99) i;
  `);
});

afterAll(async () => database.close());

function sorted(answer: Answer): Answer {
  if (!('rows' in answer)) return answer;
  return {
    rows: answer.rows
      .map((row) => JSON.stringify(row))
      .sort()
      .map((text) => JSON.parse(text)),
  };
}

const queries: readonly (string | readonly [sql: string, ...params: (string | null)[]])[] = [
  'select * from users',
  ['select name, age from users where id = $1', '5'],
  ['select name from users where id = $1', '999'],
  ['select name from users where id = $1', null],
  ['select * from users where id = any($1)', '{1,2,2,500}'],
  'select * from users where id in (1, 2, 3) and age > 1',
  ['select * from pairs where a = $1 and b = $2', '3', '4'],
  'select * from pairs where a = 3 and b > 5',
  'select * from orders where user_id = 5',
  'select * from orders where user_id = 5::bigint',
  'select id from orders where id > 190::int',
  "select id, name from users where city = 'Oslo' order by id desc",
  'select id, name from users order by name nulls first, id limit 7 offset 2',
  'select id, name from users order by name desc, id limit 7',
  'select distinct city from users order by city',
  'select distinct city, age % 3 from users',
  'select distinct on (city) city, id from users order by city, id desc',
  'select count(*), count(name), sum(age), avg(age), min(name), max(born) from users',
  'select count(*), sum(age), avg(score), min(id) from users where false',
  'select city, count(*), sum(score), avg(score) from users group by city having count(*) > 3 order by 1',
  'select age + 1, count(distinct city) from users group by age + 1 order by 1',
  "select city, string_agg(name, ',' order by id desc) from users group by city order by city",
  'select city, array_agg(id order by id) filter (where age > 5) from users group by 1 order by 1',
  'select id, name, count(*) from users group by id order by id limit 3',
  'select u.id, o.id from users u join orders o on o.user_id = u.id order by 1, 2 limit 20',
  'select u.id, o.id from users u, orders o where o.user_id = u.id and u.age = 3',
  'select u.id, o.id from users u left join orders o on o.user_id = u.id and o.amount > 60',
  'select u.id, o.id from users u left join orders o on o.user_id = u.id where o.id is null',
  'select u.id, o.id from users u right join orders o on o.user_id = u.id',
  'select u.id, o.id from users u full join orders o on o.user_id = u.id',
  'select * from users u full join pairs p on u.id = p.a and p.b = 1 where coalesce(u.id, p.a) < 12',
  'select id, (select count(*) from orders o where o.user_id = u.id) from users u order by id',
  'select id from users u where exists (select 1 from orders o where o.user_id = u.id and o.amount > 30)',
  'select id from users where id not in (select user_id from orders where user_id is not null)',
  'select id from users where id not in (select user_id from orders)',
  'select id from users where id > all (select user_id from orders where user_id < 5)',
  'select id from users where (id, age) = any (select a, b from pairs)',
  'select id from users where (id, age) < (10, 5)',
  'select array(select id from users where id < 5 order by id desc)',
  'with big as (select * from users where age > 6) select count(*), min(id) from big',
  'with a as (select id from users where id < 4), b as (select id + 1 as id from a) select * from a union all select * from b',
  'select city from users union select c from pairs where a = 1',
  'select age from users intersect select b from pairs',
  'select age from users intersect all select b from pairs',
  'select age from users except select b from pairs',
  'select age from users except all select b from pairs order by 1',
  'select * from (select id, age from users order by id limit 3) s where age > 1',
  "select * from (values (1, null), (2, 'b')) v(x, y) order by x desc",
  'select x, g from generate_series(1, 3) x, lateral (select x * 10 as g) s',
  'select u.id, o.* from users u, lateral (select id, amount from orders o where o.user_id = u.id order by amount desc limit 1) o',
  'select u.id, o.id from users u left join lateral (select id from orders o where o.user_id = u.id order by id limit 2) o on true',
  'select * from unnest(array[3,1,2]) with ordinality',
  'select * from generate_series(5, 1, -2)',
  'select * from generate_series(9223372036854775806, 9223372036854775807)',
  'select * from generate_series(1, 2, 0)',
  "select * from generate_series(timestamp '2024-01-31', timestamp '2024-06-01', interval '1 month')",
  "select * from generate_series(timestamptz '2024-03-09 12:00', timestamptz '2024-03-12', interval '1 day')",
  "select * from generate_series(timestamp '2024-01-02', timestamp '2024-01-01', interval '-6 hours')",
  "select * from generate_series(timestamp 'infinity', timestamp '2024-01-01', interval '1 day')",
  'with recursive t(n) as (values (1) union all select n + 1 from t where n < 10) select sum(n) from t',
  'with recursive t(n) as (select 1 union select (n + 1) % 5 from t) select * from t order by 1',
  'with recursive t(a, b) as (select a, b from pairs where a = 0 and b = 1 union all select p.a, p.b from pairs p join t on p.a = t.b and p.b = t.b + 1) select * from t',
  'select case age when 1 then 10 when 2 then 20 end, nullif(age, 3), greatest(age, 5, null), least(id, age) from users where id < 20',
  'select id is distinct from age, name is null, (age > 5) is not true, (name = city) is unknown from users',
  'select id from users where age between 3 and 5 or name is null',
  'select 1 / 0 from users',
  'select 1 / (id - 5) from users order by id',
  'select id from users limit -1',
  ['select id from users offset $1', '-1'],
  'select (select id from users)',
  'select * from empty',
  'select count(*) from empty group by x',
  'select e.x, u.id from users u left join empty e on e.id = u.id where u.id < 3',
  'select 1, null, true',
  'select count(*) from users u join pairs p on p.a = u.age join orders o on o.user_id = u.id where p.b < 3',
  'select u.id from users u join (orders o left join pairs p on p.a = o.user_id and p.b = 0) on o.user_id = u.id where p.a is null or p.a > 2',
  'select max(id) from users having max(id) > 100',
  'select * from grown where id < 12 order by id',
  'select g.city, count(*) from grown g join orders o on o.user_id = g.id group by g.city order by 1',
  'select * from users natural join empty',
  'select id, u.name from users u join empty e using (id) order by id',
  'select a.id from users a left join users b using (id) left join orders c on c.user_id = b.id where c.id is null order by id',
  'select coalesce(a.id, b.a) from users a full join pairs b on a.id = b.a * 10 + b.b order by 1 nulls first limit 5',
  'with t as (select age, count(*) n from users group by age) select x.age, y.n from t x join t y on x.n = y.n and x.age < y.age order by 1, 2',
  'with t as (select * from users where id < 10) select id, (select max(age) from t where t.id < u.id) from users u where id < 5 order by id',
  'select id, (with t as (select o.id from orders o where o.user_id = u.id) select count(*) from t) from users u where id < 8 order by id',
  'select id from users u where exists (select 1 from orders o where o.user_id = u.id and exists (select 1 from pairs p where p.a = u.age and p.b = o.id % 10)) order by id',
  'select city, sum(distinct age), count(distinct name), array_agg(distinct age order by age desc) from users group by city order by city nulls first',
  'select age % 2, max(id) from users group by age % 2 having max(id) > (select avg(id) from users) order by 1',
  'select age, count(*) filter (where id > 30) from users group by age having bool_or(id > 40) order by count(*) desc, age',
  'select count(*) from (select distinct age, city from users) s',
  'select * from (select id from users where id < 4 union all select b from pairs where a = 1 order by 1 desc limit 5) s order by id',
  'select * from (select 1 x union select 2 union all select 2) s order by 1',
  '(select id from users order by id limit 2) union all (select a from pairs order by 1 desc limit 2) order by 1',
  'select id from users order by id limit null offset 55',
  'select id from users order by id limit 0',
  'select id from users order by id offset 1000',
  'select id from users where (select count(*) from empty) = 0 order by id limit 2',
  'select u.id from users u where u.id = (select max(o.user_id) from orders o where o.amount < u.id * 2) order by 1',
  'select u.id, x.n from users u cross join lateral (select count(*) n from orders o where o.user_id = u.id having count(*) > 1) x order by 1',
  'select u.id, v.x from users u, lateral (values (u.age), (u.id)) v(x) where u.id < 4 order by 1, 2',
  'select u.id, g from users u, generate_series(1, u.age) g where u.id < 6 order by 1, 2',
  'select u.id, e from users u, unnest(array[u.id, u.age]) e where u.id < 4 order by 1, 2',
  'select id, case when exists (select 1 from orders where user_id = users.id) then 1 else 0 end from users order by id',
  'select id in (select user_id from orders where id < 5) from users order by id',
  'select null in (select id from users), 1 in (select x::int from empty), null in (select id from empty)',
  'select id from users where id < any (select a from pairs where b = 3) order by id',
  'select (select a from pairs where a = 100), (select name from users where id = 1)',
  'select (id, age) in (select a, b from pairs) from users order by id',
  'select (1, 2) = (select a, b from pairs where a = 1 and b = 2)',
  'select min(at), max(at), count(at) from orders',
  "select date_trunc('day', at) d, count(*), sum(amount), avg(amount) from orders group by 1 order by 1 limit 10",
  'select string_agg(note, null), string_agg(distinct note, $$,$$ order by note) from orders',
  'select name collate "C" from users order by name collate "C" nulls first limit 3',
  'select distinct on (age % 3) age % 3, id from users order by age % 3, id limit 2',
  'select id as x, age as y from users order by y, x limit 5',
  'select id + age from users order by id + age, id limit 5',
  'select age from users group by age order by max(id), age limit 4',
  'select bool_and(age > 0), every(id > 0), bit_and(id), bit_or(age), any_value(id) from users where id = 3',
  'select array_agg(id) from users where false',
  'select count(*) from users where score > 10 and score <= 20.5',
  'select count(*) from users where born > $$2020-02-01$$',
  ['select id from users where name like $1 and city = $2 order by id', 'name1%', 'Oslo'],
  [
    'select id from users where id > $1::int and ($2::text is null or city = $2) order by id limit $3',
    '50',
    null,
    '3',
  ],
  ['select count(*) from users where age = $1 or id in ($2, $3)', '4', '1', '2'],
  'with recursive t(n, path) as (select 1, array[1] union all select n * 2, path || n * 2 from t where n < 50) select * from t order by n',
  'with recursive up(id, boss) as (select id, id / 2 from users where id = 60 union all select u.id, u.id / 2 from up join users u on u.id = up.boss) select id from up order by id',
  'select sum(id), sum(id::bigint), avg(id::bigint), sum(score::float8), avg(score::float8) from users',
];

test.each(queries)('%s', async (query) => {
  const [sql, ...params] = typeof query === 'string' ? [query] : query;
  const expected = await database.postgres(sql!, params);
  const actual = await database.row(sql!, params);
  if (/ order by /.test(sql!)) expect(actual).toEqual(expected);
  else expect(sorted(actual)).toEqual(sorted(expected));
});
