/** SIGKILL in the middle of DDL: each statement is there whole or not at all, and the mirror says what the catalog says. */
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { connect, rowsOf, withClient } from './client.ts';

const rounds = 3;
/** Another moment each time. */
const killAfterMs = (round: number): number => 400 + round * 173;

let server: ServerProcess;
beforeAll(async () => {
  server = await startServerProcess();
  await withClient(server, (client) => client.query('create schema d'));
});
afterAll(() => server.remove());

interface Known {
  /** Columns by table, as acknowledged. */
  readonly tables: Map<string, number>;
  /** The statement under way: its table may be as before or as after. */
  inFlight: string | undefined;
}

let names = 0;

async function change(client: pg.Client, known: Known): Promise<void> {
  for (;;) {
    const name = `t${names++}`;
    known.inFlight = name;
    await client.query(`create table d.${name} (id serial primary key, word text unique)`);
    known.tables.set(name, 2);
    known.inFlight = undefined;
    await client.query(`insert into d.${name} (word) values ('${name}')`);
    known.inFlight = name;
    await client.query('begin');
    await client.query(`alter table d.${name} add column a int default 1`);
    await client.query(`alter table d.${name} add column b int default 2`);
    await client.query('commit');
    known.tables.set(name, 4);
    if (names % 3 === 0) {
      await client.query(`drop table d.${name}`);
      known.tables.delete(name);
    }
    known.inFlight = undefined;
  }
}

test('the catalog is whole after every kill', async () => {
  const known: Known = { tables: new Map(), inFlight: undefined };
  for (let round = 0; round < rounds; round++) {
    const client = await connect(server);
    const changing = change(client, known).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, killAfterMs(round)));
    await server.stop('SIGKILL');
    expect(String(await changing)).toMatch(/terminated|ECONNRESET|EPIPE/);
    await server.restart();
    await withClient(server, async (again) => {
      const mirror = new Map(
        (await rowsOf(
          again,
          `select c.relname, count(*)::int from pg_class c join pg_attribute a on a.attrelid = c.oid
           where c.relnamespace = 'd'::regnamespace and c.relkind = 'r' and a.attnum > 0
           and not a.attisdropped group by 1`,
        )) as [string, number][],
      );
      const catalog = (
        await rowsOf(again, `select table_name from system.tables where namespace = 'd'`)
      ).map(([name]) => name as string);
      expect(catalog.toSorted()).toEqual([...mirror.keys()].toSorted());
      const doubtful = known.inFlight;
      for (const [name, columns] of known.tables) {
        if (name !== doubtful) expect([name, mirror.get(name)]).toEqual([name, columns]);
      }
      for (const name of mirror.keys()) {
        expect(known.tables.has(name) || name === doubtful).toBe(true);
        // Both ALTERs of a transaction or neither.
        expect([2, 4]).toContain(mirror.get(name));
        // It can be read, and written past its keys.
        const rows = await rowsOf(again, `select word from d.${name}`);
        expect(rows.every(([word]) => word === name)).toBe(true);
        await again.query(`insert into d.${name} (word) values ('more') returning id`);
        await again.query(`delete from d.${name} where word = 'more'`);
      }
      if (doubtful === undefined) return;
      const columns = mirror.get(doubtful);
      if (columns === undefined) known.tables.delete(doubtful);
      else known.tables.set(doubtful, columns);
    });
    known.inFlight = undefined;
  }
  expect(names).toBeGreaterThan(rounds);
});
