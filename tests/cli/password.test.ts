/** How the command gives a password, to PostgreSQL itself, which asks for one. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findPostgres, startPostgres } from '../../bench/lib/postgres.ts';
import type { Ran, RunOptions } from './run.ts';
import { onTerminal, pgtide } from './run.ts';

const hba = `
host all postgres 127.0.0.1/32 trust
host all md5 127.0.0.1/32 md5
host all clear 127.0.0.1/32 password
host all all 127.0.0.1/32 scram-sha-256
`;

describe.runIf(findPostgres() !== undefined)('a server that asks for a password', () => {
  let server: Awaited<ReturnType<typeof startPostgres>>;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pgtide-password-'));
    await chmod(folder, 0o755);
    await writeFile(join(folder, 'hba'), hba, { mode: 0o644 });
    server = await startPostgres({ hba_file: join(folder, 'hba') });
    const made = await run(
      ['-U', 'postgres'],
      `
      create role alice login password 'sésame';
      create role clear login password 'open';
      set password_encryption = 'md5'; create role md5 login password 'other'`,
    );
    if (made.code !== 0) throw new Error(made.stderr);
  });
  afterAll(async () => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const at = (env: Record<string, string>): RunOptions => ({
    server: { host: server.host, port: server.port },
    env: { HOME: folder, ...env },
  });
  const who = 'select current_user as who';
  const run = (args: string[], sql = who, env: Record<string, string> = {}): Promise<Ran> =>
    pgtide(['sql', '-d', 'postgres', ...args, sql], at(env));
  const answered = (user: string): object => ({
    code: 0,
    stdout: `{"who":"${user}"}\n`,
    stderr: '',
  });

  test('PGPASSWORD and URIs', async () => {
    const { host, port } = server;
    expect(await run(['-U', 'alice'], who, { PGPASSWORD: 'sésame' })).toEqual(answered('alice'));
    expect(await run(['-U', 'clear'], who, { PGPASSWORD: 'open' })).toEqual(answered('clear'));
    expect(await run(['-U', 'md5'], who, { PGPASSWORD: 'other' })).toEqual(answered('md5'));
    const uri = `postgresql://alice:s%C3%A9same@${host}:${port}/postgres`;
    expect(await run(['-d', uri])).toEqual(answered('alice'));
    expect(await run(['-U', 'alice'], who, { PGPASSWORD: 'wrong' })).toEqual({
      code: 1,
      stdout: '',
      stderr: 'pgtide: password authentication failed for user "alice"\n',
    });
  });

  test('the password file', async () => {
    const { host, port } = server;
    const path = join(folder, '.pgpass');
    await writeFile(path, `${host}:${port}:postgres:alice:sésame\n*:*:*:clear:wrong\n`, {
      mode: 0o600,
    });
    expect(await run(['-U', 'alice'])).toEqual(answered('alice'));
    expect(await run(['-U', 'clear'])).toEqual({
      code: 1,
      stdout: '',
      stderr: `pgtide: password authentication failed for user "clear"; the password is that of file "${path}"\n`,
    });
    // What is given goes before it.
    expect(await run(['-U', 'clear'], who, { PGPASSWORD: 'open' })).toEqual(answered('clear'));
    await chmod(path, 0o644);
    const refused = await run(['-U', 'alice']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`password file "${path}" has group or world access`);
    await rm(path);
  });

  test('none, and nobody to ask', async () => {
    expect(await run(['-U', 'alice'])).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'pgtide: the server asks for the password of "alice". Set PGPASSWORD, or put it in ~/.pgpass; on a terminal it is asked for\n',
    });
    // Nobody is asked where the server does not.
    expect(await run(['-U', 'postgres'])).toEqual(answered('postgres'));
  });

  test('on a terminal it is asked for, and not shown', async () => {
    const asked = onTerminal(['sql', '-U', 'alice', '-d', 'postgres', who], at({}));
    await asked.shows('Password for user alice: ');
    asked.type('sésame\n');
    await asked.shows('alice');
    expect(await asked.ended()).toBe(0);
    expect(asked.screen()).not.toContain('same');
    const wrong = onTerminal(['sql', '-U', 'clear', '-d', 'postgres', who], at({}));
    await wrong.shows('Password for user clear: ');
    wrong.type('shut\n');
    await wrong.shows('password authentication failed for user "clear"');
    expect(await wrong.ended()).toBe(1);
    expect(wrong.screen()).not.toContain('shut');
  });

  test('nothing typed, and Ctrl-C', async () => {
    const empty = onTerminal(['sql', '-U', 'alice', '-d', 'postgres', who], at({}));
    await empty.shows('Password for user alice: ');
    empty.type('\n');
    await empty.shows('pgtide: no password was given');
    expect(await empty.ended()).toBe(1);
    const stopped = onTerminal(['sql', '-U', 'alice', '-d', 'postgres', who], at({}));
    await stopped.shows('Password for user alice: ');
    stopped.type('\u0003');
    expect(await stopped.ended()).toBe(130);
  });
});
