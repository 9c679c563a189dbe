/** Bytes that no client should send: each hurts its own connection at most. */
import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as frontend from '../support/frontend.ts';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { WireClient } from '../support/wire-client.ts';
import { connect, rowsOf } from './client.ts';

const runs = 150;
/** How long a connection that waits for more of a message is given before we close it. */
const patienceMs = 25;

let server: ServerProcess;
let healthy: pg.Client;
beforeAll(async () => {
  server = await startServerProcess();
  healthy = await connect(server);
  await healthy.query('create table sums (id int primary key, n int)');
  await healthy.query('insert into sums select g, g * g from generate_series(1, 100) g');
});
afterAll(async () => {
  await healthy.end();
  await server.remove();
});

async function expectRightAnswers(): Promise<void> {
  expect(await rowsOf(healthy, 'select sum(n), count(*) from sums')).toEqual([['338350', '100']]);
  expect(await rowsOf(healthy, 'select n from sums where id = 7')).toEqual([[49]]);
}

/** Sends `bytes` on a connection of their own, `started` or bare, and lets the server react. */
async function send(bytes: Uint8Array, started: boolean): Promise<void> {
  const client = started
    ? await WireClient.open(server.port, { user: 'postgres', database: 'postgres' })
    : await WireClient.connect(server.port);
  client.send(bytes);
  await Promise.race([
    client.untilEnd().catch(() => undefined),
    new Promise((resolve) => setTimeout(resolve, patienceMs)),
  ]);
  client.close();
}

const valid: readonly Buffer[] = [
  frontend.query('select 1; select n from sums where id = 3'),
  frontend.query('begin; select count(*) from sums; rollback'),
  frontend.parse('s', 'select n from sums where id = $1', [23]),
  frontend.bind({ statement: 's', portal: 'p' }),
  frontend.describe('statement', 's'),
  frontend.describe('portal', 'p'),
  frontend.execute('p', 1),
  frontend.close('statement', 's'),
  frontend.query('copy (select * from sums) to stdout'),
  frontend.copyData('1\t2\n'),
  frontend.copyDone(),
  frontend.copyFail('no'),
  frontend.functionCall(1598),
  frontend.flush(),
  frontend.sync(),
  frontend.password('secret'),
];

/** Several valid messages with some of their bytes changed, cut, or doubled. */
const mutated = fc
  .record({
    messages: fc.array(fc.constantFrom(...valid), { minLength: 1, maxLength: 8 }),
    changes: fc.array(
      fc.record({
        at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        kind: fc.constantFrom('set', 'remove', 'insert', 'cut'),
        byte: fc.integer({ min: 0, max: 255 }),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  })
  .map(({ messages, changes }) => {
    const bytes = Array.from(Buffer.concat(messages));
    for (const { at, kind, byte } of changes) {
      const index = Math.floor(at * bytes.length);
      if (kind === 'set') bytes[index] = byte;
      else if (kind === 'remove') bytes.splice(index, 1);
      else if (kind === 'insert') bytes.splice(index, 0, byte);
      else bytes.length = Math.max(1, index);
    }
    return Uint8Array.from(bytes);
  });

test('random bytes instead of a start-up message', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (bytes) => {
      await send(bytes, false);
      await expectRightAnswers();
    }),
    { numRuns: runs },
  );
});

test('random bytes after a good start', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (bytes) => {
      await send(bytes, true);
      await expectRightAnswers();
    }),
    { numRuns: runs },
  );
});

test('messages that are almost right', async () => {
  await fc.assert(
    fc.asyncProperty(mutated, async (bytes) => {
      await send(bytes, true);
      await expectRightAnswers();
    }),
    { numRuns: runs },
  );
});

test('none of that has left a session, an error of ours, or a stop behind', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, 500);
  await promise;
  expect(await rowsOf(healthy, 'select count(*) from system.sessions')).toEqual([['1']]);
  expect(server.output()).not.toMatch(/internal error|"level":(?:50|60)/);
  expect(server.pid()).toBeDefined();
});
