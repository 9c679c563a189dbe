import { expect, test } from 'vitest';
import { Oid } from '../types/oid.ts';
import { keyConversion } from './key-conversion.ts';

test('one type: values as they are', () => {
  const same = keyConversion(Oid.uuid, Oid.uuid);
  expect(same?.toParent('x')).toBe('x');
  expect(same?.toChild('x')).toBe('x');
});

test('integers: equal values of the other type, or none', () => {
  const conversion = keyConversion(Oid.int4, Oid.int8);
  expect(conversion?.toParent(7)).toBe(7n);
  expect(conversion?.toChild(7n)).toBe(7);
  expect(conversion?.toChild(2n ** 31n)).toBeUndefined();
  expect(conversion?.toChild(-(2n ** 31n))).toBe(-(2 ** 31));
  expect(keyConversion(Oid.int8, Oid.int2)?.toParent(32768n)).toBeUndefined();
  expect(keyConversion(Oid.int8, Oid.int2)?.toParent(32767n)).toBe(32767);
});

test('integers to numeric: whole numbers only, however they are written', () => {
  const conversion = keyConversion(Oid.int8, Oid.numeric);
  expect(conversion?.toParent(12n)).toBe('12');
  expect(conversion?.toChild('12.00')).toBe(12n);
  expect(conversion?.toChild('-3')).toBe(-3n);
  for (const none of ['12.01', 'NaN', 'Infinity', '9223372036854775808'])
    expect(conversion?.toChild(none)).toBeUndefined();
});

test('floats: a single-precision value is equal to the double that it is', () => {
  const conversion = keyConversion(Oid.float4, Oid.float8);
  expect(conversion?.toParent(Math.fround(0.1))).toBe(Math.fround(0.1));
  expect(conversion?.toChild(0.5)).toBe(0.5);
  expect(conversion?.toChild(0.1)).toBeUndefined();
  expect(conversion?.toChild(Number.NaN)).toBeNaN();
  expect(keyConversion(Oid.float8, Oid.float4)?.toParent(0.1)).toBeUndefined();
});

test('types that are compared in another way have none', () => {
  for (const [child, parent] of [
    [Oid.date, Oid.timestamptz],
    [Oid.int8, Oid.float8],
    [Oid.bpchar, Oid.text],
    [Oid.numeric, Oid.float8],
  ] as const) {
    expect(keyConversion(child, parent)).toBeUndefined();
  }
});
