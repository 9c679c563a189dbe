/** SIGTERM: statements in flight end, then every client is told and closed. */
import { afterEach, expect, test } from 'vitest';
import type { BackendMessage } from '../support/backend.ts';
import * as frontend from '../support/frontend.ts';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { WireClient } from '../support/wire-client.ts';

let server: ServerProcess | undefined;
afterEach(() => server?.remove());

const identity = { user: 'postgres', database: 'postgres' };

const shutDown = {
  severity: 'FATAL',
  code: '57P01',
  message: 'terminating connection due to administrator command',
};

function error(messages: readonly BackendMessage[]): unknown {
  return messages.find(({ type }) => type === 'ErrorResponse');
}

/** Resolves once another session's pg_sleep has begun, and a moment later. */
async function untilRunning(client: WireClient): Promise<void> {
  for (;;) {
    client.send(
      frontend.query(
        `select 1 from system.sessions where state = 'active' and query like 'select pg_sleep%'`,
      ),
    );
    const answers = await client.until('ReadyForQuery');
    if (answers.some(({ type }) => type === 'DataRow')) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
}

test('a running statement ends, idle clients go at once, nobody new comes in', async () => {
  server = await startServerProcess();
  const running = await WireClient.open(server.port, identity);
  const idle = await WireClient.open(server.port, identity);
  running.send(frontend.query('select pg_sleep(2.5); select 42'));
  await untilRunning(idle);
  const { port } = server;
  const stopped = server.stop();
  expect(error(await idle.untilEnd())).toMatchObject(shutDown);
  await expect(WireClient.open(port, identity)).rejects.toThrow(
    /ECONNREFUSED|closed the connection/,
  );
  const answers = await running.untilEnd();
  expect(answers.filter(({ type }) => type === 'DataRow')).toHaveLength(2);
  expect(error(answers)).toMatchObject(shutDown);
  expect(await stopped).toBe(0);
});

test('a statement that takes longer than the drain is ended', async () => {
  server = await startServerProcess({ args: ['--drain-timeout-ms', '300'] });
  const running = await WireClient.open(server.port, identity);
  running.send(frontend.query('select pg_sleep(60)'));
  const idle = await WireClient.open(server.port, identity);
  await untilRunning(idle);
  const started = performance.now();
  expect(await server.stop()).toBe(0);
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(error(await running.untilEnd())).toMatchObject({ severity: 'FATAL', code: '57P01' });
});

test('an open transaction is rolled back', async () => {
  server = await startServerProcess();
  const client = await WireClient.open(server.port, identity);
  client.send(frontend.query('create table t (id int primary key)'));
  await client.until('ReadyForQuery');
  client.send(frontend.query('begin; insert into t values (1)'));
  await client.until('ReadyForQuery');
  expect(await server.stop()).toBe(0);
  await server.restart();
  const again = await WireClient.open(server.port, identity);
  again.send(frontend.query('select * from t'));
  const answers = await again.until('ReadyForQuery');
  expect(answers.filter(({ type }) => type === 'DataRow')).toEqual([]);
  again.close();
});
