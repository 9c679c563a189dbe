/** DDL inside transactions: rolled back whole, waited for no longer than allowed, locked as PostgreSQL locks. */
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connect, errorOf, rowsOf } from '../e2e/client.ts';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';

let server: ServerProcess;
let one: pg.Client;
let two: pg.Client;
let schemas = 0;

beforeAll(async () => {
  server = await startServerProcess();
  one = await connect(server);
  two = await connect(server);
});
afterAll(async () => {
  await one.end();
  await two.end();
  await server.remove();
});

// Each test in a schema of its own.
beforeEach(async () => {
  const schema = `x${++schemas}`;
  await one.query('rollback; reset role');
  await two.query('rollback');
  await one.query(`create schema ${schema}; set search_path = ${schema}`);
  await two.query(`set search_path = ${schema}; reset lock_timeout; reset statement_timeout`);
});

const rows = (text: string): Promise<unknown[][]> => rowsOf(one, text);
/** One message for each statement: together they would be one transaction until the first COMMIT. */
async function run(text: string): Promise<void> {
  for (const part of text.split(';')) await one.query(part);
}
/** The second session does not wait for ever. */
const impatient = (): Promise<unknown> => two.query(`set lock_timeout = '100ms'`);
const timedOut = { code: '55P03', message: 'canceling statement due to lock timeout' };

async function settled(promise: Promise<unknown>, ms = 150): Promise<boolean> {
  const late = new Promise((resolve) => setTimeout(resolve, ms, 'late'));
  return (await Promise.race([promise.catch(() => undefined), late])) !== 'late';
}

describe('rolled back whole', () => {
  test('tables, columns, indexes, sequences, views, comments and grants', async () => {
    await run(`create table t (id int primary key, a text); insert into t values (1, 'one'), (2, 'two');
      create sequence s; create view v as select a from t`);
    expect(await rows(`select nextval('s')`)).toEqual([['1']]);
    const look = `select c.relname, c.relkind, obj_description(c.oid), c.relacl::text,
        (select string_agg(attname, ',' order by attnum) from pg_attribute where attrelid = c.oid and attnum > 0)
      from pg_class c where relnamespace = current_schema()::regnamespace order by 1`;
    const before = await rows(look);
    await run(`begin; create table n (id serial primary key); insert into n default values;
      alter table t add column b int default 5; create unique index on t (b, id); alter table t rename to u;
      comment on table u is 'yes'; grant select on u to public; drop view v; create view v as select 1 as one;
      alter sequence s increment 10 restart 500; create table c as select * from u`);
    expect(await rows('select id, a, b from u order by 1')).toEqual([
      [1, 'one', 5],
      [2, 'two', 5],
    ]);
    expect(await rows(`select nextval('s'), (select count(*) from c)`)).toEqual([['500', '2']]);
    await run('drop table u cascade');
    expect(await errorOf(one, 'select * from u')).toMatchObject({ code: '42P01' });
    await run('rollback');
    expect(await rows(look)).toEqual(before);
    expect(await rows('select * from t order by 1')).toEqual([
      [1, 'one'],
      [2, 'two'],
    ]);
    expect(await rows(`select nextval('s')`)).toEqual([['2']]);
    expect(await rows('insert into t values (3) returning a')).toEqual([[null]]);
  });

  test('TRUNCATE, with RESTART IDENTITY', async () => {
    await run(
      'create table t (id serial primary key); insert into t default values; insert into t default values',
    );
    await run('begin; truncate t restart identity');
    expect(await rows('insert into t default values returning id')).toEqual([[1]]);
    await run('rollback');
    expect(await rows('select id from t order by 1')).toEqual([[1], [2]]);
    expect(await rows('insert into t default values returning id')).toEqual([[3]]);
  });

  test('with the rows of the same transaction, or committed with them', async () => {
    await run('create table t (id int primary key); insert into t values (1)');
    await run(
      'begin; insert into t values (2); alter table t add column b text; insert into t values (3, $$c$$); rollback',
    );
    expect(await rows('select * from t')).toEqual([[1]]);
    await run(
      'begin; insert into t values (2); alter table t add column b text; insert into t values (3, $$c$$); commit',
    );
    expect(await rowsOf(two, 'select * from t order by id')).toEqual([
      [1, null],
      [2, null],
      [3, 'c'],
    ]);
  });

  test('a unique index that can not be built leaves nothing', async () => {
    await run('create table t (a int); insert into t values (1), (1)');
    expect(await errorOf(one, 'create unique index i on t (a)')).toMatchObject({ code: '23505' });
    await run('insert into t values (1); create index i on t (a)');
    expect(await rows('select count(*) from t where a = 1')).toEqual([['3']]);
  });
});

