import { expect, test } from 'vitest';
import { PgError } from '../base/index.ts';
import { Oid } from './oid.ts';
import { allTypes, pgType, requirePgType } from './registry.ts';
import { decodeUtf8 } from './utf8.ts';

function errorOf(action: () => unknown): { code: string; message: string } {
  try {
    action();
  } catch (error) {
    if (error instanceof PgError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('no error');
}

test('twenty-two types and their arrays', () => {
  expect(allTypes.length).toBe(44);
  expect(pgType(Oid.int4)?.name).toBe('int4');
  expect(pgType(1007)?.elementOid).toBe(Oid.int4);
  expect(pgType(600)).toBeUndefined();
});

test('a type that is not there is 0A000 naming its OID', () => {
  expect(errorOf(() => requirePgType(600))).toEqual({
    code: '0A000',
    message: 'the type with OID 600 is not supported',
  });
});

test('malformed wire values', () => {
  const bytes = (hex: string): Uint8Array => Buffer.from(hex, 'hex');
  const cases: readonly (readonly [number, string, string, string])[] = [
    [Oid.int4, '0000', '08P01', 'insufficient data left in message'],
    [Oid.int4, '0000000001', '22P03', 'incorrect binary data format'],
    [Oid.numeric, '0001000000000000ffff', '22P03', 'invalid digit in external "numeric" value'],
    [Oid.numeric, '0000000012340000', '22P03', 'invalid sign in external "numeric" value'],
    [Oid.numeric, '000000000000ffff', '22P03', 'invalid scale in external "numeric" value'],
    [Oid.jsonb, '027b7d', 'XX000', 'unsupported jsonb version number 2'],
    [Oid.date, '80000001', '22008', 'date out of range'],
    [Oid.timestamp, '8000000000000001', '22008', 'timestamp out of range'],
    [Oid.time, 'ffffffffffffffff', '22008', 'time out of range'],
    [Oid.timetz, '0000000000000000000f0000', '22009', 'time zone displacement out of range'],
    [
      1007,
      '00000007000000000000001700',
      '54000',
      'number of array dimensions (7) exceeds the maximum allowed (6)',
    ],
    [1007, '000000000000000200000017', '22P03', 'invalid array flags'],
    [Oid.text, '61ff', '22021', 'invalid byte sequence for encoding "UTF8": 0xff'],
    [Oid.text, '610062', '22021', 'invalid byte sequence for encoding "UTF8": 0x00'],
  ];
  for (const [oid, hex, code, message] of cases) {
    expect(errorOf(() => requirePgType(oid).decode(bytes(hex), -1))).toEqual({ code, message });
  }
});

test('UTF-8 is named by its offending bytes', () => {
  const message = (hex: string): string =>
    errorOf(() => decodeUtf8(Buffer.from(hex, 'hex'))).message;
  expect(message('c328')).toBe('invalid byte sequence for encoding "UTF8": 0xc3 0x28');
  expect(message('6161e282')).toBe('invalid byte sequence for encoding "UTF8": 0xe2 0x82');
  expect(message('eda080')).toBe('invalid byte sequence for encoding "UTF8": 0xed 0xa0 0x80');
  expect(decodeUtf8(Buffer.from('\ufeffé😀'))).toBe('\ufeffé😀');
});
