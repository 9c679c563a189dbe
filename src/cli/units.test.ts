import { expect, test } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatFraction,
  formatTime,
  plural,
} from './units.ts';

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.00 KiB'],
  [1536, '1.50 KiB'],
  [10_239, '10.0 KiB'],
  [1_047_552, '1023 KiB'],
  [1_048_064, '1.00 MiB'],
  [165 * 1024, '165 KiB'],
  [5 * 2 ** 40, '5.00 TiB'],
])('%d bytes: %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, '0.0 ms'],
  [0.44, '0.4 ms'],
  [9.94, '9.9 ms'],
  [9.96, '10 ms'],
  [999.4, '999 ms'],
  [999.6, '1.00 s'],
  [9_994, '9.99 s'],
  [9_996, '10.0 s'],
  [59_949, '59.9 s'],
  [59_951, '1 min 00 s'],
  [3_599_499, '59 min 59 s'],
  [3_600_000, '1 h 00 min'],
  [90_061_000, '1 d 1 h'],
])('%d ms: %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test('counts, fractions, times', () => {
  expect(formatCount(1_234_567)).toBe('1,234,567');
  expect(plural(1, 'row')).toBe('1 row');
  expect(plural(0, 'row')).toBe('0 rows');
  expect(formatFraction(0.999)).toBe('99 %');
  expect(formatFraction(2)).toBe('100 %');
  expect(formatTime(new Date(2026, 0, 2, 3, 4, 5))).toBe('2026-01-02 03:04:05');
});
