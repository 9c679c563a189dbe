import { expect, test } from 'vitest';
import { median, percentile, spread } from './stats.ts';

test('median', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(() => median([])).toThrow('no values');
});

test('percentile', () => {
  const values = Float64Array.from({ length: 100 }, (_, index) => index);
  expect(percentile(values, 0.5)).toBe(50);
  expect(percentile(values, 0.99)).toBe(99);
  expect(percentile(values, 1)).toBe(99);
});

test('spread', () => {
  expect(spread([9, 10, 11])).toBeCloseTo(0.2);
});
