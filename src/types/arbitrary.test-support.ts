/** fast-check arbitraries of every type's values, for property tests here and in other layers. */
import fc from 'fast-check';
import { makeArray } from './array.ts';
import {
  dateDaysEnd,
  dateDaysMin,
  microsPerDay,
  timestampEnd,
  timestampMin,
} from './datetime/civil.ts';
import { makeInterval } from './datetime/interval.ts';
import { int4Max, int4Min, int8Max, int8Min } from './integer.ts';
import { jsonbText, canonicalJson } from './jsonb.ts';
import { parseJson } from './json.ts';
import { Oid } from './oid.ts';
import { requirePgType } from './registry.ts';
import type { Value } from './value.ts';
import {
  dateInfinity,
  dateMinusInfinity,
  timestampInfinity,
  timestampMinusInfinity,
} from './value.ts';

/** Text without what a PostgreSQL string cannot hold; small alphabets make near-equal strings likely. */
const text = fc.oneof(
  fc.string({
    unit: fc.constantFrom(
      'a',
      'b',
      ' ',
      '\u0001',
      '\u007f',
      'é',
      '\ud7ff',
      '\ue000',
      '\uffff',
      '😀',
      '"',
      '\\',
      ',',
      '{',
    ),
    maxLength: 8,
  }),
  fc.string({ unit: 'binary', maxLength: 20 }).filter((value) => !value.includes('\0')),
);

const numeric = fc.oneof(
  fc.constantFrom(
    'NaN',
    'Infinity',
    '-Infinity',
    '0',
    '0.00',
    '1',
    '1.0',
    '1.00',
    '10',
    '100.0',
    '-1',
    '-1.0',
    '0.1',
    '0.10',
    '-0.01',
  ),
  fc
    .tuple(fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }), fc.integer({ min: -30, max: 30 }))
    .map(([unscaled, exponent]) =>
      requirePgType(Oid.numeric).parse(`${unscaled}e${exponent}`, -1, {} as never),
    ),
);

const float8 = fc.oneof(
  fc.double(),
  fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 5e-324, 1e23),
);
const float4 = fc.oneof(fc.float(), fc.constantFrom(0, -0, NaN));

const timestamp = fc.oneof(
  fc.bigInt({ min: timestampMin, max: timestampEnd - 1n }),
  fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }),
  fc.constantFrom(timestampInfinity, timestampMinusInfinity, 0n),
);

const micros = fc.integer({ min: 0, max: microsPerDay });
const int4 = fc.oneof(fc.integer({ min: int4Min, max: int4Max }), fc.integer({ min: -3, max: 3 }));

const interval = fc
  .tuple(
    fc.integer({ min: -100_000, max: 100_000 }),
    fc.integer({ min: -1_000_000, max: 1_000_000 }),
    fc.oneof(
      fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }),
      fc.constantFrom(0n, 86_400_000_000n),
    ),
  )
  .map(([months, days, time]) => makeInterval(months, days, time));

const uuid = fc.uuid();

const jsonb = fc
  .jsonValue({ maxDepth: 3 })
  .map((value) => JSON.stringify(value))
  .filter((json) => !json.includes('\\u0000') && !/\\ud[89a-f]/.test(json))
  .map((json) => jsonbText(canonicalJson(parseJson(json, true))));

const bytea = fc
  .uint8Array({ maxLength: 12 })
  .map((bytes) => Uint8Array.from(bytes, (byte) => (byte < 64 ? 0 : byte)));

const scalars: Readonly<Record<number, fc.Arbitrary<Value>>> = {
  [Oid.bool]: fc.boolean(),
  [Oid.int2]: fc.integer({ min: -32768, max: 32767 }),
  [Oid.int4]: int4,
  [Oid.int8]: fc.oneof(fc.bigInt({ min: int8Min, max: int8Max }), fc.bigInt({ min: -3n, max: 3n })),
  [Oid.oid]: fc.integer({ min: 0, max: 4294967295 }),
  [Oid.float4]: float4,
  [Oid.float8]: float8,
  [Oid.numeric]: numeric,
  [Oid.text]: text,
  [Oid.varchar]: text,
  [Oid.bpchar]: text,
  [Oid.name]: text.map((value) => Array.from(value).slice(0, 15).join('')),
  [Oid.bytea]: bytea,
  [Oid.date]: fc.oneof(
    fc.integer({ min: dateDaysMin, max: dateDaysEnd - 1 }),
    fc.integer({ min: -40_000, max: 40_000 }),
    fc.constantFrom(dateInfinity, dateMinusInfinity),
  ),
  [Oid.time]: micros,
  [Oid.timetz]: fc
    .tuple(micros, fc.integer({ min: -57_599, max: 57_599 }))
    .map(([time, zone]) => ({ kind: 'timetz' as const, micros: time, zone })),
  [Oid.timestamp]: timestamp,
  [Oid.timestamptz]: timestamp,
  [Oid.interval]: interval,
  [Oid.uuid]: uuid,
  [Oid.json]: jsonb,
  [Oid.jsonb]: jsonb,
};

function arrayOf(element: fc.Arbitrary<Value>): fc.Arbitrary<Value> {
  const item = fc.option(element, { nil: null, freq: 5 });
  return fc.oneof(
    fc.array(item, { maxLength: 4 }).map((elements) => makeArray(elements)),
    fc
      .tuple(fc.array(item, { minLength: 4, maxLength: 4 }), fc.integer({ min: -2, max: 2 }))
      .map(([elements, bound]) => makeArray(elements, [2, 2], [bound, 1])),
  );
}

/** Values of the type with this OID; never null itself. */
export function arbitraryValue(oid: number): fc.Arbitrary<Value> {
  const { elementOid } = requirePgType(oid);
  return elementOid === 0 ? scalars[oid]! : arrayOf(scalars[elementOid]!);
}
