/**
 * The disk is full for the mirror alone, from a DDL's nth write on. When its commit stood and the mirror could neither follow nor
 * be made anew, the client was told 53100 as if nothing had happened, and until a restart all statements failed.
 */
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connect, end } from '../crash/disk/script.ts';
import { shimEnv } from '../crash/shim/build.ts';
import { createFaultControl } from '../crash/shim/control.ts';
import { startServerProcess } from '../support/server-process.ts';

/** What a client may be told while the server opens all again. */
const passing = /^(57P0[123]|08006)$/;

/** Runs `sql` with a connection of its own. */
async function ask(port: number, sql: string): Promise<unknown[]> {
  const client = await connect(port);
  try {
    return (await client.query<unknown[]>({ text: sql, rowMode: 'array' })).rows;
  } finally {
    await end(client);
  }
}

/** The same until the server is back. */
async function askAgain(port: number, sql: string): Promise<unknown[]> {
  for (;;) {
    try {
      return await ask(port, sql);
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      if (!passing.test(code ?? '') && !/terminated|not queryable/.test(message)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

test('DDL whose mirror can not be written is done, not done or unknown, and the server goes on', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'pgtide-full-mirror-')));
  const root = join(folder, 'disk');
  await mkdir(root);
  const control = createFaultControl(join(folder, 'control'));
  const env = await shimEnv({ root, control: control.path });
  const server = await startServerProcess({ dataDir: join(root, 'data'), env });
  const told: string[] = [];
  try {
    for (let nth = 1; ; nth++) {
      const [table, sql] = [`t${nth}`, `create table t${nth} (id int primary key)`];
      control.arm({
        kinds: ['write'],
        error: 'ENOSPC',
        nth,
        persistent: true,
        pattern: '*/mirror/*',
      });
      const code = await ask(server.port, sql).then(
        () => 'ok',
        (error: unknown) => (error as { code?: string }).code ?? 'gone',
      );
      const { fired } = control.counts();
      control.lift();
      told.push(code);
      const [[there]] = (await askAgain(
        server.port,
        `select to_regclass('${table}') is not null`,
      )) as [[boolean]];
      if (code === 'ok') expect(there).toBe(true);
      else if (code !== '08006') expect([code, there]).toEqual(['53100', false]);
      await askAgain(server.port, `create table after${nth} (id int primary key)`);
      await askAgain(server.port, `insert into after${nth} values (1)`);
      if (fired === 0) break;
    }
    // Each of the three was met.
    expect(new Set(told)).toEqual(new Set(['53100', '08006', 'ok']));
  } finally {
    control.close();
    await server.remove();
    await rm(folder, { recursive: true, force: true });
  }
}, 180_000);
