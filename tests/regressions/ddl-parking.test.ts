/** A transaction with DDL open keeps nobody waiting but those who use what it changes. */
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { connect, errorOf, rowsOf } from '../e2e/client.ts';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';

let server: ServerProcess;
let one: pg.Client;
let two: pg.Client;
let schemas = 0;
let schema = '';

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

beforeEach(async () => {
  schema = `p${++schemas}`;
  await one.query(`rollback; create schema ${schema}; set search_path = ${schema}`);
  await two.query(
    `rollback; set search_path = ${schema}; reset lock_timeout; reset statement_timeout`,
  );
});

test('eight sessions run statements that nobody has run before, while DDL is open and idle', async () => {
  await one.query('create table busy (id int primary key); create table other (id int, word text)');
  await one.query(`insert into other values (1, 'a'), (2, 'b')`);
  await one.query(
    'begin; create table mine (id serial primary key); alter table busy add column more int',
  );
  const others = await Promise.all(
    Array.from({ length: 8 }, () => connect(server, { settings: { search_path: schema } })),
  );
  const ms: number[] = [];
  await Promise.all(
    others.map(async (client, i) => {
      for (let k = 0; k < 5; k++) {
        const start = performance.now();
        expect(
          await rowsOf(client, `select word, ${i * 100 + k} as n${i}_${k} from other where id = 1`),
        ).toEqual([['a', i * 100 + k]]);
        ms.push(performance.now() - start);
      }
    }),
  );
  ms.sort((a, b) => a - b);
  expect(ms.at(-1)).toBeLessThan(5000);
  // What the transaction has made is for itself alone, and still there.
  expect(await errorOf(two, 'select * from mine')).toMatchObject({ code: '42P01' });
  expect(await rowsOf(one, 'insert into mine default values returning id')).toEqual([[1]]);
  const waiting = others.map((client) => rowsOf(client, 'select * from busy'));
  expect(await rowsOf(one, 'insert into busy values (1, 2) returning more')).toEqual([[2]]);
  await one.query('commit');
  for (const result of await Promise.all(waiting)) expect(result).toEqual([[1, 2]]);
  expect(await rowsOf(two, 'select id from mine')).toEqual([[1]]);
  for (const client of others) await client.end();
});
