import { expect, test } from 'vitest';
import { formatValue, tableLines } from './output.ts';
import { styleOf } from './terminal.ts';

const style = styleOf({});

test('columns are as wide as what is in them, numbers stand right', () => {
  const lines = tableLines(
    [
      { key: 'name' },
      { key: 'rows', unit: 'count' },
      { key: 'cold_bytes', title: 'size', unit: 'bytes' },
      { key: 'note' },
    ],
    [
      { name: 'chat', rows: 1234, cold_bytes: 2048, note: null },
      { name: '日本', rows: null, cold_bytes: 0 },
    ],
    style,
  );
  expect(lines).toEqual([
    'name   rows      size  note',
    'chat  1,234  2.00 KiB',
    '日本              0 B',
  ]);
});

test('values', () => {
  expect(formatValue(undefined)).toBe('');
  expect(formatValue(1234, 'id')).toBe('1234');
  expect(formatValue({ a: ['\u001B'] })).toBe('{"a":["\\u001b"]}');
  expect(formatValue('a\nb')).toBe('a\\x0ab');
  expect(formatValue(true)).toBe('true');
});
