/** One data folder has one server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { freePort, startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { rowsOf, withClient } from './client.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

let server: ServerProcess | undefined;
afterEach(() => server?.remove());

async function secondServer(dataDir: string): Promise<{ code: number; stderr: string }> {
  const args = [main, 'serve', '--port', `${await freePort()}`, '--data-dir', dataDir];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, stderr };
}

test('a second server is refused, by whatever path it comes, and disturbs nothing', async () => {
  server = await startServerProcess();
  const { dataDir } = server;
  await withClient(server, (client) =>
    client.query('create table t (id int primary key); insert into t values (1)'),
  );
  const link = join(dataDir, '..', 'link');
  await symlink(dataDir, link);
  for (const path of [dataDir, link]) {
    const { code, stderr } = await secondServer(path);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      new RegExp(
        `^pgtide: data folder "[^"]+" is in use by another process \\(PID ${server.pid()}\\)\\. [^\\n]+\\n$`,
      ),
    );
  }
  await withClient(server, async (client) => {
    await client.query('insert into t values (2)');
    await client.query('flush table t');
    expect(await rowsOf(client, 'select id from t order by id')).toEqual([[1], [2]]);
  });
});

test('a killed server blocks nobody', async () => {
  server = await startServerProcess();
  await withClient(server, (client) => client.query('create table t (id int primary key)'));
  await server.stop('SIGKILL');
  await server.restart();
  const { dataDir } = server;
  expect((await secondServer(dataDir)).stderr).toContain(`(PID ${server.pid()})`);
});
