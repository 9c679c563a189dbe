import { expect, test } from 'vitest';
import { parseFlushPolicy } from './flush-policy.ts';

test.each([
  ['rows:10000', { rows: 10_000 }],
  ['interval:60s', { intervalMicros: 60_000_000n }],
  [' Rows : 5 , interval: 1 day ', { rows: 5, intervalMicros: 86_400_000_000n }],
  ['rows:1,total_rows:1000000', { rows: 1, totalRows: 1_000_000 }],
])('%s', (text, policy) => {
  expect(parseFlushPolicy(text)).toEqual(policy);
});

test.each([
  '',
  'rows',
  'rows:',
  'rows:0',
  'rows:-1',
  'rows:1.5',
  'rows:99999999999',
  'interval:',
  'interval:0s',
  'interval:10ms',
  'interval:soon',
  'interval:-1 day',
  'rows:1,rows:2',
  'size:10',
  'rows:1;interval:1s',
  'rows:1,',
])('"%s" is refused', (text) => {
  expect(() => parseFlushPolicy(text)).toThrow(
    expect.objectContaining({
      code: '22023',
      message: `invalid value for option "flush_policy": "${text}"`,
    }),
  );
});
