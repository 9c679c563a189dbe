import { expect, test } from 'vitest';
import { createInsertBuffers } from './insert-buffers.ts';

test('a buffer ends after 1000 rows, whatever pieces they come in', () => {
  const buffers = createInsertBuffers(false);
  const none = (): number => 0;
  expect(buffers.add(999, none)).toEqual([]);
  expect(buffers.add(2, none)).toEqual([1]);
  expect(buffers.add(2999, none)).toEqual([999, 1999, 2999]);
});

test('a buffer ends with the line that brings it to 65535 bytes', () => {
  const buffers = createInsertBuffers(false);
  expect(buffers.add(3, () => 32_767)).toEqual([3]);
  expect(buffers.add(3, (index) => [65_534, 1, 65_535][index]!)).toEqual([2, 3]);
});

test('a volatile default makes each row a buffer', () => {
  expect(createInsertBuffers(true).add(3, () => 0)).toEqual([1, 2, 3]);
});
