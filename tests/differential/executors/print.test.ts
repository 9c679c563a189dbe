import { afterAll, beforeAll, expect, test } from 'vitest';
import { Unprintable } from '../../../src/executor/print/dialect.ts';
import type { Mirror } from './mirror.ts';
import { openMirror, testStatement } from './mirror.ts';
import { postgresDialect } from '../../../src/executor/print/postgres-dialect.ts';
import { printQuery } from '../../../src/executor/print/printer.ts';
import { schema, statements } from './statements.ts';

let mirror: Mirror;
beforeAll(async () => {
  mirror = await openMirror(schema);
}, 60_000);
afterAll(async () => {
  await mirror.handle.close();
});

/** What the PostgreSQL dialect leaves out, by statement. */
const unprintable = new Map<string, string>([
  ['select id from item tablesample system (100)', 'TABLESAMPLE'],
  ['select xmin is not null from sale where id = 1', 'a system column of PostgreSQL'],
]);

test.each(statements.map((text) => [text]))('%s', async (text) => {
  const query = await mirror.analyze(text);
  const dialect = postgresDialect({ statement: testStatement, text });
  const reason = unprintable.get(text);
  if (reason !== undefined) {
    expect(() => printQuery(query, dialect, mirror.environment)).toThrow(reason);
    return;
  }
  let printed: string;
  try {
    printed = printQuery(query, dialect, mirror.environment).sql;
  } catch (error) {
    expect(error instanceof Unprintable ? `unprintable: ${error.message}` : error).toBe('');
    return;
  }
  const expected = await mirror.handle.query(text, []);
  const actual = await mirror.handle.query(printed, []).catch((error: Error) => {
    throw new Error(`${error.message}\n${printed}`);
  });
  expect({ printed, rows: actual.rows }).toEqual({ printed, rows: expected.rows });
  expect(actual.fields.map((field) => field.typeOid)).toEqual(
    expected.fields.map((field) => field.typeOid),
  );
});
