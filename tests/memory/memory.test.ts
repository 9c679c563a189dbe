/** What the server's memory does when a client does not read, and when many come and go. Linux tells through /proc. */
import { existsSync, readFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { from as copyFrom } from 'pg-copy-streams';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as frontend from '../support/frontend.ts';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { WireClient } from '../support/wire-client.ts';
import { rowsOf, withClient } from '../e2e/client.ts';

const rowCount = 1_000_000;
const sessionCount = 2000;

let server: ServerProcess;
beforeAll(async () => {
  server = await startServerProcess();
});
afterAll(() => server.remove());

/** Resident memory of the server, MiB. */
function residentMib(): number {
  const status = readFileSync(`/proc/${server.pid()}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) / 1024;
}

function* lines(): Generator<string> {
  for (let from = 1; from <= rowCount; from += 1000) {
    let chunk = '';
    for (let id = from; id < from + 1000; id++) chunk += `${id}\tthis is the text of row ${id}\n`;
    yield chunk;
  }
}

describe.runIf(existsSync('/proc/self/status'))('memory', () => {
  test('a client that reads a million rows slowly makes the server wait, not grow', async () => {
    await withClient(server, async (client) => {
      await client.query('create table big (id int primary key, word text)');
      await pipeline(Readable.from(lines()), client.query(copyFrom('copy big from stdin')));
      // Once read in full, so that what is made for every first time is there.
      let rows = 0;
      const reader = await WireClient.open(server.port, { user: 'postgres', database: 'postgres' });
      reader.send(frontend.query('select id, word from big'));
      for (;;) {
        const message = await reader.next();
        if (message.type === 'DataRow') rows++;
        if (message.type === 'ReadyForQuery') break;
      }
      reader.close();
      expect(rows).toBe(rowCount);
      const before = residentMib();
      const stuck = await Promise.all(
        Array.from({ length: 3 }, async () => {
          const one = await WireClient.open(server.port, {
            user: 'postgres',
            database: 'postgres',
          });
          one.socket.pause();
          one.send(frontend.query('select id, word from big'));
          return one;
        }),
      );
      let most = before;
      for (let i = 0; i < 30; i++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        most = Math.max(most, residentMib());
        // Nobody else notices.
        if (i % 10 === 0) {
          expect(await rowsOf(client, 'select word from big where id = 77')).toEqual([
            ['this is the text of row 77'],
          ]);
        }
      }
      expect(most - before).toBeLessThan(150);
      // They get their rows when they read after all.
      const [first, ...others] = stuck;
      for (const other of others) other.close();
      first!.socket.resume();
      rows = 0;
      for (;;) {
        const message = await first!.next();
        if (message.type === 'DataRow') rows++;
        if (message.type === 'ReadyForQuery') break;
      }
      expect(rows).toBe(rowCount);
      first!.close();
      // Nor does a cursor gather what it reads past.
      await client.query('begin; declare c cursor for select id, word from big');
      await client.query('fetch 1000 c');
      const fetching = residentMib();
      most = fetching;
      rows = 1000;
      for (let fetched = 1; fetched > 0; rows += fetched) {
        fetched = (await client.query('fetch 20000 c')).rowCount ?? 0;
        most = Math.max(most, residentMib());
      }
      await client.query('commit');
      expect(rows).toBe(rowCount);
      expect(most - fetching).toBeLessThan(150);
      await client.query('drop table big');
    });
  });

  test(`${sessionCount} short sessions leave nothing behind`, async () => {
    await withClient(server, (client) =>
      client.query('create user table visits (id bigint primary key, at timestamptz)'),
    );
    let next = 1;
    const visit = (): Promise<void> =>
      withClient(
        server,
        async (client) => {
          const id = next++;
          await client.query(`set tide.user_id = 'user ${id % 50}'`);
          await client.query({
            name: 'add',
            text: 'insert into visits values ($1, now())',
            values: [id],
          });
          expect(await rowsOf(client, `select id from visits where id = ${id}`)).toEqual([
            [String(id)],
          ]);
          // Left to the end of the session.
          await client.query('begin');
          await client.query('delete from visits');
        },
        { settings: { application_name: `visit${next % 7}` } },
      );
    const visits = async (until: number): Promise<void> => {
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          while (next <= until) await visit();
        }),
      );
    };
    await visits(sessionCount / 2);
    const before = residentMib();
    await visits(sessionCount);
    expect(residentMib() - before).toBeLessThan(80);
    await withClient(server, async (client) => {
      expect(await rowsOf(client, 'select count(*) from system.sessions')).toEqual([['1']]);
      await client.query(`set tide.scope = 'all'`);
      expect(await rowsOf(client, 'select count(*) from visits')).toEqual([[String(next - 1)]]);
    });
  });
});
