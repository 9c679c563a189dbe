/** Statements that once had a wrong answer, each in its smallest case. What is expected is PostgreSQL's answer. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';

let server: ServerProcess;
let client: pg.Client;
let schemas = 0;

beforeAll(async () => {
  server = await startServerProcess();
  client = new pg.Client({
    host: server.host,
    port: server.port,
    user: 'postgres',
    database: 'postgres',
  });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await server.remove();
});

// Each test in a schema of its own.
beforeEach(async () => {
  const schema = `r${++schemas}`;
  await run(`create schema ${schema}; set search_path = ${schema}; reset tide.executor`);
});

async function run(text: string): Promise<void> {
  await client.query(text);
}

async function rows(text: string, values: readonly unknown[] = []): Promise<unknown[][]> {
  const result = await client.query<unknown[]>({ text, values: [...values], rowMode: 'array' });
  return result.rows;
}

async function failure(text: string): Promise<{ code: string | undefined; message: string }> {
  const error: unknown = await client.query(text).catch((reason: unknown) => reason);
  if (!(error instanceof pg.DatabaseError)) throw new Error(`did not fail: ${text}`);
  return { code: error.code, message: error.message };
}

const executors = ['row', 'columnar', 'postgres'] as const;

describe('set operations', () => {
  test.each(executors)('operands of different types meet in one, %s', async (executor) => {
    await run(`create table a (n int, v varchar(5)); create table b (n bigint, v text);
      insert into a values (1, 'x'); insert into b values (1, 'x'), (3000000000, 'y');
      set tide.executor = '${executor}'`);
    expect(await rows('select n, v from a union select n, v from b order by 1')).toEqual([
      ['1', 'x'],
      ['3000000000', 'y'],
    ]);
    expect(await rows('select n from b except select n from a')).toEqual([['3000000000']]);
  });
});

describe('columns of flushed rows', () => {
  test.each(executors)('RENAME COLUMN, %s', async (executor) => {
    await run(`create table t (id int primary key, old text); insert into t values (1, 'one')`);
    await run('flush table t');
    await run(`alter table t rename column old to new; insert into t values (2, 'two')`);
    await run(`set tide.executor = '${executor}'`);
    expect(await rows('select id, new from t order by id')).toEqual([
      [1, 'one'],
      [2, 'two'],
    ]);
    await run('reset tide.executor');
    await run('flush table t');
    await run(`set tide.executor = '${executor}'`);
    expect(await rows(`select id from t where new = 'two'`)).toEqual([[2]]);
  });

  test.each(executors)('names of two columns exchanged, %s', async (executor) => {
    await run('create table t (id int primary key, a text, b text)');
    await run(`insert into t values (1, 'a', 'b')`);
    await run('flush table t');
    await run(
      'alter table t rename a to c; alter table t rename b to a; alter table t rename c to b',
    );
    await run(`set tide.executor = '${executor}'`);
    expect(await rows('select a, b from t')).toEqual([['b', 'a']]);
  });

  test.each(executors)('a column dropped and added again is empty, %s', async (executor) => {
    await run('create table t (id int primary key, a text)');
    await run(`insert into t values (1, 'secret')`);
    await run('flush table t');
    await run('alter table t drop column a; alter table t add column a text');
    await run(`set tide.executor = '${executor}'`);
    expect(await rows('select * from t')).toEqual([[1, null]]);
  });
});

describe('ADD COLUMN', () => {
  test('GENERATED STORED is computed for rows that are there, hot and cold', async () => {
    await run('create table t (id int primary key, n int)');
    await run('insert into t values (1, 10)');
    await run('flush table t');
    await run('insert into t values (2, 20)');
    await run('alter table t add column twice int generated always as (n * 2) stored');
    expect(await rows('select * from t order by id')).toEqual([
      [1, 10, 20],
      [2, 20, 40],
    ]);
  });

  test('a volatile default is computed for each row, not once', async () => {
    await run('create table t (id int primary key); insert into t values (1), (2)');
    await run('alter table t add column u uuid default gen_random_uuid()');
    expect(await rows('select count(distinct u) from t')).toEqual([['2']]);
  });

  test('serial numbers the rows that are there', async () => {
    await run('create table t (id int primary key); insert into t values (10), (20)');
    await run('alter table t add column n serial');
    expect(await rows('select n from t order by n')).toEqual([[1], [2]]);
    expect(await rows('insert into t values (30) returning n')).toEqual([[3]]);
  });

  test.each([
    ['text[]', `'{}'`, []],
    ['text[]', `'{a,"b c",NULL}'`, ['a', 'b c', null]],
    ['int[]', `'{1,2}'`, [1, 2]],
    ['text', `'{"a"}'`, '{"a"}'],
    ['text', `''`, ''],
    ['text', `'NULL'`, 'NULL'],
  ])('a constant default of %s, %s, for older rows', async (type, literal, expected) => {
    await run('create table t (id int primary key); insert into t values (1)');
    await run(`alter table t add column c ${type} not null default ${literal}`);
    expect(await rows('select c from t')).toEqual([[expected]]);
  });
});

describe('sequences', () => {
  test('ALTER SEQUENCE keeps the position', async () => {
    await run('create sequence s');
    await rows(`select nextval('s'), nextval('s')`);
    await run('alter sequence s increment by 10');
    expect(await rows(`select nextval('s')`)).toEqual([['12']]);
  });

  test('RESTART sets it', async () => {
    await run('create sequence s');
    await rows(`select nextval('s'), nextval('s')`);
    await run('alter sequence s restart with 100');
    expect(await rows(`select nextval('s')`)).toEqual([['100']]);
  });

  test('a value that was given out is not given out again after SIGKILL', async () => {
    await run('create sequence public.durable');
    const [[last]] = (await rows(`select nextval('public.durable')`)) as [[string]];
    client.on('error', () => undefined);
    await server.stop('SIGKILL');
    await client.end().catch(() => undefined);
    await server.restart();
    client = new pg.Client({
      host: server.host,
      port: server.port,
      user: 'postgres',
      database: 'postgres',
    });
    await client.connect();
    const [[next]] = (await rows(`select nextval('public.durable')`)) as [[string]];
    expect(Number(next)).toBeGreaterThan(Number(last));
  });

  test('nextval beside what another executor computes', async () => {
    await run('create table t (id bigserial primary key, at text)');
    expect(
      await rows(`insert into t (at) values (to_char(date '2024-02-29', 'Day')) returning id, at`),
    ).toEqual([['1', 'Thursday ']]);
    expect(
      await rows(
        `insert into t (at) select to_char(g, '999') from generate_series(1, 2) g returning id`,
      ),
    ).toEqual([['2'], ['3']]);
  });
});

describe('INSERT … ON CONFLICT', () => {
  test('without a constraint that matches is 42P10', async () => {
    await run('create table t (id int primary key, n int)');
    expect(await failure('insert into t values (1, 2) on conflict (n) do nothing')).toEqual({
      code: '42P10',
      message: 'there is no unique or exclusion constraint matching the ON CONFLICT specification',
    });
    expect(
      await failure('insert into t values (1, 2) on conflict (id, n) do update set n = 3'),
    ).toMatchObject({ code: '42P10' });
    expect(await rows('select * from t')).toEqual([]);
  });

  test('two proposed rows of one key are 21000', async () => {
    await run('create table t (id int primary key, n int)');
    expect(
      await failure(
        'insert into t values (1, 1), (1, 2) on conflict (id) do update set n = excluded.n',
      ),
    ).toMatchObject({ code: '21000' });
    expect(await rows('select * from t')).toEqual([]);
  });
});

describe('COPY', () => {
  test('numbers rows beside a default that only PostgreSQL computes', async () => {
    await run(
      "create table c (id bigserial primary key, a text, y text default to_char(date '2024-02-03', 'YYYY/MM'))",
    );
    const { default: copyStreams } = await import('pg-copy-streams');
    const stream = client.query(copyStreams.from('copy c (a) from stdin'));
    stream.end('one\ntwo\n');
    await new Promise((resolve, reject) => stream.on('finish', resolve).on('error', reject));
    expect(await rows('select id::int, a, y from c order by id')).toEqual([
      [1, 'one', '2024/02'],
      [2, 'two', '2024/02'],
    ]);
  });
});

describe('after a flush', () => {
  test('rows written since are seen, also by their own transaction', async () => {
    await run('create table f (id int primary key, v int); insert into f values (1, 1), (2, 2)');
    await run('flush table f');
    expect(await rows('select * from f order by id')).toEqual([
      [1, 1],
      [2, 2],
    ]);
    await run('begin; insert into f values (3, 3); update f set v = 20 where id = 2');
    const changed = [
      [1, 1],
      [2, 20],
      [3, 3],
    ];
    expect(await rows('select * from f order by id')).toEqual(changed);
    await run('commit');
    expect(await rows('select * from f order by id')).toEqual(changed);
    await run('flush table f');
    await run('delete from f where id = 1');
    expect(await rows('select * from f order by id')).toEqual(changed.slice(1));
  });
});

describe('UPDATE', () => {
  test('SET (a, b) = (SELECT …) takes both columns of one row', async () => {
    await run('create table t (id int primary key, a int, b text)');
    await run(`insert into t values (1, 0, ''), (2, 0, '')`);
    await run(`update t set (a, b) = (select t.id * 10, 'row ' || t.id)`);
    expect(await rows('select * from t order by id')).toEqual([
      [1, 10, 'row 1'],
      [2, 20, 'row 2'],
    ]);
    await run('update t set (a, b) = (select 1, null where false) where id = 2');
    expect(await rows('select * from t where id = 2')).toEqual([[2, null, null]]);
    expect(
      await failure('update t set (a, b) = (select 1, v from (values (1), (2)) x(v))'),
    ).toMatchObject({ code: expect.stringMatching(/21000|42804/) as string });
  });

  test('of a truncated and refilled table finds no row of before by an index', async () => {
    await run('create table t (id int primary key, k int); create index on t (k)');
    await run('insert into t values (1, 7)');
    await run('truncate t');
    await run('insert into t values (2, 8)');
    await run('set tide.executor = row');
    expect(await rows('select * from t where k = 7')).toEqual([]);
    expect(await rows('select * from t where k = 8')).toEqual([[2, 8]]);
  });
});

describe('WITH that writes is refused, and writes nothing', () => {
  test.each([
    `with moved as (delete from t returning *) select * from moved`,
    `with added as (insert into t values (2) returning id) select id from added`,
    `with added as (insert into t values (2) returning id) insert into t select id + 1 from added`,
    `with nothing as (delete from t) select 1`,
  ])('%s', async (statement) => {
    await run('create table t (id int primary key); insert into t values (1)');
    expect(await failure(statement)).toMatchObject({ code: '0A000' });
    expect(await rows('select * from t')).toEqual([[1]]);
  });
});

describe('functions of the server', () => {
  test('current_setting tells what nobody has set', async () => {
    expect(await rows(`select current_setting('server_version_num')::int >= 180000`)).toEqual([
      [true],
    ]);
    expect(await rows(`select current_setting('no.such', true)`)).toEqual([[null]]);
    expect(
      await rows(`select current_setting('is_' || 'superuser'), current_setting('TimeZone')`),
    ).toEqual([['on', 'UTC']]);
    expect(await failure(`select current_setting('no.such')`)).toMatchObject({ code: '42704' });
  });

  test('EXECUTE AS USER is seen by current_setting', async () => {
    expect(await rows(`execute as user 'nina' (select current_setting('tide.user_id'))`)).toEqual([
      ['nina'],
    ]);
    expect(await rows(`select current_setting('tide.user_id')`)).toEqual([['postgres']]);
  });

  test('FLUSH TABLE after changes that are not committed is 25001', async () => {
    await run('create table t (id int primary key)');
    expect(await failure('insert into t values (1); flush table t')).toMatchObject({
      code: '25001',
    });
    expect(await failure('create table u (id int); flush table u')).toMatchObject({
      code: '25001',
    });
    expect(await rows('select * from t')).toEqual([]);
  });

  test('tide.flush() takes a name, qualified or not', async () => {
    await run('create table t (id int primary key); insert into t values (1), (2)');
    const flushed = async (name: string): Promise<string | undefined> => {
      const result = await client.query<{ rows_flushed: string }>(
        `select * from tide.flush('${name}')`,
      );
      return result.rows[0]?.rows_flushed;
    };
    expect(await flushed('t')).toBe('2');
    await run('insert into t values (3)');
    expect(await flushed(`r${schemas}.t`)).toBe('1');
    expect(await failure(`select * from tide.flush('missing')`)).toMatchObject({ code: '42P01' });
    expect(await rows('select id from t order by id')).toEqual([[1], [2], [3]]);
  });
});

describe('text', () => {
  test('a zero byte in a parameter is refused', async () => {
    for (const text of ['select $1::text', 'select $1::varchar', `select 'x' = $1`]) {
      await expect(rows(text, ['a\0b'])).rejects.toMatchObject({
        code: '22021',
        message: 'invalid byte sequence for encoding "UTF8": 0x00',
      });
    }
  });
});

describe('columnar', () => {
  test('-0 and infinities are what they are', async () => {
    await run('create table f (id int primary key, d float8, r float4)');
    await run(`insert into f values (1, 'Infinity', 'Infinity'), (2, '-0', '-0'), (3, 'NaN', 1)`);
    await run('set tide.executor = columnar');
    expect(await rows('select id, d from f order by d, id')).toEqual([
      [2, -0],
      [1, Infinity],
      [3, NaN],
    ]);
    await run('reset tide.executor');
    expect(await rows('select r * 3 from f where id = 1')).toEqual([[Infinity]]);
    expect(await rows('select avg(d) from f where id = 1')).toEqual([[Infinity]]);
  });

  test("a row beyond DuckDB's dates is answered all the same", async () => {
    await run('create table d (id int primary key, at timestamp)');
    await run(`insert into d values (1, '294276-12-31 23:59:59'), (2, '4713-01-01 00:00 BC')`);
    expect(await rows('select at::text from d order by d.at')).toEqual([
      ['4713-01-01 00:00:00 BC'],
      ['294276-12-31 23:59:59'],
    ]);
  });
});
