/** Portals and prepared statements in conversations that once went wrong. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BackendMessage } from '../support/backend.ts';
import * as frontend from '../support/frontend.ts';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { WireClient } from '../support/wire-client.ts';

let server: ServerProcess;
let client: WireClient;
beforeAll(async () => {
  server = await startServerProcess();
  client = await WireClient.open(server.port, { user: 'postgres', database: 'postgres' });
});
afterAll(async () => {
  client.close();
  await server.remove();
});

/** The types of what is answered up to ReadyForQuery, and the error's SQLSTATE in its place. */
async function answers(...messages: Buffer[]): Promise<string[]> {
  client.send(...messages);
  const told = (message: BackendMessage): string =>
    message.type === 'ErrorResponse' ? String(message['code']) : message.type;
  return (await client.until('ReadyForQuery')).map(told);
}

const series = 'select g from generate_series(1, 5) g';

test('a portal ends with the implicit transaction at Sync', async () => {
  expect(
    await answers(
      frontend.parse('', series),
      frontend.bind({ portal: 'p' }),
      frontend.execute('p', 2),
      frontend.sync(),
    ),
  ).toEqual([
    'ParseComplete',
    'BindComplete',
    'DataRow',
    'DataRow',
    'PortalSuspended',
    'ReadyForQuery',
  ]);
  expect(await answers(frontend.execute('p', 2), frontend.sync())).toEqual([
    '34000',
    'ReadyForQuery',
  ]);
});

test('a portal lives through Sync in a transaction block, and ends with COMMIT', async () => {
  await answers(frontend.query('begin'));
  await answers(
    frontend.parse('', series),
    frontend.bind({ portal: 'p' }),
    frontend.execute('p', 2),
    frontend.sync(),
  );
  expect(await answers(frontend.execute('p', 2), frontend.sync())).toEqual([
    'DataRow',
    'DataRow',
    'PortalSuspended',
    'ReadyForQuery',
  ]);
  expect(await answers(frontend.execute('p', 0), frontend.sync())).toEqual([
    'DataRow',
    'CommandComplete',
    'ReadyForQuery',
  ]);
  await answers(frontend.query('commit'));
  expect(await answers(frontend.execute('p', 0), frontend.sync())).toEqual([
    '34000',
    'ReadyForQuery',
  ]);
});

test('a named portal can not be bound twice, the unnamed one can', async () => {
  await answers(frontend.query('begin'));
  expect(
    await answers(
      frontend.parse('', series),
      frontend.bind({ portal: '' }),
      frontend.bind({ portal: '' }),
      frontend.bind({ portal: 'q' }),
      frontend.bind({ portal: 'q' }),
      frontend.sync(),
    ),
  ).toEqual([
    'ParseComplete',
    'BindComplete',
    'BindComplete',
    'BindComplete',
    '42P03',
    'ReadyForQuery',
  ]);
  await answers(frontend.query('rollback'));
});

test('a portal reads the snapshot of its own statement', async () => {
  await answers(frontend.query('create table seen (id int primary key)'));
  await answers(frontend.query('insert into seen values (1), (2), (3)'));
  await answers(frontend.query('begin'));
  await answers(
    frontend.parse('', 'select id from seen order by id'),
    frontend.bind({ portal: 'r' }),
    frontend.execute('r', 1),
    frontend.sync(),
  );
  await answers(frontend.query('delete from seen where id = 3'));
  expect(await answers(frontend.execute('r', 0), frontend.sync())).toEqual([
    'DataRow',
    'DataRow',
    'CommandComplete',
    'ReadyForQuery',
  ]);
  await answers(frontend.query('rollback'));
});

test('a prepared statement that fails to parse is not there', async () => {
  expect(await answers(frontend.parse('bad', 'select no_such_column'), frontend.sync())).toEqual([
    '42703',
    'ReadyForQuery',
  ]);
  expect(await answers(frontend.bind({ statement: 'bad' }), frontend.sync())).toEqual([
    '26000',
    'ReadyForQuery',
  ]);
});
