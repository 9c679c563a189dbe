import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arbitraryValue } from './arbitrary.test-support.ts';
import { createKeyWriter, encodeKeyValues } from './key-writer.ts';
import { allTypes } from './registry.ts';
import type { PgType } from './type.ts';
import { defaultTypeContext } from './type.ts';
import type { Value } from './value.ts';

const runs = { numRuns: 150 };

function keyOf(type: PgType, value: Value): Uint8Array {
  const writer = createKeyWriter();
  type.encodeKey!(writer, value);
  return writer.finish();
}

const names = allTypes.map((type) => type.name);
const orderedNames = allTypes.filter((type) => type.compare).map((type) => type.name);
const typeNamed = (name: string): PgType => allTypes.find((type) => type.name === name)!;

describe('every type', () => {
  test('all but json and its arrays are ordered', () => {
    expect(names.filter((name) => !orderedNames.includes(name))).toEqual(['json', '_json']);
  });

  test.each(names)('%s: wire form and back', (name) => {
    const type = typeNamed(name);
    fc.assert(
      fc.property(arbitraryValue(type.oid), (value) => {
        expect(type.decode(type.encode(value), -1)).toEqual(value);
      }),
      runs,
    );
  });

  test.each(names)('%s: text and back', (name) => {
    const type = typeNamed(name);
    fc.assert(
      fc.property(arbitraryValue(type.oid), (value) => {
        expect(type.parse(type.format(value, defaultTypeContext), -1, defaultTypeContext)).toEqual(
          value,
        );
      }),
      runs,
    );
  });

  test.each(orderedNames)('%s: keys order as values do', (name) => {
    const type = typeNamed(name);
    fc.assert(
      fc.property(arbitraryValue(type.oid), arbitraryValue(type.oid), (left, right) => {
        const order = Math.sign(type.compare!(left, right));
        expect(Math.sign(Buffer.compare(keyOf(type, left), keyOf(type, right)))).toBe(order);
        expect(Math.sign(type.compare!(right, left))).toBe(0 - order);
      }),
      runs,
    );
  });

  test.each(orderedNames)(
    '%s: composite keys order by the first value, then by the second',
    (name) => {
      const type = typeNamed(name);
      const value = fc.option(arbitraryValue(type.oid), { nil: null, freq: 4 });
      // NULL above all, as in an index by default.
      const compare = (left: Value, right: Value): number => {
        if (left === null || right === null) return Number(left === null) - Number(right === null);
        return Math.sign(type.compare!(left, right));
      };
      fc.assert(
        fc.property(fc.tuple(value, value), fc.tuple(value, value), (left, right) => {
          const order = compare(left[0], right[0]) || compare(left[1], right[1]);
          const types = [type, type];
          expect(
            Math.sign(Buffer.compare(encodeKeyValues(types, left), encodeKeyValues(types, right))),
          ).toBe(order);
        }),
        runs,
      );
    },
  );

  test.each(names)('%s: truncated wire forms are refused, not misread', (name) => {
    const type = typeNamed(name);
    fc.assert(
      fc.property(arbitraryValue(type.oid), fc.nat(), (value, cut) => {
        const bytes = type.encode(value);
        const short = bytes.subarray(0, bytes.length === 0 ? 0 : cut % bytes.length);
        try {
          type.encode(type.decode(short, -1));
        } catch (error) {
          expect((error as Error).name).toBe('PgError');
        }
      }),
      runs,
    );
  });

  test.each(names)('%s: random bytes give a value or a PgError', (name) => {
    const type = typeNamed(name);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          type.encode(type.decode(bytes, -1));
        } catch (error) {
          expect((error as Error).name).toBe('PgError');
        }
      }),
      runs,
    );
  });

  test.each(names)('%s: random text gives a value or a PgError', (name) => {
    const type = typeNamed(name);
    const junk = fc.oneof(
      fc.string({
        unit: fc.constantFrom(...'0123456789.:-+/ eETZPYDMHSjan,{}[]"\\=bcinftyuxago'.split('')),
        maxLength: 24,
      }),
      fc.string({ maxLength: 12 }),
    );
    fc.assert(
      fc.property(junk, (text) => {
        try {
          type.format(type.parse(text, -1, defaultTypeContext), defaultTypeContext);
        } catch (error) {
          expect((error as Error).name).toBe('PgError');
        }
      }),
      { numRuns: 400 },
    );
  });
});
