import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase } from '../database.test-support.ts';
import type { TestDatabase } from '../database.test-support.ts';
import { arrayCases, dateTimeCases, jsonCases, numberCases, textCases } from './function-cases.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(async () => database.close());

test.each([
  ['numbers', numberCases],
  ['text', textCases],
  ['dates and times', dateTimeCases],
  ['arrays', arrayCases],
  ['json', jsonCases],
] as const)('%s: the same value or error as PostgreSQL', async (_name, cases) => {
  const differing: unknown[] = [];
  for (const expression of cases) {
    const sql = `select ${expression}`;
    const expected = await database.postgres(sql);
    // What PostgreSQL refuses to analyze never comes to an executor.
    if ('code' in expected && expected.code.startsWith('42')) {
      differing.push(JSON.stringify([expression, expected]));
      continue;
    }
    const actual = await database.row(sql).catch((error: unknown) => String(error));
    if (JSON.stringify(actual) !== JSON.stringify(expected))
      differing.push(JSON.stringify([expression, expected, actual]));
  }
  expect(differing).toEqual([]);
});
