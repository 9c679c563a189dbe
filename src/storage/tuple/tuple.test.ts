import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Oid, arrayOidOf } from '../../types/oid.ts';
import type { Row, Value } from '../../types/value.ts';
import { testTable } from '../testing.ts';
import type { StoredTable } from '../types.ts';
import { crcOf } from './crc.ts';
import { projection, tableCodec } from './codec.ts';
import { sealTuple, tupleIntact, tupleSchemaVersion, tupleSeq, tupleUpdated } from './header.ts';

const micros = fc.integer({ min: 0, max: 86_400_000_000 });
const scalars: ReadonlyMap<number, fc.Arbitrary<Value>> = new Map<number, fc.Arbitrary<Value>>([
  [Oid.bool, fc.boolean()],
  [Oid.int2, fc.integer({ min: -32768, max: 32767 })],
  [Oid.int4, fc.integer()],
  [Oid.int8, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  [Oid.oid, fc.nat({ max: 4294967295 })],
  [Oid.float4, fc.float()],
  [Oid.float8, fc.double()],
  [Oid.text, fc.string({ unit: 'binary', maxLength: 200 })],
  [Oid.numeric, fc.constantFrom('0', '-1.50', 'NaN', 'Infinity', `${'9'.repeat(200)}.1`)],
  [Oid.bytea, fc.uint8Array({ maxLength: 300 })],
  [Oid.date, fc.integer()],
  [Oid.time, micros],
  [Oid.timestamptz, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  [
    Oid.timetz,
    fc.record({
      kind: fc.constant('timetz' as const),
      micros,
      zone: fc.integer({ min: -57599, max: 57599 }),
    }),
  ],
  [
    Oid.interval,
    fc.record({
      kind: fc.constant('interval' as const),
      months: fc.integer(),
      days: fc.integer(),
      micros: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    }),
  ],
  [Oid.uuid, fc.uuid()],
]);

function arrayOf(element: fc.Arbitrary<Value>): fc.Arbitrary<Value> {
  return fc
    .array(fc.option(element), { maxLength: 6 })
    .map((elements) =>
      elements.length === 0
        ? { kind: 'array', elements, dims: [], lowerBounds: [] }
        : { kind: 'array', elements, dims: [elements.length], lowerBounds: [-3] },
    );
}

const kinds: [number, fc.Arbitrary<Value>][] = [...scalars].flatMap(([oid, values]) => [
  [oid, values],
  [arrayOidOf.get(oid)!, arrayOf(values)],
]);

const tableAndRow: fc.Arbitrary<[StoredTable, Row]> = fc
  .array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 20 })
  .chain((columns) =>
    fc.tuple(
      fc.constant(
        testTable({ columns: Object.fromEntries(columns.map(([oid], i) => [`c${i}`, oid])) }),
      ),
      fc.tuple(...columns.map(([, values]) => fc.option(values))) as fc.Arbitrary<Row>,
    ),
  );

test("our CRC-32 is zlib's", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      expect(crcOf(Buffer.from(bytes), 0, bytes.length)).toBe(crc32(bytes));
    }),
  );
});

describe('tuples', () => {
  test('give back every row, header and checksum', () => {
    fc.assert(
      fc.property(
        tableAndRow,
        fc.maxSafeNat(),
        fc.bigInt({ min: 0n, max: 2n ** 60n }),
        ([table, row], n, at) => {
          const codec = tableCodec(table);
          const seq = n % 2 ** 48;
          const tuple = codec.encode(row, 0, at);
          sealTuple(tuple, seq, false);
          expect(tupleIntact(tuple)).toBe(true);
          expect(tupleSeq(tuple)).toBe(seq);
          expect(tupleUpdated(tuple)).toBe(at);
          expect(tupleSchemaVersion(tuple)).toBe(1);
          expect(codec.decode(tuple)).toEqual(row);
        },
      ),
    );
  });

  test('decode only what is asked for, and nothing else differently', () => {
    fc.assert(
      fc.property(tableAndRow, fc.infiniteStream(fc.boolean()), ([table, row], coins) => {
        const codec = tableCodec(table);
        const tuple = codec.encode(row, 0, 0n);
        const wanted = table.columns.filter(() => coins.next().value).map((column) => column.id);
        const expected = row.map((value, i) => (wanted.includes(i + 1) ? value : null));
        expect(codec.decode(tuple, projection(wanted))).toEqual(expected);
      }),
    );
  });

  test('any changed byte is noticed', () => {
    fc.assert(
      fc.property(
        tableAndRow,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        ([table, row], at, flip) => {
          const tuple = Buffer.from(tableCodec(table).encode(row, 0, 5n));
          sealTuple(tuple, 7, false);
          tuple[at % tuple.length]! ^= flip;
          expect(tupleIntact(tuple)).toBe(false);
        },
      ),
    );
  });

  test('rows of an older schema read with dropped columns gone and new ones missing', () => {
    const first = testTable({ columns: { a: Oid.int4, gone: Oid.text, b: Oid.text } });
    const tuple = tableCodec(first).encode([1, 'gone', 'b'], 0, 0n);
    const [a, , b] = first.columns;
    const later: StoredTable = {
      ...first,
      schemaVersion: 2,
      columns: [
        { ...b!, name: 'renamed' },
        { id: 4, name: 'gone', typeOid: Oid.text, typmod: -1, missing: 'new' },
        a!,
      ],
      layouts: new Map([[1, first.columns]]),
    };
    expect(tableCodec(later).decode(tuple)).toEqual(['b', 'new', 1]);
  });
});
