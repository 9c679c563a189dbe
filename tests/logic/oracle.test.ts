import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadOutput, loadScript, scriptNames } from './files.ts';
import type { Oracle } from './oracle.ts';
import { openOracle } from './oracle.ts';
import { formatOutput, isStatement, readOutput, readScript } from './script.ts';

/** The issue asks for 300. */
const statementsMin = 330;

let oracle: Oracle;
beforeAll(async () => {
  oracle = await openOracle();
});
afterAll(() => oracle.close());

test.each(scriptNames)('%s.out is what PostgreSQL answers', async (name) => {
  expect(formatOutput(await oracle.run(loadScript(name)))).toBe(loadOutput(name));
});

test('there are enough statements', () => {
  const statements = scriptNames.flatMap((name) => loadScript(name).filter(isStatement));
  expect(statements.length).toBeGreaterThanOrEqual(statementsMin);
});

test('rows have an order', () => {
  // Without ORDER BY only these have one: VALUES, functions over nothing, and what was inserted in order.
  const inOrder =
    /\border by\b|^values|^select [^;]* from (?:generate_series|unnest)|^select generate_series|^insert|^execute/i;
  const unsure = scriptNames.flatMap((name) => {
    const statements = loadScript(name).filter(isStatement);
    const outputs = readOutput(loadOutput(name), statements);
    return statements.filter(({ sql, unordered }, index) => {
      const rows = outputs[index]!.split('\n').filter((line) => line.startsWith('|'));
      // FETCH has its rows in the order of its cursor's query; rows that are all the same have none.
      const cursor = /^fetch .*?(\w+);?$/is.exec(sql)?.[1];
      const query =
        cursor === undefined
          ? sql
          : statements
              .slice(0, index)
              .findLast((one) => new RegExp(`^declare ${cursor}\\b`, 'i').test(one.sql))
              ?.sql.replace(/^.*? for /is, '');
      return new Set(rows).size > 1 && !unordered && !inOrder.test(query ?? '');
    });
  });
  expect(unsure.map(({ sql }) => sql)).toEqual([]);
});

test('scripts and outputs are read back', () => {
  const steps = readScript(
    `-- a comment\nselect ';';\n-- flush point\n-- unordered\nselect\n  1;\n-- tide: a\n-- tide: b\nflush table t;\n-- oracle: x;\ny;\n`,
  );
  const statements = steps.filter(isStatement);
  expect(steps.map(({ kind }) => kind)).toEqual([
    'statement',
    'flush',
    'statement',
    'statement',
    'statement',
  ]);
  expect(statements[1]).toMatchObject({ sql: 'select\n  1;', unordered: true, line: 5 });
  expect(statements[2]).toMatchObject({ byHand: 'a\nb' });
  expect(statements[3]).toMatchObject({ oracle: 'x;', byHand: undefined });
  const outputs = ['|;\nSELECT 1', '', 'a\nb', 'c'];
  const text = formatOutput(statements.map((statement, i) => [statement, outputs[i]!] as const));
  expect(readOutput(text, statements)).toEqual(outputs);
  expect(() => readOutput(text, statements.slice(1))).toThrow('not of this script');
});
