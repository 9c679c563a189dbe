import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { writeBatch } from './write-batch.ts';

test('writes wait for the end of the turn, or until there are four', async () => {
  const written: number[] = [];
  const batch = writeBatch();
  const add = (answer: number): void => batch.add(() => void written.push(answer));
  add(1);
  add(2);
  add(3);
  expect(written).toEqual([]);
  add(4);
  expect(written).toEqual([1, 2, 3, 4]);
  add(5);
  expect(written).toHaveLength(4);
  await setImmediate();
  expect(written).toEqual([1, 2, 3, 4, 5]);
  add(6);
  await setImmediate();
  expect(written).toEqual([1, 2, 3, 4, 5, 6]);
});

test('what is added while a batch is written comes with the next', async () => {
  const written: string[] = [];
  const batch = writeBatch();
  batch.add(() => {
    written.push('first');
    batch.add(() => void written.push('second'));
  });
  await setImmediate();
  await setImmediate();
  expect(written).toEqual(['first', 'second']);
});
