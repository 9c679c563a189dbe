import { expect, test } from 'vitest';
import { formatNumber, formatTable, speedRatio, target } from './figure.ts';

test('a ratio above one means that pgtide is faster', () => {
  expect(speedRatio(200, 100, 'more')).toBe(2);
  expect(speedRatio(200, 100, 'less')).toBe(0.5);
  expect(speedRatio(undefined, 100, 'more')).toBeUndefined();
});

test('numbers keep three digits that matter', () => {
  expect([undefined, 0.01234, 12.345, 291_234.5].map(formatNumber)).toEqual([
    '–',
    '0.0123',
    '12.3',
    '291,235',
  ]);
});

test('the table tells targets that were reached and missed', () => {
  const lines = formatTable([
    {
      what: 'a',
      unit: 'rows/s',
      pgtide: 200,
      postgres: 100,
      ratio: 2,
      target: target('>= 1', 2, (ratio) => ratio >= 1),
    },
    { what: 'bb', unit: 'ms', postgres: 1, target: target('<= 1', 3, (ms) => ms <= 1), note: 'n' },
  ]);
  expect(lines).toEqual([
    'what  unit    pgtide  PostgreSQL   ratio  other  target',
    '----  ------  ------  ----------  ------  -----  ------------',
    'a     rows/s     200         100  2.00 x         reached >= 1',
    'bb    ms           –        1.00       –         MISSED  <= 1',
    '  bb: n',
  ]);
});
