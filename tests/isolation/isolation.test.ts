/**
 * No token ever reaches another user. Each user's connection runs through a tap, and what counts is the bytes it received:
 * rows, errors, notices, plans, anything.
 */
import { finished } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { catalogReads, failures, postgresCatalogReads, reads } from './queries.ts';
import type { User, World } from './world.ts';
import { allRows, literal, openWorld, tokenOf, tokenPrefix, userCount, userIds } from './world.ts';
import type { WireTap } from './wire-tap.ts';
import { openWireTap } from './wire-tap.ts';

const executors = ['auto', 'row', 'columnar', 'postgres'] as const;

let world: World;
beforeAll(async () => {
  world = await openWorld();
}, 120_000);
afterAll(() => world.close());

const all = Array.from({ length: userCount }, (_, index) => index);

/** Tokens in every form that they may take on the wire. */
function forms(user: number): readonly Buffer[] {
  const prefix = tokenPrefix(user);
  return [
    Buffer.from(prefix),
    Buffer.from(prefix.toLowerCase()),
    // bytea in hex.
    Buffer.from(Buffer.from(prefix).toString('hex')),
    Buffer.from(prefix, 'utf16le'),
  ];
}

/** Fails when `received` has a token of anyone but `owner`. */
function expectOnlyOwn(received: Buffer, owner: number | undefined, during: string): void {
  const leaked = all.filter(
    (other) => other !== owner && forms(other).some((form) => received.includes(form)),
  );
  if (leaked.length > 0) {
    const names = leaked.map((other) => JSON.stringify(userIds[other]));
    expect.fail(`tokens of ${names.join(', ')} reached ${String(owner)} during: ${during}`);
  }
}

async function attempt(client: pg.ClientBase, query: string | pg.QueryConfig): Promise<unknown> {
  try {
    return await client.query(query);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    return error;
  }
}

/** Runs `work` for each user, all at the same time, and judges what each has received. */
async function everyone(during: string, work: (user: User) => Promise<void>): Promise<void> {
  await Promise.all(
    world.users.map(async (user) => {
      try {
        await work(user);
      } catch (error) {
        // So that one failure is one failure.
        await attempt(user.client, 'rollback');
        throw error;
      }
    }),
  );
  for (const { tap, index } of world.users) {
    expectOnlyOwn(tap.received(), index, during);
    tap.forget();
  }
}

const ownTokens = (received: Buffer, user: number): boolean =>
  forms(user).some((form) => received.includes(form));

describe('every shape of query', () => {
  test.each(reads)('%s', async (sql) => {
    for (const executor of executors) {
      await everyone(`${sql} (${executor})`, async ({ client, tap, index }) => {
        await client.query(`set tide.executor = '${executor}'`);
        const simple = await attempt(client, sql);
        if (simple instanceof pg.DatabaseError) expect(simple.code).toBe('0A000');
        // Only its other formats may be left out.
        const mayRefuse = executor !== 'auto' || sql.startsWith('explain (');
        if (!mayRefuse) {
          expect(simple).not.toBeInstanceOf(Error);
          // What must not leak is there to be seen by its owner, or this test would prove nothing.
          if (/title|body|name|data|\*/.test(sql) && !/^explain|select id/.test(sql)) {
            expect([sql, ownTokens(tap.received(), index) || /md5/.test(sql)]).toEqual([sql, true]);
          }
        }
        const binary = { text: sql, values: [], binary: true };
        await attempt(client, binary);
        await client.query('reset tide.executor');
      });
    }
  });
});

test('each user sees all of their rows and no more', async () => {
  await everyone('counting', async ({ client, index }) => {
    const { rows } = await client.query<{ title: string }>(
      'select title from vault.notes order by id',
    );
    expect(rows.map(({ title }) => title)).toEqual(
      Array.from({ length: allRows }, (_, row) => tokenOf(index, 'T', row + 1)),
    );
  });
});