describe('CREATE TABLE AS', () => {
  test('has the mirror compute nothing, whatever the clause', async () => {
    await run(`create table src (data int); insert into src values (1), (2)`);
    const forms = [
      'select data from src',
      'select data from src with data',
      'select data from src /* with no data */ with data -- with data',
      'table src -- all',
      '(select data from src)',
      'values (1), (2)',
      'select data into n from src',
    ];
    for (const query of forms) {
      const { command, rowCount } = await one.query(
        query.includes(' into ') ? query : `create table n as ${query}`,
      );
      expect([command, rowCount]).toEqual(['SELECT', 2]);
      expect(await rows('select count(*) from n')).toEqual([['2']]);
      await run('drop table n');
    }
    await run('create table n as select data from src with no data');
    expect(await rows('select * from n')).toEqual([]);
    // Others do not wait for the query of one.
    const long = one.query('create table l as select g from generate_series(1, 100000) g');
    const start = performance.now();
    await rowsOf(two, 'select 12 as meanwhile');
    expect(performance.now() - start).toBeLessThan(5000);
    await long;
    expect(await rows('select count(*) from l')).toEqual([['100000']]);
  });
});

describe('savepoints', () => {
  test('a failed statement, then ROLLBACK TO, leaves the earlier DDL', async () => {
    await run(
      'begin; create table a (id serial primary key); savepoint s; create table b (id int)',
    );
    expect(await errorOf(one, 'alter table a add column id int')).toMatchObject({ code: '42701' });
    expect(await errorOf(one, 'select 1')).toMatchObject({ code: '25P02' });
    await run('rollback to s');
    expect(await errorOf(one, 'select * from b')).toMatchObject({ code: '42P01' });
    await run(
      'rollback to s; alter table a add column c text; insert into a (c) values ($$x$$); release s; commit',
    );
    expect(await rowsOf(two, 'select * from a')).toEqual([[1, 'x']]);
  });

  test('DDL that began after the savepoint goes as a whole', async () => {
    await run('create table t (id int); begin; savepoint s; alter table t add column b int');
    await impatient();
    expect(await errorOf(two, 'select * from t')).toMatchObject(timedOut);
    await run('rollback to s');
    // Its locks are given back too.
    expect(await rowsOf(two, 'select * from t')).toEqual([]);
    await two.query('create table other (id int)');
    await run('create table again (id int); commit');
    expect(await rows('select * from again, other')).toEqual([]);
  });

  test('through others who look in between', async () => {
    await run(
      'create table t (id int primary key); begin; create table a (id serial, t int references t)',
    );
    await rowsOf(two, 'select 1 as here');
    await run('savepoint s; create index on a (t)');
    await rowsOf(two, 'select 2 as here');
    await run('insert into t values (7); insert into a (t) values (7)');
    await rowsOf(two, 'select 3 as here');
    expect(await rows(`select currval('a_id_seq')`)).toEqual([['1']]);
    expect(await errorOf(one, 'insert into a (t) values (8)')).toMatchObject({ code: '23503' });
    await rowsOf(two, 'select 4 as here');
    await run('rollback to s');
    expect(await rows('insert into t values (7) returning *')).toEqual([[7]]);
    expect(await rows('insert into a (t) values (7) returning t')).toEqual([[7]]);
    await run('commit');
    expect(await rowsOf(two, 'select t from a')).toEqual([[7]]);
  });
});

