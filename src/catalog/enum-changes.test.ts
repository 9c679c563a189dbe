import { expect, test } from 'vitest';
import { enumType } from '../types/enum-type.ts';
import type { EnumType } from '../types/enum-type.ts';
import { renamedLabels } from './enum-changes.ts';

/** Types by OID; labels have OIDs in the order of `labels`, from `first` on. */
function types(
  ...described: readonly (readonly [oid: number, first: number, labels: readonly string[]])[]
): ReadonlyMap<number, EnumType> {
  return new Map(
    described.map(([oid, first, labels]) => [
      oid,
      enumType({
        oid,
        arrayOid: oid - 1,
        namespace: 'public',
        name: `e${oid}`,
        labels: labels.map((label, i) => ({ oid: first + i, label })),
      }),
    ]),
  );
}

test('labels with another name, two that change theirs with each other among them', () => {
  const before = types([10, 100, ['a', 'b', 'c']], [20, 200, ['x']]);
  const after = types([10, 100, ['b', 'a', 'c']], [20, 200, ['x']]);
  const names = new Map([
    ['a', 'b'],
    ['b', 'a'],
  ]);
  // Of the type, and of arrays of it.
  expect(renamedLabels(before, after)).toEqual(
    new Map([
      [10, names],
      [9, names],
    ]),
  );
});

test('labels and types that come and go rename nothing', () => {
  const before = types([10, 100, ['a']], [20, 200, ['x']]);
  expect(renamedLabels(before, types([10, 100, ['a', 'b']], [30, 300, ['y']])).size).toBe(0);
});
