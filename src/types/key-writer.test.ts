import { expect, test } from 'vitest';
import { AssertionError } from '../base/index.ts';
import { createKeyWriter, encodeKeyValues } from './key-writer.ts';
import { Oid } from './oid.ts';
import { requirePgType } from './registry.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const int4 = requirePgType(Oid.int4);
const text = requirePgType(Oid.text);

test('grows past its first buffer, and finish copies', () => {
  const writer = createKeyWriter();
  for (let i = 0; i < 1000; i++) writer.byte(i & 0xff);
  writer.bytes(new Uint8Array(5000).fill(7));
  const first = writer.finish();
  expect(first.length).toBe(6000);
  expect(first[999]).toBe(999 & 0xff);
  expect(first[5999]).toBe(7);
  writer.reset();
  expect(writer.length()).toBe(0);
  writer.byte(1);
  expect(hex(writer.finish())).toBe('01');
  expect(first[0]).toBe(0);
});

test('the form is stable: what is on disk stays readable', () => {
  expect(hex(encodeKeyValues([int4, text], [1, 'a\0b']))).toBe(
    '0180000001' + '01' + '6100ff62' + '0001',
  );
  expect(hex(encodeKeyValues([int4], [-1]))).toBe('017fffffff');
  const forms: readonly (readonly [number, unknown, string])[] = [
    [Oid.bool, true, '01'],
    [Oid.int2, -2, '7ffe'],
    [Oid.int8, 1n, '8000000000000001'],
    [Oid.oid, 4294967295, 'ffffffff'],
    [Oid.float8, 1, 'bff0000000000000'],
    [Oid.float8, -1, '400fffffffffffff'],
    [Oid.float4, -1, '407fffff'],
    [Oid.numeric, '0', '03'],
    [Oid.numeric, '12.50', '04' + '800002' + '0d33' + '00'],
    [Oid.numeric, '-12.5', '02' + '7ffffd' + 'f2cc' + 'ff'],
    [Oid.date, 0, '80000000'],
    [Oid.timestamp, 0n, '8000000000000000'],
    [Oid.uuid, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc999c0b4ef8bb6d6bb9bd380a11'],
    [Oid.interval, { kind: 'interval', months: 0, days: 0, micros: 1n }, '80000000000000000001'],
  ];
  for (const [oid, value, expected] of forms) {
    const writer = createKeyWriter();
    requirePgType(oid).encodeKey!(writer, value as never);
    expect(hex(writer.finish())).toBe(expected);
  }
});

test('values that are equal have one key', () => {
  const same = (oid: number, left: unknown, right: unknown): void => {
    const type = requirePgType(oid);
    expect(hex(encodeKeyValues([type], [left as never]))).toBe(
      hex(encodeKeyValues([type], [right as never])),
    );
  };
  same(Oid.numeric, '1.0', '1.00');
  same(Oid.numeric, '100', '100.000');
  same(Oid.float8, 0, -0);
  same(Oid.float4, 0, -0);
  same(Oid.bpchar, 'a', 'a   ');
  same(Oid.jsonb, '[1.0]', '[1.00]');
  same(
    Oid.interval,
    { kind: 'interval', months: 1, days: 0, micros: 0n },
    { kind: 'interval', months: 0, days: 30, micros: 0n },
  );
});

test('NULLs go last, or first when asked', () => {
  const last = [encodeKeyValues([int4], [2147483647]), encodeKeyValues([int4], [null])];
  expect(Buffer.compare(last[0]!, last[1]!)).toBe(-1);
  const first = [
    encodeKeyValues([int4], [null], 'nulls-first'),
    encodeKeyValues([int4], [-2147483648], 'nulls-first'),
  ];
  expect(Buffer.compare(first[0]!, first[1]!)).toBe(-1);
});

test('json has no key form: asking for one is our bug', () => {
  expect(() => encodeKeyValues([requirePgType(Oid.json)], ['1'])).toThrow(AssertionError);
});
