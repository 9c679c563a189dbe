/** SELECT … FOR UPDATE and its kin between sessions: who waits for whom, job queues, rows that changed meanwhile, advisory locks. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';

let server: ServerProcess;
let one: pg.Client;
let two: pg.Client;
const clients: pg.Client[] = [];

async function connect(): Promise<pg.Client> {
  const identity = { host: '127.0.0.1', user: 'postgres', database: 'postgres' };
  const client = new pg.Client({ ...identity, port: server.port });
  await client.connect();
  clients.push(client);
  return client;
}

beforeAll(async () => {
  server = await startServerProcess();
  one = await connect();
  two = await connect();
  await one.query(`
    create table item (id int primary key, v int not null, name text unique);
    create table part (id int primary key, item int not null, kind text not null);
    create table job (id int primary key, state text not null, worker int)`);
});
beforeEach(async () => {
  await one.query(`
    delete from item; insert into item select i, i * 10, 'n' || i from generate_series(1, 5) i;
    delete from part; insert into part select i, (i + 1) / 2, 'x' from generate_series(1, 10) i`);
});
afterEach(async () => {
  for (const client of clients) await client.query('rollback; set lock_timeout = 0');
});
afterAll(async () => {
  await Promise.allSettled(clients.map((client) => client.end()));
  await server.remove();
});

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof pg.DatabaseError ? error.code! : String(error)),
  );

async function rowsOf(client: pg.Client, sql: string): Promise<unknown[]> {
  const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
  return rows;
}

/** Runs `sql` in `client`, which has to wait; resolves to a way to get its rows once it goes on. */
async function waiting(client: pg.Client, sql: string): Promise<() => Promise<unknown[]>> {
  const pid = (await rowsOf(client, 'select pg_backend_pid()')) as [[number]];
  const answer = rowsOf(client, sql);
  answer.catch(() => undefined);
  const watcher = clients.find((each) => each !== client && each !== one)!;
  for (;;) {
    const [row] = await rowsOf(watcher, `select pg_blocking_pids(${pid[0][0]})`);
    if ((row as [number[]])[0].length > 0) return () => answer;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const strengths = ['key share', 'share', 'no key update', 'update'];
/** By the lock that is there: which of the strengths wait for it (PostgreSQL, "Conflicting Row-Level Locks"). */
const conflicts: Readonly<Record<string, readonly string[]>> = {
  'for key share': ['update'],
  'for share': ['no key update', 'update'],
  'for no key update': ['share', 'no key update', 'update'],
  'for update': strengths,
};

describe('the strengths', () => {
  test.each(Object.entries(conflicts))('%s', async (held, refused) => {
    await one.query(`begin; select * from item where id = 1 ${held}`);
    for (const strength of strengths) {
      const sql = `select id from item where id < 3 order by id for ${strength}`;
      const expected = refused.includes(strength) ? '55P03' : 'none';
      expect([strength, await codeOf(two.query(`${sql} nowait`))]).toEqual([strength, expected]);
      const rows = await rowsOf(two, `${sql} skip locked`);
      expect([strength, rows]).toEqual([strength, expected === 'none' ? [[1], [2]] : [[2]]]);
    }
  });

  test.each([
    ['update item set v = 0 where id = 1', ['share', 'no key update', 'update']],
    ["update item set name = 'other' where id = 1", strengths],
    ['delete from item where id = 1', strengths],
  ])('%s', async (write, refused) => {
    await one.query(`begin; ${write}`);
    for (const strength of strengths) {
      const code = await codeOf(
        two.query(`select id from item where id = 1 for ${strength} nowait`),
      );
      expect([strength, code]).toEqual([strength, refused.includes(strength) ? '55P03' : 'none']);
    }
  });
});

test('NOWAIT names the relation', async () => {
  await one.query('begin; select * from item for update');
  await expect(two.query('select * from item for share nowait')).rejects.toMatchObject({
    code: '55P03',
    message: 'could not obtain lock on row in relation "item"',
  });
});

test('lock_timeout ends a wait for a row', async () => {
  await one.query('begin; select * from item where id = 1 for update');
  await two.query(`set lock_timeout = '20ms'`);
  await expect(two.query('select * from item where id = 1 for update')).rejects.toMatchObject({
    code: '55P03',
    message: 'canceling statement due to lock timeout',
  });
});

describe('what was changed meanwhile', () => {
  let three: pg.Client;
  beforeAll(async () => {
    three = await connect();
  });

  test('is given in its new version, where it still fits', async () => {
    await one.query('begin; update item set v = v + 1 where id in (1, 2)');
    const rest = await waiting(two, 'select id, v from item where v < 21 order by id for update');
    await one.query('commit');
    // 2 has 21 by now. It keeps the place where its old version was found.
    expect(await rest()).toEqual([[1, 11]]);
  });

  test('keeps its row when its key has changed, and goes when it is deleted', async () => {
    await one.query('begin; update item set id = 9 where id = 1; delete from item where id = 2');
    const rest = await waiting(two, 'select id, v from item where v < 40 order by v for update');
    await one.query('commit');
    expect(await rest()).toEqual([
      [9, 10],
      [3, 30],
    ]);
  });

  test('is joined to the rows that it was joined to', async () => {
    await one.query(
      `begin; update item set v = 0 where id = 1; update part set item = 2 where id = 2`,
    );
    const rest = await waiting(
      two,
      'select part.id, item.v from item join part on part.item = item.id where item.id < 3 order by part.id for update',
    );
    await one.query('commit');
    expect(await rest()).toEqual([
      [1, 0],
      [3, 20],
      [4, 20],
    ]);
  });

  test('keeps its rows of a function in FROM', async () => {
    await one.query(`begin; update item set v = 11 where id = 1`);
    const rest = await waiting(
      two,
      'select id, v, g from item, generate_series(1, 3) g where id = 1 order by g for update of item',
    );
    await one.query('commit');
    expect(await rest()).toEqual([
      [1, 11, 1],
      [1, 11, 2],
      [1, 11, 3],
    ]);
  });

  test('counts under LIMIT only when it is locked', async () => {
    await one.query('begin; update item set v = 100 where id = 1');
    await two.query('begin');
    const sql = 'select id from item where v < 50 order by id limit 2 for update';
    const rest = await waiting(two, sql);
    await one.query('commit');
    expect(await rest()).toEqual([[2], [3]]);
    // 1 stays locked, though it is no row of the result any more; 4 has not been looked at.
    expect(await rowsOf(three, 'select id from item order by id for update skip locked')).toEqual([
      [4],
      [5],
    ]);
  });

  test('is a serialization failure where there is one snapshot', async () => {
    await two.query('begin isolation level repeatable read; select 1 from item');
    await one.query('update item set v = 1 where id = 1; delete from item where id = 2');
    for (const id of [1, 2]) {
      await two.query('savepoint a');
      await expect(
        two.query(`select * from item where id = ${id} for share`),
      ).rejects.toMatchObject({
        code: '40001',
        message: 'could not serialize access due to concurrent update',
      });
      await two.query('rollback to a');
    }
    expect(await rowsOf(two, 'select v from item where id = 1 for key share')).toEqual([[10]]);
  });
});

test('two sessions that lock rows crosswise: one is a deadlock', async () => {
  await one.query('begin; select * from item where id = 1 for update');
  await two.query('begin; select * from item where id = 2 for update');
  const rest = one.query('select * from item where id = 2 for share');
  const lockAndLeave = async (): Promise<unknown> => {
    try {
      return await two.query('select * from item where id = 1 for share');
    } finally {
      await two.query('rollback');
    }
  };
  const codes = await Promise.all([codeOf(rest), codeOf(lockAndLeave())]);
  expect(codes.toSorted()).toEqual(['40P01', 'none']);
});

test('a portal locks only the rows that have been asked for', async () => {
  await one.query('begin');
  await one.query('declare c cursor for select id from item order by id for update');
  await one.query('fetch 2 from c');
  expect(await rowsOf(two, 'select id from item order by id for update skip locked')).toEqual([
    [3],
    [4],
    [5],
  ]);
  await one.query('update item set v = -1 where current of c');
  expect(
    await rowsOf(two, 'select count(*)::int from (select 1 from item for update skip locked) i'),
  ).toEqual([[3]]);
});

describe('a queue of jobs', () => {
  const workers = 8;
  const jobs = 200;
  const takes: Readonly<Record<string, string>> = {
    'sub-select': `update job set state = 'run', worker = $1 where id in
      (select id from job where state = 'new' order by id limit 3 for update skip locked) returning id`,
    WITH: `with next as (select id from job where state = 'new' order by id limit 3 for update skip locked)
      update job set state = 'run', worker = $1 from next where job.id = next.id returning job.id`,
    'one at a time': `update job set state = 'run', worker = $1 where id =
      (select id from job where state = 'new' limit 1 for no key update skip locked) returning id`,
  };

  test.each(Object.entries(takes))('%s: each job is done once', async (_, take) => {
    await one.query('delete from job');
    await one.query(`insert into job select i, 'new', null from generate_series(1, ${jobs}) i`);
    const done: number[] = [];
    const work = async (worker: number): Promise<number> => {
      const client = await connect();
      let taken = 0;
      for (;;) {
        await client.query('begin');
        const { rows } = await client.query<{ id: number }>(take, [worker]);
        // Some workers give up what they have taken: it is for others then.
        const gaveUp = (worker + taken) % 7 === 0 && rows.length > 0 && taken < 20;
        taken++;
        await client.query(gaveUp ? 'rollback' : 'commit');
        if (gaveUp) continue;
        if (rows.length === 0) return taken;
        done.push(...rows.map(({ id }) => id));
      }
    };
    await Promise.all(Array.from({ length: workers }, (__, worker) => work(worker)));
    // A worker may have found nothing while another was about to give its jobs up.
    await work(99);
    expect(done.toSorted((a, b) => a - b)).toEqual(Array.from({ length: jobs }, (__, i) => i + 1));
  });
});

test('the rows of a locking sub-query are found by their keys', async () => {
  await one.query(
    `delete from job; insert into job select i, 'new', null from generate_series(1, 3000) i`,
  );
  const next = `select id from job where state = 'new' limit 2 for update skip locked`;
  for (const take of [
    `update job set state = 'run' where id in (${next})`,
    `update job set state = 'run' where id = (${next.replace('limit 2', 'limit 1')})`,
    `with next as (${next}) update job set state = 'run' from next where next.id = job.id`,
  ]) {
    const lines = (await rowsOf(one, `explain analyze ${take}`)).flat() as string[];
    const read = lines
      .filter((line) => line.startsWith('Read'))
      .map((line) => /: (\d+) hot/.exec(line)?.[1]);
    expect([take, read.length, Number(read[1])]).toEqual([
      take,
      2,
      take.includes('limit 1') ? 1 : 2,
    ]);
  }
});

describe('advisory locks', () => {
  test('wait for each other, by lock_timeout and by deadlock too', async () => {
    await one.query('select pg_advisory_lock(1)');
    await two.query(`set lock_timeout = '20ms'`);
    expect(await codeOf(two.query('select pg_advisory_lock(1)'))).toBe('55P03');
    await two.query('set lock_timeout = 0');
    await two.query('select pg_advisory_lock(2, 2)');
    const rest = await waiting(one, 'select pg_advisory_lock(2, 2)');
    await expect(two.query('select pg_advisory_lock(1)')).rejects.toMatchObject({
      code: '40P01',
      detail: expect.stringContaining(
        'waits for ExclusiveLock on advisory lock [5,0,1,1]; blocked',
      ),
    });
    await two.query('select pg_advisory_unlock_all()');
    await rest();
    await one.query('discard all');
    expect(await rowsOf(two, 'select pg_try_advisory_lock(1), pg_try_advisory_lock(2, 2)')).toEqual(
      [[true, true]],
    );
    await two.query('select pg_advisory_unlock_all()');
  });

  test('keep work apart, and end with their session', async () => {
    const lost = await connect();
    await lost.query('select pg_advisory_lock(5)');
    const rest = await waiting(two, 'select pg_advisory_lock(5)');
    await lost.end();
    clients.splice(clients.indexOf(lost), 1);
    await rest();
    await two.query('select pg_advisory_unlock(5)');
  });

  test('guard a counter that is read and written apart', async () => {
    await one.query('update item set v = 0 where id = 1');
    const add = async (client: pg.Client): Promise<void> => {
      for (let i = 0; i < 20; i++) {
        await client.query('begin');
        await client.query('select pg_advisory_xact_lock($1)', [42]);
        const { rows } = await client.query<{ v: number }>('select v from item where id = 1');
        await client.query('update item set v = $1 where id = 1', [rows[0]!.v + 1]);
        await client.query('commit');
      }
    };
    await Promise.all([add(one), add(two), add(await connect())]);
    expect(await rowsOf(one, 'select v from item where id = 1')).toEqual([[60]]);
  });
});

test('system.locks and pg_blocking_pids tell who waits', async () => {
  await one.query('begin; select * from item where id < 3 for update');
  const rest = await waiting(two, 'update item set v = 7 where id = 2');
  const watcher = await connect();
  const waits = await rowsOf(
    watcher,
    `select table_name, mode, locks::int from system.locks where kind = 'row' order by granted desc, mode`,
  );
  expect(waits[0]).toEqual(['item', 'For Update', 2]);
  expect(waits.length).toBe(2);
  await one.query('commit');
  await rest();
});
