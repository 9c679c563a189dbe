/** Data folders of a version that kept passwords in the journal as they came. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { inTransaction, testFolder } from '../storage/testing-folder.ts';
import type { TestFolder } from '../storage/testing-folder.ts';
import type { Storage } from '../storage/types.ts';
import { journalPrefix, keys } from './level-records.ts';
import { openTestCatalog } from './open-catalog.test-support.ts';
import { hideFormerPasswords } from './role-passwords.ts';

let folder: TestFolder;
let storage: Storage;
beforeEach(async () => {
  folder = testFolder();
  storage = await folder.open();
});
afterEach(async () => {
  await storage.close();
  folder.remove();
});

const random = (count: number): Uint8Array => new Uint8Array(count).fill(3);
const json = (value: object): Uint8Array => Buffer.from(JSON.stringify(value));

const former: readonly { sql: string; settings: [string, string][] }[] = [
  { sql: `create role one password 'gyrfalcon-1'`, settings: [] },
  { sql: `comment on schema public is 'password gyrfalcon-2'`, settings: [] },
  { sql: `create role two superuser`, settings: [] },
  {
    sql: `alter role session_user encrypted password 'gyrfalcon-3' valid until 'infinity'`,
    settings: [
      ['session_authorization', 'two'],
      ['password_encryption', 'md5'],
    ],
  },
  { sql: `alter role one password 'md5${'1'.repeat(32)}'`, settings: [] },
  { sql: `alter role one password null`, settings: [] },
];

async function writeFormer(): Promise<void> {
  await inTransaction(storage, async (transaction) => {
    for (const [i, entry] of former.entries())
      transaction.putMeta(keys.journal(i + 1), json(entry));
    const state = { version: former.length, nextId: 1, nextJournal: former.length + 1 };
    transaction.putMeta(keys.state, json(state));
  });
}

async function journal(): Promise<string[]> {
  return (await storage.meta(journalPrefix)).map(
    ([, bytes]) => (JSON.parse(Buffer.from(bytes).toString()) as { sql: string }).sql,
  );
}

async function state(): Promise<Record<string, unknown>> {
  const [entry] = await storage.meta(keys.state);
  return JSON.parse(Buffer.from(entry![1]).toString()) as Record<string, unknown>;
}

const filesWith = (text: string): string[] =>
  readdirSync(folder.dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text));

test('become verifiers at the next start, and leave the files', async () => {
  await writeFormer();
  expect(filesWith('gyrfalcon-1')).not.toEqual([]);
  const before = await state();
  const after = await hideFormerPasswords(storage, before as never, random);
  expect(after).toEqual({ ...before, passwords: 'verifiers' });
  expect(await state()).toEqual(after);
  const sql = await journal();
  expect(sql[0]).toMatch(
    /^create role one password 'SCRAM-SHA-256\$4096:AwMDAwMDAwMDAwMDAwMDAw==\$/,
  );
  expect(sql[3]).toMatch(
    /^alter role session_user encrypted password 'md5[0-9a-f]{32}' valid until 'infinity'$/,
  );
  for (const unchanged of [1, 2, 4, 5]) expect(sql[unchanged]).toBe(former[unchanged]!.sql);
  expect(filesWith('gyrfalcon-1')).toEqual([]);
  expect(filesWith('gyrfalcon-3')).toEqual([]);
  // No password of a role.
  expect(filesWith('gyrfalcon-2')).not.toEqual([]);
});

test('a start that was killed in between is made good by the next', async () => {
  await writeFormer();
  const before = await state();
  const killed: Storage = {
    ...storage,
    overwriteMeta: async (_, write) => {
      await write();
      throw new Error('killed');
    },
  };
  await expect(hideFormerPasswords(killed, before as never, random)).rejects.toThrow('killed');
  expect(await state()).toEqual(before);
  const sql = await journal();
  await hideFormerPasswords(storage, before as never, random);
  expect(await journal()).toEqual(sql);
  expect(filesWith('gyrfalcon-1')).toEqual([]);
  expect((await state())['passwords']).toBe('verifiers');
});

test('the mirror is made anew with them', async () => {
  await writeFormer();
  const catalog = await openTestCatalog(storage);
  try {
    const [role] = await catalog.rows(`select rolpassword from pg_authid where rolname = 'two'`);
    expect((await journal())[3]).toContain(`'${role?.[0]}'`);
  } finally {
    await catalog.close();
  }
});
