/** Roles' passwords: kept as verifiers, as PostgreSQL does, and in clear text nowhere that outlives the statement. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scramVerifier } from '../../src/auth/passwords/index.ts';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { errorOf, rowsOf, withClient } from './client.ts';

let server: ServerProcess;
let backups: string;
beforeAll(async () => {
  // Each statement is logged.
  server = await startServerProcess({ args: ['--log-min-duration-statement-ms', '0'] });
  backups = await mkdtemp(join(tmpdir(), 'pgtide-passwords-'));
});
afterAll(async () => {
  await server.remove();
  await rm(backups, { recursive: true, force: true });
});

const rows = (sql: string, user = 'postgres'): Promise<unknown[][]> =>
  withClient(server, (client) => rowsOf(client, sql), { user });

const run = (...statements: string[]): Promise<void> =>
  withClient(server, async (client) => {
    for (const statement of statements) await client.query(statement);
  });

/** pg_authid.rolpassword */
async function kept(role: string): Promise<unknown> {
  const [row] = await rows(`select rolpassword from pg_authid where rolname = '${role}'`);
  return row?.[0];
}

/** Files below the folders that hold the text. */
async function filesWith(text: string, ...folders: string[]): Promise<string[]> {
  const found: string[] = [];
  for (const folder of folders) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      if ((await readFile(path)).includes(text)) found.push(path);
    }
  }
  return found;
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

/** Whether it is the verifier of the password. */
async function verifies(verifier: unknown, password: string): Promise<boolean> {
  const [, iterations = '', salt = ''] =
    /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(String(verifier)) ?? [];
  if (salt === '') return false;
  return (
    (await scramVerifier(password, Buffer.from(salt, 'base64'), Number(iterations))) === verifier
  );
}

test('what is kept', async () => {
  await run(
    `create role plain login password 'wombat-1'`,
    `create user escaped encrypted password E'wom\\x62at-2' valid until '2031-02-03 00:00+00'`,
    `create role unicode password U&'wom!0062at-3' uescape '!' createdb`,
    `create role lines password 'wom'\n'bat-4' nologin`,
    `create role "Pass""word" password $$wombat-5$$`,
    `create role bare`,
    `alter role bare with password 'wombat-6' connection limit 3`,
    `create role gone password 'wombat-7'`,
    `alter user gone password null`,
  );
  expect(await verifies(await kept('plain'), 'wombat-1')).toBe(true);
  expect(await verifies(await kept('escaped'), 'wombat-2')).toBe(true);
  expect(await verifies(await kept('unicode'), 'wombat-3')).toBe(true);
  expect(await verifies(await kept('lines'), 'wombat-4')).toBe(true);
  expect(await verifies(await kept('Pass"word'), 'wombat-5')).toBe(true);
  expect(await verifies(await kept('bare'), 'wombat-6')).toBe(true);
  expect(await kept('gone')).toBeNull();
  expect(
    await rows(
      `select rolvaliduntil = '2031-02-03 00:00+00' from pg_roles where rolname = 'escaped'`,
    ),
  ).toEqual([[true]]);
  expect(
    await rows(
      `select rolname, rolcreatedb, rolconnlimit from pg_roles where rolname in ('unicode', 'bare') order by 1`,
    ),
  ).toEqual([
    ['bare', false, 3],
    ['unicode', true, -1],
  ]);
});

test('who may see it', async () => {
  await run(`create role seen login password 'wombat-8'`, 'create role looks login');
  expect(await rows(`select rolpassword from pg_roles where rolname = 'seen'`, 'looks')).toEqual([
    ['********'],
  ]);
  expect(await rows(`select passwd is null from pg_user where usename = 'looks'`, 'looks')).toEqual(
    [[false]],
  );
  const [shadow] = await rows(`select passwd from pg_shadow where usename = 'seen'`);
  expect(shadow?.[0]).toBe(await kept('seen'));
  await withClient(
    server,
    async (client) => {
      for (const name of ['pg_authid', 'pg_shadow']) {
        expect(await errorOf(client, `select * from ${name}`)).toMatchObject({ code: '42501' });
      }
    },
    { user: 'looks' },
  );
});

