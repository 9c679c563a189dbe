/** The mirror's folder is a cache: whatever happens to it, the catalog is what was committed. */
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rowsOf, withClient } from '../e2e/client.ts';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { seededRandom } from './random.ts';

const seed = process.env['PGTIDE_TEST_SEED'] ?? `${Date.now() % 1_000_000}`;
const random = seededRandom(seed);

let server: ServerProcess;
beforeAll(async () => {
  server = await startServerProcess();
  await withClient(server, async (client) => {
    await client.query('create schema app');
    for (let i = 0; i < 5; i++)
      await client.query(
        `create table app.t${i} (id serial primary key, a int default ${i}, b text unique check (b <> 'no'))`,
      );
    await client.query('create view app.v as select a, b from app.t1');
    await client.query('create role reader');
    await client.query('grant usage on schema app to reader');
    await client.query('grant select on app.t2 to reader');
    await client.query(`insert into app.t1 (b) values ('one'), ('two')`);
  });
});
afterAll(() => server.remove());

/** What the mirror and the catalog say, as far as OIDs do not matter. */
async function catalog(): Promise<string> {
  return await withClient(server, async (client) =>
    JSON.stringify([
      await rowsOf(client, `select table_name, kind from system.tables order by 1`),
      await rowsOf(
        client,
        `select table_name, column_name, data_type, column_default from information_schema.columns
         where table_schema = 'app' order by 1, 2`,
      ),
      await rowsOf(
        client,
        `select conname, pg_get_constraintdef(oid) from pg_constraint where connamespace = 'app'::regnamespace order by 1`,
      ),
      await rowsOf(
        client,
        `select has_table_privilege('reader', 'app.t2', 'select'),
        has_table_privilege('reader', 'app.t1', 'select')`,
      ),
      await rowsOf(client, 'select a, b from app.v order by b'),
    ]),
  );
}

/** Flips a bit in a file of the mirror that is not empty. */
async function damageMirror(pick: (path: string) => boolean): Promise<string> {
  const folder = join(server.dataDir, 'mirror');
  for (;;) {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter(pick);
    const path = random.pick(files);
    const bytes = await readFile(path);
    if (bytes.length === 0) continue;
    bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
    await writeFile(path, bytes);
    return path.slice(folder.length + 1);
  }
}

test(`after a clean stop any change makes the mirror anew, seed ${seed}`, async () => {
  const before = await catalog();
  for (const pick of [() => true, (path: string) => path.includes('pg_xact')]) {
    await server.stop();
    const file = await damageMirror(pick);
    await server.restart();
    expect([file, await catalog()]).toEqual([file, before]);
    // The stamp itself is not among the files that it vouches for.
    if (!file.startsWith('pgtide-cluster')) expect(server.output()).toContain('made anew');
  }
});

test('after a crash a mirror that lost its log or its tables is made anew', async () => {
  const before = await catalog();
  await server.stop('SIGKILL');
  await rm(join(server.dataDir, 'mirror', 'pg_wal'), { recursive: true });
  await server.restart();
  expect(await catalog()).toBe(before);
  await server.stop('SIGKILL');
  await damageMirror((path) => path.endsWith('global/pg_control'));
  await server.restart();
  expect(await catalog()).toBe(before);
});
