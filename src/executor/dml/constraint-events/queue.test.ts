import { expect, test } from 'vitest';
import type { CatalogSnapshot, ForeignKey } from '../../../catalog/types.ts';
import { Oid } from '../../../types/oid.ts';
import type { KeyGoneEvent, ReferenceEvent } from './events.ts';
import { createConstraintQueue } from './queue.ts';

const foreignKey = (oid: number, fields: Partial<ForeignKey> = {}): ForeignKey => ({
  oid,
  name: `fk${oid}`,
  child: 1,
  parent: 2,
  childColumns: [1],
  parentColumns: [1],
  match: 'simple',
  onDelete: 'noAction',
  onUpdate: 'cascade',
  deleteSetColumns: [],
  deferrable: true,
  initiallyDeferred: true,
  validated: true,
  enforced: true,
  ...fields,
});

/** Tables of one int4 column. */
const catalog = {
  table: () => ({ columns: [{ storedTypeOid: Oid.int4 }], positionOf: [-1, 0] }),
} as unknown as CatalogSnapshot;

const reference = (constraint: ForeignKey, value: number): ReferenceEvent => ({
  kind: 'reference',
  constraint,
  userId: '',
  key: [value],
});
const keyGone = (constraint: ForeignKey, next?: number): KeyGoneEvent => ({
  kind: 'keyGone',
  constraint,
  userId: '',
  key: [1],
  next: next === undefined ? undefined : [next],
});
const values = (events: readonly { readonly key: readonly unknown[] }[]): unknown[] =>
  events.map(({ key }) => key[0]);

test('a key waits once, and again after its check', () => {
  const queue = createConstraintQueue();
  const key = foreignKey(10);
  for (const value of [1, 2, 1]) queue.add(reference(key, value), catalog);
  expect(queue.waiting).toBe(true);
  expect(queue.waitsFor(1)).toBe(true);
  expect(queue.waitsFor(2)).toBe(false);
  expect(values(queue.take('all'))).toEqual([1, 2]);
  expect(queue.waiting).toBe(false);
  queue.add(reference(key, 1), catalog);
  expect(values(queue.take('all'))).toEqual([1]);
});

test('who may wait: checks of deferrable constraints, no actions', () => {
  const queue = createConstraintQueue();
  expect(queue.defers(reference(foreignKey(1), 1))).toBe(true);
  expect(queue.defers(reference(foreignKey(1, { initiallyDeferred: false }), 1))).toBe(false);
  expect(queue.defers(keyGone(foreignKey(1)))).toBe(true);
  expect(queue.defers(keyGone(foreignKey(1), 2))).toBe(false);
  expect(queue.defers(keyGone(foreignKey(1, { onDelete: 'restrict' })))).toBe(false);
  queue.setModes(undefined, true);
  expect(queue.defers(reference(foreignKey(1, { initiallyDeferred: false }), 1))).toBe(true);
  const fixed = foreignKey(1, { deferrable: false, initiallyDeferred: false });
  expect(queue.defers(reference(fixed, 1))).toBe(false);
});

test('the last of SET CONSTRAINTS ALL and of a name counts', () => {
  const queue = createConstraintQueue();
  const [one, two] = [foreignKey(1), foreignKey(2)];
  queue.setModes([1], false);
  expect(queue.defers(reference(one, 1))).toBe(false);
  expect(queue.defers(reference(two, 1))).toBe(true);
  queue.setModes(undefined, true);
  expect(queue.defers(reference(one, 1))).toBe(true);
  queue.setModes(undefined, false);
  queue.setModes([2], true);
  expect(queue.defers(reference(one, 1))).toBe(false);
  expect(queue.defers(reference(two, 1))).toBe(true);
});

test('only what is deferred no longer is taken', () => {
  const queue = createConstraintQueue();
  const [one, two] = [foreignKey(1), foreignKey(2)];
  queue.add(reference(one, 1), catalog);
  queue.add(reference(two, 2), catalog);
  expect(queue.take('immediate')).toEqual([]);
  queue.setModes([2], false);
  expect(values(queue.take('immediate'))).toEqual([2]);
  expect(values(queue.take('all'))).toEqual([1]);
});

test('a savepoint takes back events, modes and checks', () => {
  const queue = createConstraintQueue();
  const key = foreignKey(1);
  queue.add(reference(key, 1), catalog);
  const mark = queue.mark();
  queue.add(reference(key, 2), catalog);
  queue.setModes(undefined, false);
  expect(values(queue.take('immediate'))).toEqual([1, 2]);
  queue.rollbackTo(mark);
  expect(queue.defers(reference(key, 3))).toBe(true);
  // What was checked in between may have rested on what is undone.
  queue.add(reference(key, 2), catalog);
  expect(values(queue.take('all'))).toEqual([1, 2]);
  // Twice to the same savepoint.
  queue.rollbackTo(mark);
  expect(values(queue.take('all'))).toEqual([1]);
});

test('the end of the transaction ends all of it', () => {
  const queue = createConstraintQueue();
  const key = foreignKey(1);
  queue.setModes(undefined, false);
  queue.add(reference(key, 1), catalog);
  queue.noteWriter(1, 'ann');
  expect([...queue.writers(1)]).toEqual(['ann']);
  queue.clear();
  expect(queue.waiting).toBe(false);
  expect(queue.defers(reference(key, 1))).toBe(true);
  expect(queue.writers(1).size).toBe(0);
});
