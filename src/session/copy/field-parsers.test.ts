import fc from 'fast-check';
import { expect, test } from 'vitest';
import { boolType } from '../../types/bool.ts';
import { dateType } from '../../types/datetime/date-type.ts';
import { timestampType, timestamptzType } from '../../types/datetime/timestamp-type.ts';
import { int2Type, int4Type, int8Type, oidType } from '../../types/integer.ts';
import { textType, varcharType } from '../../types/text.ts';
import { defaultTypeContext } from '../../types/type.ts';
import { fieldParser } from './field-parsers.ts';

const digits = fc.constantFrom('0', '1', '2', '3', '9', '-', '+', ' ', '.', 'x');
const numberText = fc.oneof(
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String),
  fc.integer({ min: -70_000, max: 70_000 }).map(String),
  fc.array(digits, { maxLength: 12 }).map((parts) => parts.join('')),
);
const two = fc.integer({ min: 0, max: 99 }).map((value) => String(value).padStart(2, '0'));
const dateText = fc
  .tuple(
    fc.oneof(fc.integer({ min: 0, max: 9999 }), fc.integer({ min: 1900, max: 2100 })),
    two,
    two,
  )
  .map(([year, month, day]) => `${String(year).padStart(4, '0')}-${month}-${day}`);
const validDate = fc
  .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString());
const anyDate = fc.oneof(
  dateText,
  validDate.map((text) => text.slice(0, 10)),
);
const timestampText = fc
  .tuple(
    anyDate,
    fc.constantFrom(' ', 'T', '_'),
    fc.oneof(
      fc.constant('12:34:56'),
      fc.tuple(two, two, two).map((parts) => parts.join(':')),
    ),
    fc.oneof(fc.constant(''), fc.stringMatching(/^\.[0-9]{0,8}$/), fc.constant('.-5')),
    fc.constantFrom('', '', '+00', 'Z', '+02', '-00', ' BC'),
  )
  .map((parts) => parts.join(''));
const anyText = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string(),
  fc.constantFrom('t', 'f', '1', '0'),
);

test.each([
  [int2Type, numberText],
  [int4Type, numberText],
  [int8Type, numberText],
  [oidType, numberText],
  [boolType, anyText],
  [dateType, anyDate],
  [timestampType, timestampText],
  [timestamptzType, timestampText],
  [textType, anyText],
  [varcharType, anyText],
])('$name is read from bytes as from text, or not at all', (type, texts) => {
  const typmod = type === varcharType ? 9 : -1;
  const parser = fieldParser(type.oid, typmod, defaultTypeContext);
  fc.assert(
    fc.property(texts, (text) => {
      const bytes = Buffer.from(`,${text},`);
      const value = parser(bytes, 1, bytes.length - 1);
      if (value === undefined) return;
      expect(value).toEqual(type.parse(text, typmod, defaultTypeContext));
    }),
    { numRuns: 3000 },
  );
});

test('the common forms need no text', () => {
  const read = (oid: number, text: string): unknown =>
    fieldParser(oid, -1, defaultTypeContext)(Buffer.from(text), 0, text.length);
  expect(read(int4Type.oid, '-2147483648')).toBe(-2147483648);
  expect(read(int4Type.oid, '2147483648')).toBeUndefined();
  expect(read(dateType.oid, '2000-03-01')).toBe(60);
  expect(read(timestampType.oid, '2001-01-01 00:00:00.5')).toBe(31_622_400_500_000n);
  expect(read(timestamptzType.oid, '2001-01-01 00:00:00+00')).toBe(31_622_400_000_000n);
  expect(read(timestampType.oid, '2001-02-29 00:00:00')).toBeUndefined();
});

test('zones other than UTC are for the input function', () => {
  const context = { ...defaultTypeContext, timeZone: 'Europe/Berlin' };
  const text = Buffer.from('2001-01-01 00:00:00');
  expect(fieldParser(timestamptzType.oid, -1, context)(text, 0, text.length)).toBeUndefined();
});
