/** docs/compatibility.md says what is true. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Target } from './target.ts';
import { startTarget, targetIsPgtide } from './target.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(`${root}docs/compatibility.md`, 'utf8');
const leftOut = page.slice(page.indexOf('## Left out'));

/** The statements of the table, each in its first column. */
const statements = [...leftOut.matchAll(/^\| `(.+?)` \|/gm)].map((match) => match[1]!);

test('every test that the page names is there', () => {
  const paths = [...page.matchAll(/`((?:tests|src)\/[^`]+)`/g)].map((match) => match[1]!);
  expect(paths.length).toBeGreaterThan(40);
  expect(paths.filter((path) => !existsSync(root + path))).toEqual([]);
});

test('every test and decision that the page of guarantees names is there', () => {
  const guarantees = readFileSync(`${root}docs/guarantees.md`, 'utf8');
  const paths = [...guarantees.matchAll(/`((?:tests|src|docs)\/[^`]+)`/g)].map(
    (match) => match[1]!,
  );
  expect(paths.length).toBeGreaterThan(20);
  expect(paths.filter((path) => !existsSync(root + path))).toEqual([]);
});

test('every row of a table of features names one', () => {
  const rows = page
    .slice(0, page.indexOf('## Left out'))
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (feature|---)/.test(line));
  expect(rows.filter((row) => !/`(?:tests|src)\/[^`]+` \|$/.test(row))).toEqual([]);
});

describe.runIf(targetIsPgtide)('what is left out fails with 0A000 and changes nothing', () => {
  let target: Target;
  let client: pg.Client;

  beforeAll(async () => {
    target = await startTarget();
    const { host, port, user, database } = target;
    client = new pg.Client({ host, port, user, database });
    await client.connect();
    await client.query(`
      CREATE TABLE t (id int PRIMARY KEY, a text, b int);
      INSERT INTO t VALUES (1, 'one', 1);
      CREATE TYPE mood AS ENUM ('well', 'unwell')`);
    await client.query(`CREATE STREAM TABLE s (a int) WITH (ttl = '1h')`);
  });

  afterAll(async () => {
    await client?.end();
    await target?.stop();
  });

  test('the table has statements', () => expect(statements.length).toBeGreaterThan(30));

  test.each(statements)('%s', async (statement) => {
    const failure = await client.query(statement).then(
      () => 'none',
      (error: unknown) =>
        error instanceof pg.DatabaseError ? `${error.code} ${error.message}` : String(error),
    );
    await client.query('ROLLBACK');
    expect(failure).toMatch(/^0A000 .* not supported/);
    expect((await client.query('SELECT * FROM t')).rows).toEqual([{ id: 1, a: 'one', b: 1 }]);
  });
});