test('a leak would be seen', async () => {
  const { client, tap } = world.users[0]!;
  await client.query(`set tide.scope = 'all'`);
  await client.query('select title from vault.notes');
  await client.query('select data from vault.files');
  await client.query('reset tide.scope');
  expect(() => expectOnlyOwn(tap.received(), 0, 'scope all')).toThrow('tokens of');
  for (const other of all) expect(ownTokens(tap.received(), other)).toBe(true);
  tap.forget();
});

describe("asking for another's rows by value", () => {
  test('parameters, literals and user ids find nothing', async () => {
    await everyone('asking by value', async ({ client, index, tap }) => {
      const other = (index + 1) % userCount;
      const questions: readonly [string, unknown[]][] = [
        ['select id, body from vault.notes where title = $1', [tokenOf(other, 'T', 1)]],
        ['select size, data from vault.files where name = $1', [tokenOf(other, 'N', 5)]],
        ['select id, body from vault.notes where _user_id = $1', [userIds[other]]],
        ['select id, body from vault.notes where $1 = any (tags)', [tokenOf(other, 'G', 2)]],
        ['select id from vault.notes where extra @> $1', [{ key: tokenOf(other, 'J', 2) }]],
        [
          'update vault.notes set body = body where title = $1 returning *',
          [tokenOf(other, 'T', 1)],
        ],
        ['delete from vault.files where name = $1 returning *', [tokenOf(other, 'N', 1)]],
      ];
      for (const [text, values] of questions) {
        const { rows } = await client.query(text, values);
        expect(rows).toEqual([]);
      }
      // Tokens that this user sent himself may come back in errors; nothing here makes one.
      expectOnlyOwn(tap.received(), index, 'asking by value');
    });
  });
});

describe('errors', () => {
  test.each(failures)('%s', async (sql) => {
    await everyone(sql, async ({ client }) => {
      await attempt(client, 'begin');
      await attempt(client, sql);
      await attempt(client, 'rollback');
    });
  });

  test('the same unique value as another user is no conflict, and is not told', async () => {
    await everyone('taking the title of another', async ({ client }) => {
      await client.query('begin');
      // Not the token itself, which the user would get back in the answer: only its shape.
      await client.query(`insert into vault.notes (id, title) values (50, 'shared title')`);
      const { rows } = await client.query(
        `select count(*)::int as n from vault.notes where title = 'shared title'`,
      );
      expect(rows).toEqual([{ n: 1 }]);
      await client.query('rollback');
    });
  });
});

describe('writes', () => {
  test('ON CONFLICT and RETURNING meet only own rows', async () => {
    await everyone('on conflict', async ({ client }) => {
      await client.query('begin');
      for (const sql of [
        `insert into vault.notes (id, title) values (1, 'x') on conflict (id) do update set title = 'up ' || vault.notes.title returning *`,
        `insert into vault.notes (id, title) values (2, 'y') on conflict do nothing returning *`,
        `insert into vault.notes (id, title) select id + 20, title || '+' from vault.notes returning *`,
        `update vault.notes n set body = f.name from vault.files f where f.size = n.id returning n.*, f.*`,
        `delete from vault.notes using vault.files f where f.size = vault.notes.id and f.size > 4 returning *`,
        'select * from vault.notes order by id',
        'update vault.notes set body = title returning *',
        'delete from vault.notes returning *',
      ]) {
        const result = await attempt(client, sql);
        expect(result).not.toBeInstanceOf(Error);
      }
      await client.query('rollback');
    });
  });

  test('WITH that changes rows shows only own rows, if it is supported', async () => {
    await everyone('data-modifying WITH', async ({ client }) => {
      await client.query('begin');
      const result = await attempt(
        client,
        'with gone as (delete from vault.files where size = 6 returning *) select * from gone',
      );
      if (result instanceof pg.DatabaseError) expect(result.code).toBe('0A000');
      await client.query('rollback');
    });
  });

  test('updates and deletes of one user change nothing of another', async () => {
    const [first, second] = world.users;
    await first!.client.query('begin');
    await first!.client.query(`update vault.notes set body = 'changed'`);
    await first!.client.query('delete from vault.files');
    await first!.client.query('commit');
    const { rows } = await second!.client.query<{ body: string }>(
      'select body from vault.notes order by id',
    );
    expect(rows.map(({ body }) => body)).toEqual(
      Array.from({ length: allRows }, (_, row) => tokenOf(1, 'B', row + 1)),
    );
    const { rows: files } = await second!.client.query('select * from vault.files');
    expect(files).toHaveLength(allRows);
    for (const { tap } of world.users) tap.forget();
  });

  test('deleted rows are shown to their owner only', async () => {
    await everyone('include_deleted', async ({ client }) => {
      await client.query('delete from vault.notes where id = 6');
      await client.query('set tide.include_deleted = on');
      await client.query('select *, _deleted from vault.notes order by id');
      await client.query('reset tide.include_deleted');
    });
  });
});

