import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { passwordFromFile, passwordIn } from './password-file.ts';

const key = { host: 'db', port: 5454, database: 'chat', user: 'alice' };

test.each([
  ['db:5454:chat:alice:secret', 'secret'],
  ['db:5454:chat:alice:se:cr:et', 'se:cr:et'],
  ['*:*:*:*:secret', 'secret'],
  ['other:5454:chat:alice:one\ndb:*:chat:alice:two\n*:*:*:*:three\n', 'two'],
  ['# db:5454:chat:alice:no\r\ndb:5454:chat:alice:secret\r\n', 'secret'],
  ['db:5454:chat:alice:a\\:b\\\\c', 'a:b\\c'],
  ['db:5454:chat:\\*:secret', undefined],
  ['db:5455:chat:alice:secret', undefined],
  ['db:5454:chat:alice', undefined],
  ['db:5454:chat:ali*:secret', undefined],
  ['', undefined],
])('%j: %j', (contents, password) => {
  expect(passwordIn(contents, key)).toBe(password);
});

test('fields with colons, backslashes and stars in them', () => {
  const odd = { host: '::1', port: 1, database: '*', user: 'a\\b' };
  expect(passwordIn('\\:\\:1:1:\\*:a\\\\b:secret', odd)).toBe('secret');
  expect(passwordIn('\\:\\:1:1:*:a\\\\b:secret', { ...odd, database: 'x' })).toBe('secret');
});

describe('the file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pgtide-pgpass-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const look = (variables: Record<string, string>): [unknown, string[]] => {
    const warnings: string[] = [];
    return [passwordFromFile(key, variables, (text) => warnings.push(text)), warnings];
  };

  test('is PGPASSFILE, else .pgpass in HOME', () => {
    const path = join(folder, '.pgpass');
    expect(look({ HOME: folder })).toEqual([undefined, []]);
    writeFileSync(path, '*:*:*:alice:home\n', { mode: 0o600 });
    expect(look({ HOME: folder })).toEqual([{ password: 'home', path }, []]);
    const given = join(folder, 'given');
    expect(look({ HOME: folder, PGPASSFILE: given })).toEqual([undefined, []]);
    writeFileSync(given, '*:*:*:alice:given\n', { mode: 0o600 });
    expect(look({ HOME: folder, PGPASSFILE: given })).toEqual([
      { password: 'given', path: given },
      [],
    ]);
    expect(look({ HOME: folder, PGPASSFILE: '' })).toEqual([{ password: 'home', path }, []]);
  });

  test('is not used when others may read it, or when it is none', () => {
    const path = join(folder, '.pgpass');
    writeFileSync(path, '*:*:*:alice:secret\n');
    chmodSync(path, 0o640);
    expect(look({ HOME: folder })).toEqual([
      undefined,
      [
        `password file "${path}" has group or world access; permissions should be u=rw (0600) or less`,
      ],
    ]);
    expect(look({ PGPASSFILE: folder })).toEqual([
      undefined,
      [`password file "${folder}" is not a plain file`],
    ]);
  });
});
