/**
 * Every script in scripts/ against pgtide, and, where PGTEST_POSTGRES_PORT says the port of one on 127.0.0.1 (user and
 * database postgres, trust), against real PostgreSQL, which is where the expected answers come from.
 * PGTEST_REWRITE=1 writes PostgreSQL's answers into the scripts.
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { runPgtest } from './run.ts';

const folder = fileURLToPath(new URL('./scripts/', import.meta.url));
const scripts = readdirSync(folder)
  .filter((name) => name.endsWith('.pgtest'))
  .toSorted();
const identity = { host: '127.0.0.1', user: 'postgres', database: 'postgres' };
const postgresPort = Number(process.env['PGTEST_POSTGRES_PORT'] ?? 0);
const rewrite = process.env['PGTEST_REWRITE'] === '1';

test('there are scripts', () => {
  expect(scripts.length).toBeGreaterThan(20);
});

describe.skipIf(postgresPort === 0)('PostgreSQL', () => {
  test.each(scripts)('%s', async (script) => {
    await runPgtest(folder + script, {
      ...identity,
      port: postgresPort,
      target: 'postgres',
      rewrite,
    });
  });
});

describe.skipIf(rewrite)('pgtide', () => {
  let server: ServerProcess | undefined;
  beforeAll(async () => {
    server = await startServerProcess();
  });
  afterAll(async () => {
    await server?.remove();
  });
  test.each(scripts)('%s', async (script) => {
    await runPgtest(folder + script, { ...identity, port: server!.port });
  });
});
