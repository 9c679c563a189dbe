/**
 * Sessions that change both ends of foreign keys, and deferrable unique keys, at once: whatever order they run in, no row is left
 * without its parent and no key is there twice.
 */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { smallRandom } from '../support/small-random.ts';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';

const clients = 6;
const rounds = 30;
const keys = 5;

let server: ServerProcess;
let pool: pg.Pool;

beforeAll(async () => {
  server = await startServerProcess();
  pool = new pg.Pool({
    host: '127.0.0.1',
    port: server.port,
    user: 'postgres',
    database: 'postgres',
    max: clients + 1,
  });
});

afterAll(async () => {
  await pool.end();
  await server.remove();
});

/** What a transaction may be told when others come between; anything else is a fault. */
const expected: ReadonlySet<string> = new Set(['23503', '23505', '40001', '40P01']);

type Statements = (next: (below: number) => number, row: number) => readonly string[];

/** Every client runs transactions of `statements`; returns how many committed. */
async function race(level: string, seed: number, statements: Statements): Promise<number> {
  let committed = 0;
  const work = Array.from({ length: clients }, async (_, client) => {
    const next = smallRandom(seed + client).below;
    const connection = await pool.connect();
    try {
      for (let round = 0; round < rounds; round++) {
        try {
          await connection.query(`begin isolation level ${level}`);
          for (const sql of statements(next, client * rounds + round)) {
            await connection.query(sql);
            // Long enough for another session to come between what was checked and COMMIT.
            await connection.query(`select pg_sleep(${(next(3) + 1) / 1000})`);
          }
          await connection.query('commit');
          committed++;
        } catch (error) {
          const code = error instanceof pg.DatabaseError ? error.code : undefined;
          if (code === undefined || !expected.has(code)) throw error;
          await connection.query('rollback');
        }
      }
    } finally {
      connection.release();
    }
  });
  await Promise.all(work);
  return committed;
}

async function count(sql: string): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(sql);
  return rows[0]!.n;
}

for (const level of ['read committed', 'repeatable read', 'serializable']) {
  test(`children and their parents, ${level}`, async () => {
    await pool.query(`
      drop table if exists child, cascaded, late, parent;
      create table parent (id int primary key, n int);
      create table child (id int primary key, parent int references parent);
      create table cascaded (id int primary key, parent int references parent on delete cascade on update cascade);
      create table late (id int primary key, parent int references parent deferrable initially deferred);
      create index on child (parent);
      insert into parent select g, 0 from generate_series(0, ${keys - 1}) g`);
    // Some parents are cold.
    await pool.query('flush table parent');
    const committed = await race(level, 20_261_121, (next, row) => {
      const key = next(keys);
      switch (next(10)) {
        case 0:
        case 1:
        case 2:
          // The parent goes with all that refers to it.
          return [
            `delete from child where parent = ${key}`,
            `delete from late where parent = ${key}`,
            `delete from parent where id = ${key}`,
          ];
        case 3:
          return [`delete from parent where id = ${key}`, `insert into parent values (${key}, 1)`];
        case 4:
        case 5:
          return [`insert into parent values (${key}, 2) on conflict (id) do update set n = 3`];
        case 6:
          return [`update parent set id = ${next(keys)} where id = ${key}`];
        default: {
          const table = ['child', 'cascaded', 'late'][next(3)];
          return [`insert into ${table} values (${row}, ${key})`];
        }
      }
    });
    expect(committed).toBeGreaterThan(clients);
    for (const table of ['child', 'cascaded', 'late']) {
      const orphans = await count(
        `select count(*)::int as n from ${table} c where not exists (select from parent p where p.id = c.parent)`,
      );
      expect(orphans, `${table} without a parent`).toBe(0);
    }
  });

  test.each(['', ' initially deferred'])(`deferrable%s unique keys, ${level}`, async (when) => {
    await pool.query(`
      drop table if exists place;
      create table place (id int primary key deferrable${when}, n int);
      insert into place values (0, 0)`);
    await pool.query('flush table place');
    const committed = await race(level, 7, (next, row) => {
      const [one, other] = [next(keys), next(keys)];
      switch (next(4)) {
        case 0:
          return [
            `update place set id = case id when ${one} then ${other} else ${one} end where id in (${one}, ${other})`,
          ];
        case 1:
          return [`delete from place where id = ${one}`];
        default:
          return [`insert into place values (${one}, ${row})`];
      }
    });
    expect(committed).toBeGreaterThan(clients);
    expect(
      await count(
        'select count(*)::int as n from (select id from place group by id having count(*) > 1) d',
      ),
    ).toBe(0);
  });
}
