import { afterAll, beforeAll, expect, test } from 'vitest';
import { runRow, runRowSync } from './run-select.ts';
import { createTestDatabase } from './database.test-support.ts';
import type { TestDatabase } from './database.test-support.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.load(`
    create table users (id int primary key, name text, city varchar(20));
    create table orders (id bigint primary key, user_id int, amount numeric);
    create index orders_user on orders (user_id, id);
    create table prices (price numeric primary key, label text);
    insert into prices values (1.0, 'a'), (2.50, 'b');
    insert into users select i, 'u' || i, 'c' || i % 3 from generate_series(1, 400) i;
    insert into orders select i, i % 400, i from generate_series(1, 2000) i;
  `);
});

afterAll(async () => database.close());

async function callsOf(sql: string, params: readonly string[] = []): Promise<string[]> {
  database.calls();
  const expected = await database.postgres(sql, params);
  expect(await database.row(sql, params)).toEqual(expected);
  return database.calls();
}

test('whole keys are read by get', async () => {
  expect(await callsOf('select name from users where id = $1', ['7'])).toEqual(['get users']);
  expect(await callsOf('select name from users where 7::smallint = id')).toEqual(['get users']);
  expect(await callsOf('select name from users where id = 5000000000')).toEqual([]);
  expect(await callsOf('select name from users where id = null')).toEqual([]);
  expect(await callsOf('select id from users where id = any($1) order by 1', ['{3,4,4}'])).toEqual([
    'get users',
    'get users',
  ]);
});

test('equal keys find their row once', async () => {
  const sql = "select label from prices where price = any('{1.00,1,2.5}') order by 1";
  expect(await callsOf(sql)).toEqual(['get prices', 'get prices']);
});

test('index prefixes are looked up, the rest is scanned with predicates', async () => {
  expect(await callsOf('select id from orders where user_id = 5 order by id')).toEqual([
    'index orders_user',
  ]);
  expect(await callsOf("select id from users where city = 'c1' and id > 390 order by 1")).toEqual([
    'scan users = >',
  ]);
  expect(await callsOf('select count(*) from users where id in (1, 2, id)')).toEqual([
    'scan users',
  ]);
});

test('few driving rows read what they join with by key', async () => {
  expect(
    await callsOf('select u.name from orders o join users u on u.id = o.user_id where o.id = 5'),
  ).toEqual(['get orders', 'get users']);
  expect(
    await callsOf(
      'select o.id from users u left join orders o on o.user_id = u.id where u.id = 5 order by 1',
    ),
  ).toEqual(['get users', 'index orders_user']);
  expect(
    await callsOf(
      'select (select count(*) from orders o where o.user_id = u.id) from users u where id in (2, 3) order by id',
    ),
  ).toEqual(['get users', 'get users', 'index orders_user', 'index orders_user']);
  expect(await callsOf('select count(*) from users u join orders o on o.user_id = u.id')).toEqual([
    'scan users',
    'scan orders',
  ]);
});

test('a point query runs in the tick', async () => {
  const { query, context } = await database.prepare('select name, city from users where id = $1', [
    '9',
  ]);
  expect(runRowSync(query, context)).toEqual([['u9', 'c0']]);
  const scan = await database.prepare('select name from users');
  expect(runRowSync(scan.query, scan.context)).toBeUndefined();
});

test('user scope, system columns and cancelling', async () => {
  const statement = { userId: 'bob' };
  const sql = 'select count(*) from users';
  expect(await database.row(sql, [], { statement })).toEqual({ rows: [['200']] });
  expect(await database.row(sql, [], { statement: { ...statement, allUsers: true } })).toEqual({
    rows: [['400']],
  });
  const { query, context } = await database.prepare(sql);
  const reason = new Error('cancelled');
  const run = runRow(query, { ...context, signal: AbortSignal.abort(reason) });
  await expect(run[Symbol.asyncIterator]().next()).rejects.toBe(reason);
});

test('what is not exact is refused by name before it runs', async () => {
  for (const [sql, why] of [
    ["select to_char(now(), 'YYYY')", 'function pg_catalog.to_char'],
    ['select row_number() over () from users', 'a window function'],
    ['select u from users u', 'a whole-row value'],
    ['select * from users tablesample system (10)', 'TABLESAMPLE'],
    ['select generate_series(1, 2)', 'a set-returning function in the target list'],
    ["select name ~ 'a' from users", 'function pg_catalog.textregexeq'],
    ['select count(*) from users group by rollup (city)', 'GROUPING SETS'],
  ] as const) {
    expect(await database.unsupported(sql)).toBe(why);
  }
});
