/** What others see of an ALTER TABLE that writes all rows anew: its job, the table before and after, nothing in between; a crash on the way. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { connect, rowsOf } from './client.ts';

/** Enough to be written ahead of the commit more than once. */
const rowCount = 100_000;

let server: ServerProcess;
let one: pg.Client;
let two: pg.Client;

beforeAll(async () => {
  server = await startServerProcess();
  one = await connect(server);
  two = await connect(server);
  await one.query('create table big (id int primary key, n int, note text)');
  await one.query(
    `insert into big select i, i % 1000, repeat('x', 80) || i from generate_series(1, ${rowCount / 2}) as i`,
  );
  await one.query('flush table big');
  await one.query(
    `insert into big select i, i % 1000, repeat('x', 80) || i from generate_series(${rowCount / 2 + 1}, ${rowCount}) as i`,
  );
  await one.query('create index on big (n)');
}, 240_000);
afterAll(async () => {
  await one.end();
  await two.end();
  await server.remove();
});

const sums = `select count(*)::text, sum(n::bigint)::text, max(id)::text from big`;
const whole = [[String(rowCount), String((rowCount / 1000) * 499_500), String(rowCount)]];
const rewrites = `select status, progress, error_message from system.jobs where job_type = 'rewrite' order by job_id desc limit 1`;

/** The rewrite as it is under way. */
async function underWay(client: pg.Client): Promise<number> {
  let progress = 0;
  await expect
    .poll(
      async () => {
        const [row] = await rowsOf(client, rewrites);
        progress = Number(row?.[1]);
        return row?.[0] === 'running' && progress > 0;
      },
      { interval: 5, timeout: 60_000 },
    )
    .toBe(true);
  return progress;
}

async function tableIds(): Promise<unknown[]> {
  return (
    await rowsOf(two, `select table_id::text from system.tables where table_name = 'big'`)
  )[0]!;
}

const unfinished = `select job_id::text from system.jobs where status in ('new', 'running', 'retrying')`;
const noJobLeft = (): Promise<void> =>
  expect.poll(() => rowsOf(two, unfinished), { timeout: 20_000 }).toEqual([]);

describe('a rewrite', () => {
  test('is a job with progress while it runs; others wait for the table and see it after', async () => {
    const former = await tableIds();
    const altering = one.query('alter table big alter n type bigint');
    const progress = await underWay(two);
    expect(progress).toBeLessThan(1);
    const reading = rowsOf(two, sums);
    await altering;
    expect(await reading).toEqual(whole);
    expect(await rowsOf(two, rewrites)).toEqual([['completed', 1, null]]);
    expect(await tableIds()).not.toEqual(former);
    expect(await rowsOf(two, `select count(*)::text from big where n = 7`)).toEqual([
      [String(rowCount / 1000)],
    ]);
  });

  test('that is cancelled leaves the table as it was', async () => {
    const former = await tableIds();
    const { rows } = await one.query<{ pid: number }>('select pg_backend_pid() as pid');
    expect(rows[0]!.pid).toBeGreaterThan(0);
    await one.query(`set statement_timeout = '300ms'`);
    const altering = one.query('alter table big alter n type numeric using n + 0.5');
    await expect(altering).rejects.toMatchObject({ code: '57014' });
    await one.query('reset statement_timeout');
    expect(await rowsOf(two, sums)).toEqual(whole);
    expect(await tableIds()).toEqual(former);
  });

  test('is undone with its transaction, and to a savepoint', async () => {
    await one.query('begin');
    await one.query('update big set n = n + 1 where id = 1');
    await one.query('savepoint s');
    await one.query('alter table big alter n type text, add column extra serial');
    expect(await rowsOf(one, `select n, count(*) over ()::text from big where id = 1`)).toEqual([
      ['2', '1'],
    ]);
    expect(await rowsOf(one, 'select count(distinct extra)::text from big')).toEqual([
      [String(rowCount)],
    ]);
    await one.query('rollback to s');
    expect(await rowsOf(one, 'select n::text from big where id = 1')).toEqual([['2']]);
    await one.query('rollback');
    expect(await rowsOf(two, sums)).toEqual(whole);
    await one.query(`insert into big values (0, 0, 'new')`);
    await one.query('delete from big where id = 0');
  });

  test('that a crash interrupts leaves the table as it was, and nothing else', async () => {
    const former = await tableIds();
    const folder = join(server.dataDir, 'cold', 'public');
    const altering = one
      .query('alter table big alter n type text')
      .catch((error: unknown) => error);
    await underWay(two);
    await server.stop('SIGKILL');
    await altering;
    await Promise.all([one.end(), two.end()]);
    await server.restart();
    one = await connect(server);
    two = await connect(server);
    expect(await rowsOf(two, sums)).toEqual(whole);
    expect(await tableIds()).toEqual(former);
    await expect
      .poll(async () => (await rowsOf(two, rewrites))[0]?.[0], { timeout: 20_000 })
      .toBe('failed');
    await noJobLeft();
    // No folder but that of the table itself, if it has one.
    const folders = existsSync(folder) ? readdirSync(folder) : [];
    for (const name of folders) expect(name).toBe(`big.${String(former[0])}`);
    await one.query('alter table big alter n type text');
    expect(await rowsOf(two, sums)).toEqual(whole);
  });
});

