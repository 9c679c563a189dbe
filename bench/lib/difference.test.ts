import { expect, test } from 'vitest';
import { firstDifference } from './difference.ts';

test('rows are compared one by one', () => {
  const rows = [
    ['ATL', '1'],
    ['ORD', null],
  ];
  expect(firstDifference(rows, structuredClone(rows))).toBeUndefined();
  expect(firstDifference(rows, [['ATL', '1']])).toBe(1);
  expect(firstDifference([], rows)).toBe(0);
  expect(firstDifference(rows, [rows[0], ['ORD', 'null']])).toBe(1);
});