test('verifiers and empty passwords are taken as PostgreSQL takes them', async () => {
  const verifier = await scramVerifier('wombat-9', Buffer.alloc(16, 1), 10);
  const notices = await withClient(server, async (client) => {
    const said: (string | undefined)[][] = [];
    client.on('notice', ({ severity, code, message }) => said.push([severity, code, message]));
    await client.query(`create role given password '${verifier}'`);
    await client.query(`create role empty password ''`);
    await client.query(`create role old password 'md5${'0'.repeat(32)}'`);
    await client.query(`set password_encryption = 'md5'`);
    await client.query(`create role older password 'wombat-10'`);
    await client.query(`set md5_password_warnings = off`);
    await client.query(`alter role older password 'wombat-11'`);
    await client.query(`set password_encryption = 'scram-sha-256'`);
    await client.query(`set scram_iterations = 17`);
    await client.query(`create role rounds password 'wombat-12'`);
    expect(await errorOf(client, `set password_encryption = 'plain'`)).toEqual({
      code: '22023',
      message: 'invalid value for parameter "password_encryption": "plain"',
    });
    await client.query(`set scram_iterations = 2000000`);
    expect(await errorOf(client, `create role many password 'wombat-13'`)).toMatchObject({
      code: '0A000',
    });
    return said;
  });
  expect(await kept('given')).toBe(verifier);
  expect(await kept('empty')).toBeNull();
  expect(await kept('old')).toBe(`md5${'0'.repeat(32)}`);
  expect(await kept('older')).toBe('md5' + md5('wombat-11older'));
  expect(String(await kept('rounds'))).toMatch(/^SCRAM-SHA-256\$17:/);
  expect(await verifies(await kept('rounds'), 'wombat-12')).toBe(true);
  const deprecated = ['WARNING', '01P01', 'setting an MD5-encrypted password'];
  expect(notices).toEqual([
    ['NOTICE', '00000', 'empty string is not a valid password, clearing password'],
    deprecated,
    deprecated,
  ]);
});

test('an error after the password points where it is', async () => {
  await withClient(server, async (client) => {
    const text = `create role twice password 'wombat-14' createdb createdb`;
    const error = await client.query(text).then(
      () => undefined,
      (thrown: unknown) => thrown as { code: string; position: string },
    );
    expect(error).toMatchObject({
      code: '42601',
      position: String(text.lastIndexOf('createdb') + 1),
    });
  });
});

test('the clear text is in no file: made, altered, rolled back, prepared, after a crash and a start, in a backup', async () => {
  await withClient(server, async (client) => {
    await client.query(`create role w1 login password 'zebrafish-made'`);
    await client.query(`alter role w1 password 'zebrafish-altered'`);
    await client.query('begin');
    await client.query(`create role w2 password 'zebrafish-rolled-back'`);
    await client.query('savepoint s');
    await client.query(`alter user w1 password 'zebrafish-savepoint'`);
    await client.query('rollback to s');
    await client.query('rollback');
    await client.query({ name: 'p', text: `create role w3 password 'zebrafish-prepared'` });
    await client.query(`select 1; create role w4 password 'zebrafish-simple'; select 2`);
    await errorOf(client, `create role w1 password 'zebrafish-exists'`);
    await errorOf(client, `create role w5 password 'zebrafish-syntax' nonsense`);
    await errorOf(client, `create user mapping for w1 server s options (password 'zebrafish-map')`);
    await errorOf(
      client,
      `create subscription s connection 'password=zebrafish-sub' publication p`,
    );
    expect(await rowsOf(client, 'select query from system.sessions')).not.toContainEqual([
      expect.stringContaining('zebrafish'),
    ]);
  });
  // The statement that is looked at from elsewhere.
  await withClient(server, async (client) => {
    await client.query(`alter role w1 password 'zebrafish-shown'`);
    expect(await rows('select query from system.sessions')).toContainEqual([
      'alter role w1 password <redacted>',
    ]);
  });
  const nowhere = async (...more: string[]): Promise<void> => {
    expect(await filesWith('zebrafish', server.dataDir, ...more)).toEqual([]);
    expect(server.output()).not.toContain('zebrafish');
  };
  expect(server.output()).toContain('alter role w1 password <redacted>');
  await nowhere();
  const folder = join(backups, 'one');
  await rows(`select * from tide.backup('${folder}')`);
  await nowhere(backups);
  const before = await kept('w1');
  await server.stop('SIGKILL');
  await nowhere();
  await server.restart();
  expect(await kept('w1')).toBe(before);
  expect(await verifies(before, 'zebrafish-shown')).toBe(true);
  // Made anew, the mirror has the same verifiers.
  await server.stop();
  await rm(join(server.dataDir, 'mirror'), { recursive: true });
  await server.restart();
  expect(await kept('w1')).toBe(before);
  await nowhere(backups);
});
