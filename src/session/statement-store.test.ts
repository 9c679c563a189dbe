import { expect, test } from 'vitest';
import { statementStore } from './statement-store.ts';

test('the oldest go, for each set of settings; long ones for all of them, and push out no short ones', () => {
  const store = statementStore<number>({ short: 2, long: 2 });
  const long = (name: string): string => name.repeat(5000);
  store.set('utc', 'a', 1);
  store.set('rome', 'a', 2);
  store.set('utc', long('a'), 3);
  store.set('rome', long('a'), 4);
  store.set('utc', 'b', 5);
  store.set('utc', long('b'), 6);
  expect(store.get('utc', 'a')).toBe(1);
  expect(store.get('rome', 'a')).toBe(2);
  expect(store.get('utc', long('a'))).toBeUndefined();
  expect(store.get('rome', long('a'))).toBe(4);
  expect(store.get('utc', long('b'))).toBe(6);
  store.set('utc', 'c', 7);
  expect(store.get('utc', 'a')).toBeUndefined();
  expect(store.get('utc', 'b')).toBe(5);
  expect(store.get('rome', 'a')).toBe(2);
});

test('what is too long is not kept', () => {
  const store = statementStore<number>({ short: 2, long: 2 });
  store.set('utc', 'a'.repeat(70_000), 1);
  expect(store.get('utc', 'a'.repeat(70_000))).toBeUndefined();
});