describe('COPY', () => {
  test.each(['text', 'csv', 'binary'])('out and in, %s', async (format) => {
    await everyone(`copy ${format}`, async ({ client, tap, index }) => {
      for (const source of [
        'vault.notes',
        'vault.files (name, data)',
        '(select * from vault.overview order by id)',
      ]) {
        const out = client.query(copyTo(`copy ${source} to stdout with (format ${format})`));
        out.resume();
        await finished(out);
      }
      expect(ownTokens(tap.received(), index)).toBe(true);
      await client.query('begin');
      const dump = client.query(copyTo(`copy vault.files to stdout with (format ${format})`));
      const chunks: Buffer[] = [];
      dump.on('data', (chunk: Buffer) => chunks.push(chunk));
      await finished(dump);
      // The same rows again: an error about this user's own rows, or none where there are no rows.
      const load = client.query(copyFrom(`copy vault.files from stdin with (format ${format})`));
      load.end(Buffer.concat(chunks));
      await finished(load).catch((error: unknown) =>
        expect(error).toBeInstanceOf(pg.DatabaseError),
      );
      await client.query('rollback');
    });
  });
});

describe('what the server tells of itself', () => {
  test.each([...catalogReads, ...postgresCatalogReads])('%s', async (sql) => {
    await everyone(sql, async ({ client }) => {
      await attempt(client, sql);
    });
  });

  test('system relations show no rows of the tables while others query them', async () => {
    await everyone('activity', async ({ client }) => {
      await Promise.all([
        attempt(client, 'select title from vault.notes order by id'),
        attempt(client, 'select * from system.sessions'),
        attempt(client, 'select query from pg_stat_activity'),
      ]);
    });
  });
});

