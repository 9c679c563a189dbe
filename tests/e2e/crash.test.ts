/** SIGKILL in the middle of writing: what was acknowledged is there after the restart, whole and once. */
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { connect, rowsOf, withClient } from './client.ts';

const writers = 6;
const rounds = 3;
const writingMs = 1500;

let server: ServerProcess;
beforeAll(async () => {
  server = await startServerProcess();
  await withClient(server, async (client) => {
    await client.query('create table ledger (id bigint primary key, writer int, half text)');
    await client.query('create table single (id bigint primary key, writer int)');
    await client.query('create user table own (id bigint primary key, note text)');
  });
});
afterAll(() => server.remove());

interface Written {
  /** Of `single`: acknowledged INSERTs. */
  readonly single: Set<number>;
  /** Of `ledger`: transactions of two rows, id and -id. */
  readonly pairs: Set<number>;
  /** Of `own`: acknowledged, by user. */
  readonly own: Map<string, Set<number>>;
  /** Sent and not acknowledged: there or not, but whole. */
  readonly unknown: Set<number>;
}

let nextId = 1;

async function write(client: pg.Client, writer: number, written: Written): Promise<void> {
  const user = `user ${writer}`;
  await client.query(`set tide.user_id = '${user}'`);
  for (;;) {
    const id = nextId++;
    written.unknown.add(id);
    switch (id % 3) {
      case 0:
        await client.query('insert into single values ($1, $2)', [id, writer]);
        written.single.add(id);
        break;
      case 1:
        await client.query('begin');
        await client.query(`insert into ledger values ($1, $2, 'first')`, [id, writer]);
        await client.query(`insert into ledger values ($1, $2, 'second')`, [-id, writer]);
        await client.query('commit');
        written.pairs.add(id);
        break;
      default:
        await client.query('insert into own values ($1, $2)', [id, user]);
        written.own.get(user)!.add(id);
    }
    written.unknown.delete(id);
  }
}

test(`every acknowledged row is there, whole and once, ${rounds} times over`, async () => {
  const written: Written = {
    single: new Set(),
    pairs: new Set(),
    own: new Map(Array.from({ length: writers }, (_, i) => [`user ${i}`, new Set<number>()])),
    unknown: new Set(),
  };
  for (let round = 0; round < rounds; round++) {
    const clients = await Promise.all(Array.from({ length: writers }, () => connect(server)));
    const flusher = await connect(server);
    const flushing = (async () => {
      for (let i = 0; ; i++) await flusher.query(`flush table ${i % 2 === 0 ? 'ledger' : 'own'}`);
    })();
    const ends = Promise.allSettled([
      ...clients.map((client, i) => write(client, i, written)),
      flushing,
    ]);
    await new Promise((resolve) => setTimeout(resolve, writingMs));
    await server.stop('SIGKILL');
    for (const end of await ends) {
      expect(end.status).toBe('rejected');
      // The connection ended: nothing else may have gone wrong.
      if (end.status === 'rejected')
        expect(String(end.reason)).toMatch(/terminated|ECONNRESET|EPIPE/);
    }
    await server.restart();
    await withClient(server, async (client) => {
      const single = (await rowsOf(client, 'select id from single')).map(([id]) => Number(id));
      expect(new Set(single).size).toBe(single.length);
      for (const id of written.single) expect(single).toContain(id);
      for (const id of single) expect(written.single.has(id) || written.unknown.has(id)).toBe(true);

      const ledger = (await rowsOf(client, 'select id from ledger')).map(([id]) => Number(id));
      const ids = new Set(ledger);
      expect(ids.size).toBe(ledger.length);
      for (const id of written.pairs) expect(ids.has(id) && ids.has(-id)).toBe(true);
      for (const id of ids) {
        expect(ids.has(-id)).toBe(true);
        expect(written.pairs.has(Math.abs(id)) || written.unknown.has(Math.abs(id))).toBe(true);
      }

      for (const [user, acknowledged] of written.own) {
        await client.query(`set tide.user_id = '${user}'`);
        const own = await rowsOf(client, 'select id, note from own');
        expect(own.every(([, note]) => note === user)).toBe(true);
        const seen = own.map(([id]) => Number(id));
        expect(new Set(seen).size).toBe(seen.length);
        for (const id of acknowledged) expect(seen).toContain(id);
        for (const id of seen) expect(acknowledged.has(id) || written.unknown.has(id)).toBe(true);
      }
    });
  }
  expect(written.single.size).toBeGreaterThan(50);
  expect(written.unknown.size).toBeLessThanOrEqual(writers * rounds);
});