describe('waiting', () => {
  test('for a table that is being changed: lock_timeout, statement_timeout', async () => {
    await run('create table t (id int); begin; alter table t add column b int');
    await impatient();
    for (const text of [
      'select * from t',
      'insert into t values (1)',
      'create index on t (id)',
      'drop table t',
    ])
      expect(await errorOf(two, text)).toMatchObject(timedOut);
    await two.query(`set lock_timeout = 0; set statement_timeout = '100ms'`);
    expect(await errorOf(two, 'select * from t')).toMatchObject({
      code: '57014',
      message: 'canceling statement due to statement timeout',
    });
    await run('rollback');
    expect(await rowsOf(two, 'select * from t')).toEqual([]);
  });

  test('for another transaction’s DDL', async () => {
    await run('begin; create table a (id int)');
    await impatient();
    expect(await errorOf(two, 'create table b (id int)')).toMatchObject(timedOut);
    await two.query('set lock_timeout = 0');
    const creating = two.query('create table b (id int)');
    expect(await settled(creating)).toBe(false);
    await run('commit');
    await creating;
    expect(await rows('select * from a, b')).toEqual([]);
  });

  test('a cycle between rows and the catalog is a deadlock', async () => {
    await run('create table t (id int primary key); insert into t values (1)');
    await two.query('begin; update t set id = 2 where id = 1');
    await run('begin; create table a (id int)');
    const waiting = one.query('update t set id = 3 where id = 1').then(
      () => 'done',
      (error: pg.DatabaseError) => error.code,
    );
    expect(await settled(waiting)).toBe(false);
    expect(await errorOf(two, 'create table b (id int)')).toMatchObject({
      code: '40P01',
      message: 'deadlock detected',
    });
    await two.query('rollback');
    expect(await waiting).toBe('done');
    await run('rollback');
  });

  test('DDL waits for those who have read the table, and sees what they wrote', async () => {
    await run('create table t (id int); insert into t values (1)');
    await two.query('begin; select * from t; insert into t values (1)');
    const indexing = one.query('create unique index on t (id)').then(
      () => 'done',
      (error: pg.DatabaseError) => error.code,
    );
    expect(await settled(indexing)).toBe(false);
    await two.query('commit');
    expect(await indexing).toBe('23505');
    await two.query('begin; select * from t');
    const dropping = one.query('drop table t');
    expect(await settled(dropping)).toBe(false);
    expect(await rowsOf(two, 'select count(*) from t')).toEqual([['2']]);
    await two.query('commit');
    await dropping;
    expect(await errorOf(two, 'select * from t')).toMatchObject({ code: '42P01' });
  });

  test('a transaction of one snapshot judges the rows that it does not see', async () => {
    await run(`create table t (id int, n int); create table p (id int primary key)`);
    await run('begin isolation level repeatable read; select * from p');
    await two.query('insert into t values (1, null), (1, -1)');
    expect(await rows('select * from t')).toEqual([]);
    const refused = [
      ['alter table t alter column n set not null', '23502'],
      ['alter table t add check (n > 0)', '23514'],
      ['create unique index on t (id)', '23505'],
      ['alter table t add primary key (id)', '23505'],
      ['alter table t add foreign key (id) references p', '23503'],
    ] as const;
    await run('savepoint s');
    for (const [text, code] of refused) {
      expect(await errorOf(one, text)).toMatchObject({ code });
      await run('rollback to s');
    }
    await run('alter table t add column g int generated always as (id + 1) stored; commit');
    expect(await rows('select g from t')).toEqual([[2], [2]]);
  });

  test('a table that is gone after the wait, and one that has its name', async () => {
    await run('create table t (id int); begin; drop table t');
    const reading = errorOf(two, 'select * from t');
    await run('commit');
    expect(await reading).toMatchObject({ code: '42P01', message: 'relation "t" does not exist' });
    await run(`create table t (a text); insert into t values ('old'); begin; alter table t rename to former;
      create table t (b text); insert into t values ('new')`);
    const renamed = rowsOf(two, 'select * from t');
    await run('commit');
    expect(await renamed).toEqual([['new']]);
  });

  test('FLUSH waits for a table that is being changed, and finds it as it has become', async () => {
    await run('create table t (id int primary key); insert into t values (1)');
    await run('begin; alter table t add column b int default 7');
    const flushing = two.query('flush table t');
    expect(await settled(flushing)).toBe(false);
    await run('insert into t values (2, 8); commit');
    await flushing;
    expect(await rows('select * from t order by id')).toEqual([
      [1, 7],
      [2, 8],
    ]);
    expect(
      await rows(
        `select cold_rows from system.tables where table_name = 't' and namespace = current_schema()`,
      ),
    ).toEqual([['2']]);
    await run('begin; drop table t');
    const late = errorOf(two, 'flush table t');
    await run('commit');
    expect(await late).toMatchObject({ code: '42P01' });
  });

  test('CASCADE locks what it changes', async () => {
    await run('create table p (id int primary key); create table c (p int references p)');
    await run('begin; drop table p cascade');
    await impatient();
    expect(await errorOf(two, 'insert into c values (1)')).toMatchObject(timedOut);
    await run('commit');
    await two.query('insert into c values (1)');
  });

  test('weaker locks let others go on', async () => {
    await run('create table t (id int primary key); create table n (t int)');
    await impatient();
    await run('begin; alter table n add foreign key (t) references t');
    expect(await rowsOf(two, 'select * from t, n')).toEqual([]);
    expect(await errorOf(two, 'insert into t values (1)')).toMatchObject(timedOut);
    await run('rollback; begin; create index on t (id)');
    expect(await rowsOf(two, 'select * from t')).toEqual([]);
    expect(await errorOf(two, 'insert into t values (1)')).toMatchObject(timedOut);
    await run(
      `rollback; begin; comment on table t is 'x'; alter table t alter column id set statistics 10`,
    );
    await two.query('insert into t values (1)');
    await run('rollback; create index i on t (id); begin; alter index i rename to j');
    expect(await rowsOf(two, 'select * from t where id = 1')).toEqual([[1]]);
    await run('rollback; begin; drop index i');
    expect(await errorOf(two, 'select * from t')).toMatchObject(timedOut);
    await run('rollback');
    expect(await rowsOf(two, 'select * from t where id = 1')).toEqual([[1]]);
  });
});

