import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Oid } from '../types/oid.ts';
import { requirePgType } from '../types/registry.ts';
import type { Row, Value } from '../types/value.ts';
import { encodeName } from './cold/paths.ts';
import { decodeKeyPrefix } from './cold/key-decode.ts';
import { rowTail } from './txn/overlay.ts';
import { testTable } from './testing.ts';
import { keyText, prefixEnd } from './keys/buffer.ts';
import { tablePrefixBytes } from './keys/keyspace.ts';
import { decodeScope, encodeScope, scopeLength } from './keys/scope.ts';
import { tableRuntime } from './keys/table-runtime.ts';

const userId = fc.string({ unit: 'grapheme', maxLength: 20 });
const withZeros = fc.oneof(userId, fc.string({ unit: fc.constantFrom('\0', '\u0001', 'ÿ', 'a') }));
const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0'));
const columns: [number, fc.Arbitrary<Value>][] = [
  [Oid.text, text],
  [Oid.int4, fc.integer()],
  [Oid.int8, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  [Oid.int2, fc.integer({ min: -32768, max: 32767 })],
  [Oid.bool, fc.boolean()],
  [Oid.uuid, fc.uuid()],
  [Oid.date, fc.integer()],
  [Oid.timestamptz, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
];

describe('keys', () => {
  test('user ids survive, order as their bytes, and none is a prefix of another', () => {
    fc.assert(
      fc.property(withZeros, withZeros, (a, b) => {
        const [left, right] = [encodeScope(a), encodeScope(b)];
        expect(decodeScope(left, 0, scopeLength(left, 0))).toBe(a);
        expect(scopeLength(Buffer.concat([left, Buffer.from([1, 2])]), 0)).toBe(left.length);
        const order = Buffer.compare(Buffer.from(a), Buffer.from(b));
        expect(Math.sign(Buffer.compare(left, right))).toBe(order);
        if (a !== b) expect(right.subarray(0, left.length).equals(left)).toBe(false);
      }),
    );
  });

  test('row keys order as user id, then the key columns in order', () => {
    const three = fc.constantFrom(...columns);
    fc.assert(
      fc.property(
        fc.array(three, { minLength: 1, maxLength: 3 }).chain((types) => {
          const row = fc.tuple(...types.map(([, value]) => value)) as fc.Arbitrary<Row>;
          return fc.tuple(fc.constant(types.map(([oid]) => oid)), row, row, userId, userId);
        }),
        ([oids, a, b, u, v]) => {
          const names = oids.map((_, i) => `c${i}`);
          const table = testTable({
            kind: 'user',
            columns: Object.fromEntries(oids.map((oid, i) => [`c${i}`, oid])),
            primaryKey: names,
          });
          const runtime = tableRuntime(table);
          const [left, right] = [runtime.keyOfRow(u, a), runtime.keyOfRow(v, b)];
          let order: number = Buffer.compare(Buffer.from(u), Buffer.from(v));
          for (let i = 0; order === 0 && i < oids.length; i++)
            order = requirePgType(oids[i]!).compare!(a[i]!, b[i]!);
          expect(Math.sign(left.compare(right))).toBe(Math.sign(order));
          expect(keyText(left) < keyText(right)).toBe(order < 0);
          expect(decodeKeyPrefix(rowTail(left), oids)).toEqual(a);
          expect(left.subarray(0, tablePrefixBytes)).toEqual(runtime.rowsPrefix);
        },
      ),
    );
  });

  test('prefixEnd is above every key with the prefix and below the next', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 5 }),
        fc.uint8Array(),
        (prefix, more) => {
          fc.pre(prefix[0] !== 0xff);
          expect(Buffer.compare(Buffer.concat([prefix, more]), prefixEnd(prefix))).toBe(-1);
        },
      ),
    );
  });

  test('folder names are distinct without regard to case and stay in their folder', () => {
    const odd = fc.oneof(
      userId,
      fc.constantFrom('', '.', '..', '../x', '/', 'con', 'NUL', 'a\0b', '😀'.repeat(64), '%41'),
      fc.string({ minLength: 60, maxLength: 256 }),
    );
    fc.assert(
      fc.property(odd, odd, (a, b) => {
        const [left, right] = [encodeName(a, 'u-'), encodeName(b, 'u-')];
        expect(left).toMatch(/^u-[a-z0-9_%-]*$/);
        expect(left.length).toBeLessThanOrEqual(122);
        if (a !== b) expect(left.toLowerCase()).not.toBe(right.toLowerCase());
      }),
    );
  });
});
