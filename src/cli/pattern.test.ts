import { expect, test } from 'vitest';
import { matches, readPattern } from './pattern.ts';

test.each([
  ['messages', 'chat', 'messages', true],
  ['MESSAGES', 'chat', 'messages', true],
  ['"MESSAGES"', 'chat', 'messages', false],
  ['"A""b"', 'x', 'A"b', true],
  ['mess*', 'chat', 'messages', true],
  ['mess?ges', 'chat', 'messages', true],
  ['ess', 'chat', 'messages', false],
  ['chat.*', 'chat', 'messages', true],
  ['c*.m*', 'chat', 'rooms', false],
  ['"chat.messages"', 'chat', 'messages', false],
  ['"*"', 'chat', '*', true],
  ['"*"', 'chat', 'x', false],
  ['a.b', 'a', 'b', true],
  ['m.ssages', 'chat', 'messages', false],
  ['a+(b', 'x', 'a+(b', true],
  ['a-b/c', 'x', 'a-b/c', true],
])('%s on %s.%s: %s', (pattern, namespace, table_name, expected) => {
  expect(matches(readPattern(pattern), { namespace, table_name })).toBe(expected);
});

test.each(['a.b.c', '"a'])('%s is none', (text) => {
  expect(() => readPattern(text)).toThrow(`"${text}" is no pattern for tables`);
});
