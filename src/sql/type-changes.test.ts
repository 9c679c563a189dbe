import { expect, test } from 'vitest';
import { parse } from './parse.ts';
import { typeChanges } from './type-changes.ts';

test.each([
  ['alter table t alter a type int', [['a', undefined]]],
  [
    `alter table only s.t add b int default (1), alter column "A""b" set data type numeric(10, 2) using (round(a, 1)), drop c`,
    [['A"b', '(round(a, 1))']],
  ],
  [
    `alter table t alter "using" type int[] using array[1, (2), /* , */ 3]::int[], alter b type text using ',' || b -- ,`,
    [
      ['using', 'array[1, (2), /* , */ 3]::int[]'],
      ['b', `',' || b -- ,`],
    ],
  ],
  ['alter table t rename a to b', []],
  ['alter table t add check (a > 0)', []],
])('%s', (sql, expected) => {
  const [statement] = parse(sql);
  const found = typeChanges(statement!.text, statement!.node);
  expect(found.map(({ column, using }) => [column, using])).toEqual(expected);
});
