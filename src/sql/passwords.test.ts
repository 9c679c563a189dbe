import { expect, test } from 'vitest';
import { withoutPasswords } from './passwords.ts';

test.each([
  [
    `CREATE ROLE a LOGIN PASSWORD 'secret' VALID UNTIL '2030-01-01'`,
    `CREATE ROLE a LOGIN PASSWORD <redacted> VALID UNTIL '2030-01-01'`,
  ],
  [`alter role a encrypted password 'sec''ret'`, `alter role a encrypted password <redacted>`],
  [`ALTER USER a PASSWORD $$secret$$`, `ALTER USER a PASSWORD <redacted>`],
  [
    `ALTER USER a PASSWORD /* the ' new */ E'se\\'cret'`,
    `ALTER USER a PASSWORD /* the ' new */ <redacted>`,
  ],
  [`ALTER USER a PASSWORD U&'secret' CREATEDB`, `ALTER USER a PASSWORD <redacted> CREATEDB`],
  [`CREATE ROLE a PASSWORD 'sec'\n'ret' NOLOGIN`, `CREATE ROLE a PASSWORD <redacted> NOLOGIN`],
  [`CREATE ROLE a PASSWORD NULL`, `CREATE ROLE a PASSWORD NULL`],
  [`CREATE TABLE u (password text DEFAULT 'x')`, `CREATE TABLE u (password text DEFAULT 'x')`],
  [`ALTER ROLE "password" PASSWORD 'secret'`, `ALTER ROLE "password" PASSWORD <redacted>`],
])('%s', (text, expected) => {
  expect(withoutPasswords(text)).toBe(expected);
});
