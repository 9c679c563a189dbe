/** A statement that is begun within the call and finds its table locked: the error that ends its wait is its own, and the server lives. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ServerProcess } from '../support/server-process.ts';
import { startServerProcess } from '../support/server-process.ts';

let server: ServerProcess;
const clients: pg.Client[] = [];

async function connect(): Promise<pg.Client> {
  const { host, port } = server;
  const client = new pg.Client({ host, port, user: 'postgres', database: 'postgres' });
  // A server that dies is seen by the query that was running.
  client.on('error', () => undefined);
  await client.connect();
  clients.push(client);
  return client;
}

beforeAll(async () => {
  server = await startServerProcess();
});
afterAll(async () => {
  for (const client of clients) await client.end().catch(() => undefined);
  await server.remove();
});

test.each([
  ['an INSERT', 'insert into waited (id) values ($1)'],
  ['a read by key', 'select * from waited where id = $1'],
])('%s that was prepared waits for its table until lock_timeout', async (_what, text) => {
  const [holder, waiter] = [await connect(), await connect()];
  await holder.query('create table waited (id int primary key)');
  const run = (id: number): Promise<unknown> =>
    waiter.query({ name: 'prepared', text, values: [id] });
  // Prepared and planned: from now on it is begun within the call.
  await waiter.query('begin');
  for (const id of [1, 2]) await run(id);
  await waiter.query('rollback');
  await waiter.query(`set lock_timeout = '100ms'`);

  await holder.query('begin');
  await holder.query('lock table waited');
  await waiter.query('begin');
  await expect(run(3)).rejects.toMatchObject({ code: '55P03' });
  await waiter.query('rollback');
  await holder.query('rollback');

  await run(4);
  // Nobody has it any more.
  await holder.query(`set lock_timeout = '2s'`);
  await holder.query('drop table waited');
});
