import { expect, test } from 'vitest';
import { enumLabelType, enumType } from './enum-type.ts';
import { Oid } from './oid.ts';
import { pgType } from './registry.ts';
import { defaultTypeContext } from './type.ts';

const mood = enumType({
  oid: 20_000,
  arrayOid: 19_999,
  namespace: 'public',
  name: 'mood',
  labels: [
    { oid: 20_001, label: 'sad' },
    { oid: 20_007, label: 'ok' },
    { oid: 20_003, label: 'happy' },
  ],
});

test('labels have the order of the type, and storage that of their bytes', () => {
  const labels = ['ok', 'happy', 'sad'];
  expect(labels.toSorted(mood.type.compare)).toEqual(['sad', 'ok', 'happy']);
  expect(labels.toSorted(enumLabelType.compare)).toEqual(['happy', 'ok', 'sad']);
});

test('what is no label is 22P02, as text and as bytes', () => {
  const { type } = mood;
  expect(type.parse('ok', -1, defaultTypeContext)).toBe('ok');
  expect(type.decode(type.encode('happy'), -1)).toBe('happy');
  const refused = { code: '22P02', message: 'invalid input value for enum mood: "OK"' };
  expect(() => type.parse('OK', -1, defaultTypeContext)).toThrow(expect.objectContaining(refused));
  expect(() => type.decode(Buffer.from('OK'), -1)).toThrow(expect.objectContaining(refused));
});

test('storage has a type for all of them', () => {
  expect(pgType(Oid.anyenum)).toBe(enumLabelType);
});
