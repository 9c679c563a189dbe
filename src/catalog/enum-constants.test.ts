import { expect, test } from 'vitest';
import type { ConstExpr, Expr } from '../analyzer/tree.ts';
import { enumType } from '../types/enum-type.ts';
import { Oid } from '../types/oid.ts';
import { withEnumLabels } from './enum-constants.ts';

const mood = enumType({
  oid: 16_384,
  arrayOid: 16_383,
  namespace: 'public',
  name: 'mood',
  labels: [
    { oid: 16_386, label: 'sad' },
    { oid: 16_388, label: 'happy' },
  ],
});
const enums = new Map([[mood.oid, mood]]);

/** As the analyzer leaves a constant of a type that it does not know. */
function constant(typeOid: number, ...words: readonly number[]): ConstExpr {
  const datum = new Uint8Array(Uint32Array.from(words).buffer);
  return {
    kind: 'const',
    typeOid,
    typmod: -1,
    collation: 0,
    isNull: false,
    value: undefined,
    datum,
    location: 7,
  };
}

/** array.h: length (in a header of four bytes), dimensions, offset of the data, element type, and for each dimension size and bound. */
const arrayOf = (bound: number, ...oids: readonly number[]): ConstExpr =>
  constant(mood.arrayOid, (24 + 4 * oids.length) << 2, 1, 0, mood.oid, oids.length, bound, ...oids);

test('a constant becomes its label, wherever it stands', () => {
  const tree = { args: [constant(mood.oid, 16_388), { arg: constant(mood.oid, 16_386) }] };
  expect(withEnumLabels(tree, enums)).toMatchObject({
    args: [
      { kind: 'const', typeOid: mood.oid, value: 'happy', datum: undefined, location: 7 },
      { arg: { value: 'sad' } },
    ],
  });
});

test('a list becomes what ARRAY[…] is', () => {
  expect(withEnumLabels<Expr>(arrayOf(1, 16_388, 16_386), enums)).toMatchObject({
    kind: 'array',
    typeOid: mood.arrayOid,
    elementOid: mood.oid,
    elements: [{ value: 'happy' }, { value: 'sad' }],
    multidims: false,
  });
});

test('an array that is no plain list is a value', () => {
  const arrayed = (
    elements: readonly (string | null)[],
    dims: number[],
    lowerBounds: number[],
  ) => ({
    kind: 'const',
    typeOid: mood.arrayOid,
    value: { kind: 'array', elements, dims, lowerBounds },
    datum: undefined,
  });
  const { oid, arrayOid } = mood;
  expect(withEnumLabels<Expr>(arrayOf(0, 16_388), enums)).toMatchObject(
    arrayed(['happy'], [1], [0]),
  );
  const empty = constant(arrayOid, 16 << 2, 0, 0, oid);
  expect(withEnumLabels<Expr>(empty, enums)).toMatchObject(arrayed([], [], []));
  // Bits say which elements are there; the data begin at a multiple of 8.
  const withNull = constant(arrayOid, 40 << 2, 1, 32, oid, 3, 1, 0b101, 0, 16_386, 16_388);
  expect(withEnumLabels<Expr>(withNull, enums)).toMatchObject(
    arrayed(['sad', null, 'happy'], [3], [1]),
  );
  const square = constant(arrayOid, 40 << 2, 2, 0, oid, 2, 1, 1, 1, 16_386, 16_388);
  expect(withEnumLabels<Expr>(square, enums)).toMatchObject(
    arrayed(['sad', 'happy'], [2, 1], [1, 1]),
  );
});

test('what is no value of an enum here stays the same object', () => {
  const others = [
    constant(mood.oid, 99),
    constant(Oid.regclass, 16_388),
    arrayOf(1, 16_388, 99),
    constant(mood.arrayOid, 17),
    { ...constant(mood.oid, 16_388), value: 'sad' },
  ];
  for (const other of others) expect(withEnumLabels(other, enums)).toBe(other);
  expect(withEnumLabels(others, new Map())).toBe(others);
});