describe('one connection for many users', () => {
  let tap: WireTap;
  let pool: pg.Pool;
  beforeAll(async () => {
    tap = await openWireTap(world.server.port);
    // One connection, so that each user gets what the one before has left.
    pool = new pg.Pool({
      host: '127.0.0.1',
      port: tap.port,
      user: 'postgres',
      database: 'postgres',
      max: 1,
    });
  });
  afterAll(async () => {
    await pool.end();
    await tap.close();
  });

  const sql = 'select title, body from vault.notes where id < $1 order by id';

  test('prepared statements used again after SET tide.user_id', async () => {
    const client = await pool.connect();
    try {
      await client.query('prepare mine as select * from vault.notes order by id');
      await client.query(
        `prepare counted (int) as select title, count(*) over () from vault.notes where id >= $1`,
      );
      for (const round of [0, 1]) {
        for (const [index, id] of userIds.entries()) {
          tap.forget();
          await client.query(`set tide.user_id = ${literal(id)}`);
          for (const executor of executors) {
            await client.query(`set tide.executor = '${executor}'`);
            await attempt(client, { name: 'shared statement', text: sql, values: [10] });
            await attempt(client, 'execute mine');
            await attempt(client, 'execute counted (1)');
          }
          await client.query('reset tide.executor');
          expectOnlyOwn(tap.received(), index, `prepared, round ${round}`);
          expect([id, ownTokens(tap.received(), index)]).toEqual([id, true]);
        }
      }
      await client.query('deallocate all');
      await client.query('reset tide.user_id');
    } finally {
      client.release(true);
    }
  });

  test('SET LOCAL in transactions of a pool', async () => {
    for (const round of [0, 1]) {
      for (const [index, id] of userIds.entries()) {
        const client = await pool.connect();
        try {
          tap.forget();
          await client.query('begin');
          await client.query(`set local tide.user_id = ${literal(id)}`);
          await client.query({ name: 'pooled', text: sql, values: [10] });
          await client.query('select * from vault.files order by size');
          await client.query(round === 0 ? 'commit' : 'rollback');
          expectOnlyOwn(tap.received(), index, 'set local');
          expect([id, ownTokens(tap.received(), index)]).toEqual([id, true]);
          tap.forget();
          // After the transaction the connection is nobody's again.
          await client.query({ name: 'pooled', text: sql, values: [10] });
          await client.query('select * from vault.overview');
          expectOnlyOwn(tap.received(), undefined, 'after set local');
        } finally {
          client.release();
        }
      }
    }
  });

  test('a failed transaction and a cursor leave nothing behind', async () => {
    const client = await pool.connect();
    try {
      await client.query('begin');
      await client.query(`set local tide.user_id = ${literal(userIds[2]!)}`);
      await attempt(client, 'declare c cursor for select * from vault.notes');
      await attempt(client, 'select title::int from vault.notes');
      await client.query('rollback');
      tap.forget();
      await attempt(client, 'fetch all from c');
      await attempt(client, sql.replace('$1', '10'));
      await attempt(client, 'select title::int from vault.notes');
      expectOnlyOwn(tap.received(), undefined, 'after a failed transaction');
    } finally {
      client.release();
    }
  });

  test('users at the same time in one pool of several connections', async () => {
    const wide = new pg.Pool({
      host: '127.0.0.1',
      port: world.server.port,
      user: 'postgres',
      database: 'postgres',
      max: 4,
    });
    try {
      await Promise.all(
        [...userIds.entries(), ...userIds.entries()].map(async ([index, id]) => {
          const client = await wide.connect();
          try {
            await client.query('begin');
            await client.query(`set local tide.user_id = ${literal(id)}`);
            const { rows } = await client.query({ name: 'pooled', text: sql, values: [10] });
            await client.query('commit');
            const received = Buffer.from(JSON.stringify(rows));
            expectOnlyOwn(received, index, 'a pool of several');
            expect([id, ownTokens(received, index)]).toEqual([id, true]);
          } finally {
            client.release();
          }
        }),
      );
    } finally {
      await wide.end();
    }
  });
});

describe('roles', () => {
  let tap: WireTap;
  beforeAll(async () => {
    tap = await openWireTap(world.server.port);
    const { client } = world.users[0]!;
    await client.query('create role plain login');
    await client.query('create role service login');
    await client.query('grant usage on schema vault to plain, service');
    await client.query('grant all on all tables in schema vault to plain, service');
    await client.query('grant tide_service to service');
  });
  afterAll(() => tap.close());

  async function as(user: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
    const client = new pg.Client({ host: '127.0.0.1', port: tap.port, user, database: 'postgres' });
    await client.connect();
    try {
      tap.forget();
      await work(client);
    } finally {
      await client.end();
    }
  }

  test('a plain role speaks for itself only', async () => {
    await as('plain', async (client) => {
      for (const attempted of [
        `set tide.user_id = 'ann'`,
        `select set_config('tide.user_id', 'ann', false)`,
        `set session tide.user_id to 'ann2'`,
        `set tide.scope = 'all'`,
      ]) {
        expect(await attempt(client, attempted)).toMatchObject({ code: '42501' });
      }
      for (const sql of [...reads, ...catalogReads]) await attempt(client, sql);
      await attempt(client, 'set role service');
      for (const sql of reads) await attempt(client, sql);
      expectOnlyOwn(tap.received(), undefined, 'a plain role');
    });
  });

  test('a service speaks for one user at a time, never for all', async () => {
    await as('service', async (client) => {
      expect(await attempt(client, `set tide.scope = 'all'`)).toMatchObject({ code: '42501' });
      await client.query('set tide.user_id = $$ann2$$');
      await client.query('select * from vault.notes');
      await client.query('select * from vault.overview');
      expectOnlyOwn(tap.received(), 1, 'a service');
      expect(ownTokens(tap.received(), 1)).toBe(true);
    });
  });
});
