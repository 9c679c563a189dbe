import { expect, test } from 'vitest';
import { readTarget } from './connect.ts';

const defaults = { host: '127.0.0.1', port: 5454, user: 'postgres', database: 'postgres' };
const variables = {
  PGHOST: 'h',
  PGPORT: '1',
  PGUSER: 'u',
  PGDATABASE: 'd',
  PGPASSWORD: 'p',
};

test('flags win over a URI, that over variables, those over defaults', () => {
  expect(readTarget({}, {})).toEqual(defaults);
  expect(readTarget({}, { PGHOST: '', PGPORT: '' })).toEqual(defaults);
  expect(readTarget({}, variables)).toEqual({
    host: 'h',
    port: 1,
    user: 'u',
    database: 'd',
    password: 'p',
  });
  expect(readTarget({ host: 'H', port: '2', username: 'U', dbname: 'D' }, variables)).toEqual({
    host: 'H',
    port: 2,
    user: 'U',
    database: 'D',
    password: 'p',
  });
  expect(
    readTarget({ dbname: 'postgresql://a%40b:c@[::1]:3/e', username: 'U' }, variables),
  ).toEqual({
    host: '::1',
    port: 3,
    user: 'U',
    database: 'e',
    password: 'c',
  });
  expect(readTarget({ dbname: 'postgres://x' }, {})).toEqual({ ...defaults, host: 'x' });
});

test.each([['0'], ['65536'], ['x'], ['1e3'], ['']])('port "%s" is a mistake of usage', (port) => {
  expect(() => readTarget({ port }, {})).toThrow(
    expect.objectContaining({
      exitCode: 2,
      message: expect.stringContaining(`"${port}" is no port`),
    }),
  );
});