describe('a rewrite of a table without rows', () => {
  const jobs = `select job_type, table_name from system.jobs where table_name like 'e_' order by job_id`;
  const nothingLeft = async (): Promise<void> => {
    await noJobLeft();
    // What the tests before have rolled back goes without a job, in its own time.
    await expect
      .poll(() => rowsOf(two, 'select * from tide.verify()'), { timeout: 30_000, interval: 500 })
      .toEqual([]);
  };

  test('leaves no job where there is nothing to be removed', async () => {
    await one.query('create table e1 (id int primary key, a int)');
    await one.query('create table e2 (id int primary key, a int unique)');
    await one.query('alter table e1 alter id type bigint');
    await one.query('alter table e1 alter a type text, add column b serial');
    await one.query('begin');
    await one.query('create table e3 (id int)');
    await one.query('alter table e3 add primary key (id)');
    await one.query('alter table e2 alter a type bigint');
    await one.query('savepoint s');
    await one.query('alter table e2 alter a type text');
    await one.query('rollback to s');
    await one.query('alter table e2 alter id type bigint');
    await one.query('commit');
    expect(await rowsOf(two, jobs)).toEqual([]);
    await nothingLeft();
    await one.query(
      `insert into e1 values (1, 'a'); insert into e2 values (1, 2); insert into e3 values (1)`,
    );
    expect(
      await rowsOf(
        two,
        'select e1.a, e1.b, e2.a::int from e1 join e2 using (id) join e3 using (id)',
      ),
    ).toEqual([['a', 1, 2]]);
  });

  test('leaves one where rows were, in whatever way they went', async () => {
    await one.query('create table e4 (id int primary key, a int)');
    await one.query('insert into e4 values (1, 1)');
    await one.query('flush table e4');
    await one.query(`set tide.hard_delete = on`);
    await one.query('delete from e4');
    await one.query('alter table e4 alter a type text');
    await one.query('reset tide.hard_delete');
    // Rows of the transaction itself, which its commit writes before the job removes them.
    await one.query('begin');
    await one.query('create table e5 (id int primary key, a int)');
    await one.query('insert into e5 values (1, 1)');
    await one.query('alter table e5 alter a type text');
    await one.query('commit');
    expect(await rowsOf(two, `${jobs.replace(' order', ` and job_type = 'drop' order`)}`)).toEqual([
      ['drop', 'e4'],
      ['drop', 'e5'],
    ]);
    await nothingLeft();
    expect(await rowsOf(two, 'select * from e5')).toEqual([[1, '1']]);
  });
});

describe('versions of the columns', () => {
  test('are kept with their time over changes, rewrites and restarts, and go with the table', async () => {
    await one.query(`create table v (id int primary key, a varchar(3) default 'x')`);
    await one.query(`insert into v values (1)`);
    await one.query('alter table v alter a type varchar(5)');
    await one.query(
      'alter table v alter id type bigint, add column g int generated always as (1) stored',
    );
    await one.query(`alter table v alter a drop default, rename a to b`).catch(() => undefined);
    await one.query('alter table v rename a to b');
    await one.query('begin');
    await one.query('alter table v drop column b');
    await one.query('rollback');
    const look = `select schema_version, changed_at <= now(), jsonb_path_query_array(columns, '$[*].name')::text,
        jsonb_path_query_array(columns, '$[*].type')::text, columns -> 1 ->> 'default'
      from system.table_schemas where table_name = 'v' order by 1`;
    const expected = [
      [1, true, '["id", "a"]', '["integer", "character varying(3)"]', `'x'::character varying`],
      [2, true, '["id", "a"]', '["integer", "character varying(5)"]', `'x'::character varying`],
      [
        3,
        true,
        '["id", "a", "g"]',
        '["bigint", "character varying(5)", "integer"]',
        `'x'::character varying`,
      ],
      [
        4,
        true,
        '["id", "b", "g"]',
        '["bigint", "character varying(5)", "integer"]',
        `'x'::character varying`,
      ],
    ];
    expect(await rowsOf(two, look)).toEqual(expected);
    await Promise.all([one.end(), two.end()]);
    await server.restart();
    one = await connect(server);
    two = await connect(server);
    expect(await rowsOf(two, look)).toEqual(expected);
    await one.query('drop table v');
    expect(await rowsOf(two, look)).toEqual([]);
  });
});
