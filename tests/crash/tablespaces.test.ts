/** Killed in the middle of CREATE TABLESPACE, SET TABLESPACE and DROP TABLESPACE: each is done whole or not at all. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { crashingServer } from './process.ts';
import type { CrashingServer } from './process.ts';
import { jobsEnded } from '../drop/oracle.ts';
import { connect, rowsOf } from '../e2e/client.ts';

const rows = 500;

let folder = '';
let server: CrashingServer;
let client: pg.Client;

const open = (): Promise<pg.Client> => connect({ host: server.host, port: server.port() });
const inOrder = (a: unknown, b: unknown): number => (String(a) < String(b) ? -1 : 1);
const root = (name: string): string => join(folder, 'places', name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pgtide-tablespaces-'));
  server = crashingServer(join(folder, 'data'));
  await server.start();
  client = await open();
  await client.query('create table t (id int primary key)');
  await client.query(`insert into t select generate_series(1, ${rows})`);
  await client.query('flush table t');
});
afterAll(async () => {
  await client.end().catch(() => undefined);
  await server.kill().catch(() => undefined);
  rmSync(folder, { recursive: true, force: true });
});

const create = (name: string): string =>
  `create tablespace ${name} location '${root(name)}/\${table}'`;

const parquetBelow = (at: string): string[] =>
  existsSync(at)
    ? readdirSync(at, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.includes('.parquet'))
        .map((name) => join(at, name))
    : [];

/** Makes a tablespace, moves the table there, and drops the one where it was. */
async function change(from: string, to: string): Promise<void> {
  await client.query(create(to));
  await client.query(`alter table t set tablespace ${to}`);
  await jobsEnded(client);
  if (from !== 'pg_default') await client.query(`drop tablespace ${from}`);
}

/** Catalog, mirror, markers and files say the same; returns the tablespaces' names. */
async function whole(): Promise<string[]> {
  await jobsEnded(client);
  const names = (await rowsOf(client, 'select name from system.storages order by 1')).map(
    ([name]) => name as string,
  );
  const own = names.filter((name) => name !== 'pg_default');
  expect(
    (
      await rowsOf(client, `select spcname from pg_tablespace where spcname !~ '^pg_' order by 1`)
    ).flat(),
  ).toEqual(own);
  const marked = (existsSync(root('')) ? readdirSync(root('')) : []).filter((name) =>
    readdirSync(root(name)).some((file) => file.startsWith('pgtide-tablespace-')),
  );
  expect(marked.sort()).toEqual(own);
  expect(await rowsOf(client, 'select count(*)::int, sum(id)::int from t')).toEqual([
    [rows, (rows * (rows + 1)) / 2],
  ]);
  const listed = (await rowsOf(client, 'select full_path from system.files'))
    .flat()
    .toSorted(inOrder);
  const deadlineMs = performance.now() + 10_000;
  for (;;) {
    // The old file goes a moment after its job has ended, when it was read meanwhile.
    const found = parquetBelow(folder).sort();
    if (found.length === listed.length || performance.now() > deadlineMs) {
      expect(found).toEqual(listed);
      return own;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test.each([
  'location: marked',
  'catalog commit: written',
  // Of SET TABLESPACE's job.
  'move: committed',
  // Of DROP.
  'catalog commit: written#3',
  'location: dropped',
])('at "%s"', async (point) => {
  const before = await whole();
  const from = before[0] ?? 'pg_default';
  const first = before.length === 0;
  if (first) await change('pg_default', 'start');
  const old = first ? 'start' : from;
  const next = old === 'start' || old === 'b' ? 'a' : 'b';
  await server.arm(point);
  await expect(change(old, next)).rejects.toThrow(/terminated|ECONNRESET|EPIPE/);
  await server.gone;
  await server.start();
  client = await open();
  const found = await whole();
  expect(found.every((name) => name === old || name === next)).toBe(true);
  // What is left to do can be done.
  if (!found.includes(next)) await client.query(create(next));
  await client.query(`alter table t set tablespace ${next}`);
  await jobsEnded(client);
  if (found.includes(old)) await client.query(`drop tablespace ${old}`);
  expect(await whole()).toEqual([next]);
});
