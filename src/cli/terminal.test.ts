import { expect, test } from 'vitest';
import { clipped, displayWidth, styleOf, visible } from './terminal.ts';

test.each([
  ['abc', 3],
  ['é', 1],
  ['e\u0301', 1],
  ['日本', 4],
  ['🙂', 2],
  ['\u001B[31mred\u001B[39m', 3],
])('%j is %d wide', (text, width) => {
  expect(displayWidth(text)).toBe(width);
});

test('a line is clipped by columns, its colours end', () => {
  expect(clipped('abcdef', 3)).toBe('abc');
  expect(clipped('abc', 3)).toBe('abc');
  expect(clipped('日本語', 5)).toBe('日本');
  expect(clipped('a\u001B[31mbcd\u001B[39me', 2)).toBe('a\u001B[31mb\u001B[39m');
});

test('what others wrote does not move the cursor', () => {
  expect(visible('a\u001B[2Jb\nc')).toBe('a\\x1b[2Jb\\x0ac');
});

test('no colours where there is no terminal', () => {
  expect(styleOf({ isTTY: false }).red('x')).toBe('x');
});