describe('LOCK TABLE', () => {
  test('modes conflict as PostgreSQL’s do', async () => {
    await run('create table t (id int); create table u (id int)');
    await impatient();
    await run('begin; lock table t in access share mode; lock u in row exclusive mode');
    await two.query('begin; lock table only t, u in row exclusive mode; commit');
    expect(await errorOf(two, 'begin; lock table t in access exclusive mode nowait')).toEqual({
      code: '55P03',
      message: 'could not obtain lock on relation "t"',
    });
    await two.query('rollback');
    expect(await errorOf(two, 'begin; lock u in share mode')).toMatchObject(timedOut);
    await two.query('rollback');
    await run('rollback; begin; lock t');
    expect(await errorOf(two, 'select * from t')).toMatchObject(timedOut);
    await run('savepoint s; lock u; rollback to s');
    expect(await rowsOf(two, 'select * from u')).toEqual([]);
    await run('rollback');
  });

  test('what it refuses', async () => {
    await run('create table t (id int); create view v as select 1; create sequence s');
    expect(await errorOf(one, 'lock table t')).toEqual({
      code: '25P01',
      message: 'LOCK TABLE can only be used in transaction blocks',
    });
    const cases = [
      ['lock nothing', '42P01', 'relation "nothing" does not exist'],
      ['lock s', '42809', 'cannot lock relation "s"'],
      ['lock v', '0A000', 'LOCK TABLE of a view is not supported'],
    ] as const;
    for (const [text, code, message] of cases) {
      await run('begin');
      expect(await errorOf(one, text)).toEqual({ code, message });
      await run('rollback');
    }
    await run('begin read only; lock t in exclusive mode; rollback');
    await run(
      `create role locker; grant usage on schema x${schemas} to locker; grant select on t to locker`,
    );
    await run('begin; set local role locker; lock t in access share mode');
    expect(await errorOf(one, 'lock t in row share mode')).toEqual({
      code: '42501',
      message: 'permission denied for table t',
    });
    await run(
      'rollback; grant insert on t to locker; begin; set local role locker; lock t in row exclusive mode; rollback',
    );
    // One who may not drop a table does not keep its users waiting either.
    await two.query('begin; select * from t');
    await run('set role locker');
    expect(await errorOf(one, 'drop table t')).toEqual({
      code: '42501',
      message: 'must be owner of table t',
    });
    await run('reset role');
    await two.query('commit');
  });
});

describe('prepared statements', () => {
  test('a changed result is 0A000, anything else is planned again', async () => {
    await run('create table t (id int, a text); insert into t values (1, $$x$$)');
    const star = { name: 'star', text: 'select * from t', rowMode: 'array' } as const;
    const some = { name: 'some', text: 'select a from t', rowMode: 'array' } as const;
    const insert = { name: 'insert', text: 'insert into t values ($1)', values: [2] };
    expect((await two.query(star)).rows).toEqual([[1, 'x']]);
    expect((await two.query(some)).rows).toEqual([['x']]);
    await two.query(insert);
    await run('alter table t add column b int default 9');
    await expect(two.query(star)).rejects.toMatchObject({
      code: '0A000',
      message: 'cached plan must not change result type',
    });
    expect((await two.query(some)).rows).toEqual([['x'], [null]]);
    await two.query(insert);
    expect(await rows('select count(*) from t where b = 9')).toEqual([['3']]);
    await two.query('prepare p as select * from t; prepare q as select count(*) from t');
    await run('alter table t drop column b');
    expect(await errorOf(two, 'execute p')).toEqual({
      code: '0A000',
      message: 'cached plan must not change result type',
    });
    expect(await rowsOf(two, 'execute q')).toEqual([['3']]);
    await run('alter table t add column b int default 9');
    expect(await rowsOf(two, 'execute p')).toHaveLength(3);
  });

  test('within the transaction that changes the table', async () => {
    await run('create table t (id int); begin');
    const star = { name: 'inside', text: 'select * from t', rowMode: 'array' } as const;
    const count = { name: 'count', text: 'select count(*) from t', rowMode: 'array' } as const;
    await one.query(star);
    await one.query(count);
    await run('alter table t add column b int; insert into t values (1, 2)');
    await rowsOf(two, 'select 11 as somebody');
    expect((await one.query(count)).rows).toEqual([['1']]);
    await expect(one.query(star)).rejects.toMatchObject({ code: '0A000' });
    await run('rollback');
    expect((await one.query(star)).rows).toEqual([]);
  });
});
