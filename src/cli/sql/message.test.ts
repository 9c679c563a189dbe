import { expect, test } from 'vitest';
import { messageText, pointer } from './message.ts';

test('the place is shown under its line', () => {
  expect(pointer('select x', 8)).toBe('LINE 1: select x\n               ^');
  expect(pointer('a\n\tb c\nd', 6)).toBe('LINE 2:  b c\n           ^');
  expect(pointer('select 日本 x', 11)).toBe('LINE 1: select 日本 x\n                    ^');
  expect(pointer('select', 7)).toBe('LINE 1: select\n              ^');
});

test('a long line is cut around the place', () => {
  const long = `select ${'a'.repeat(100)}`;
  expect(pointer(`${long} x`, 1)).toBe(`LINE 1: ${long.slice(0, 60)}...\n        ^`);
  const cut = pointer(`${long} x ${'b'.repeat(100)}`, 109);
  expect(cut.split('\n')[0]).toMatch(/^LINE 1: \.\.\.a+ x b{8}\.\.\.$/);
  expect(cut.split('\n')[1]!.length).toBe(cut.split('\n')[0]!.indexOf('x') + 1);
});

test('details follow', () => {
  expect(messageText({ severity: 'ERROR', message: 'm', detail: 'd', hint: 'h', where: 'w' })).toBe(
    'ERROR:  m\nDETAIL:  d\nHINT:  h\nCONTEXT:  w',
  );
});
