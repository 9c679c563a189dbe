/**
 * 2026-11: an UPDATE read a row at its statement's snapshot but was checked only against commits after it wrote, so of two
 * concurrent increments one was lost without an error.
 */
import { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';

const clients = 8;
const rounds = 40;
const keys = 3;

let server: ServerProcess;
let pool: Pool;

beforeAll(async () => {
  server = await startServerProcess();
  pool = new Pool({
    host: '127.0.0.1',
    port: server.port,
    user: 'postgres',
    database: 'postgres',
    max: clients,
  });
  await pool.query('create table counter (k int primary key, n int not null)');
});

afterAll(async () => {
  await pool.end();
  await server.remove();
});

async function everyClient(statement: (key: number) => [string, unknown[]]): Promise<void> {
  await pool.query('delete from counter');
  await pool.query('insert into counter select k, 0 from generate_series(0, 2) k');
  const work = Array.from({ length: clients }, async () => {
    const client = await pool.connect();
    try {
      for (let i = 0; i < rounds; i++) await client.query(...statement(i % keys));
    } finally {
      client.release();
    }
  });
  await Promise.all(work);
  const { rows } = await pool.query<{ total: number }>('select sum(n)::int as total from counter');
  expect(rows[0]?.total).toBe(clients * rounds);
}

test('concurrent increments all count, extended protocol', () =>
  everyClient((key) => ['update counter set n = n + 1 where k = $1', [key]]));

test('concurrent increments all count, simple protocol', () =>
  everyClient((key) => [`update counter set n = n + 1 where k = ${key}`, []]));

test('concurrent upserts all count', () =>
  everyClient((key) => [
    'insert into counter values ($1, 1) on conflict (k) do update set n = counter.n + 1',
    [key],
  ]));

test('of concurrent inserts of one key, one wins and the others are told', async () => {
  await pool.query('create table once (id bigserial primary key, u int unique)');
  const outcomes = await Promise.allSettled(
    Array.from({ length: clients }, () => pool.query('insert into once (u) values (1)')),
  );
  const failures = outcomes.filter((outcome) => outcome.status === 'rejected');
  expect(failures).toHaveLength(clients - 1);
  for (const failure of failures) expect(failure.reason).toMatchObject({ code: '23505' });
});
