/** Casts between bytea and the integers (new in PostgreSQL 18): big-endian, two's complement. */
import { outOfRange } from './input-error.ts';
import { int2Type, int4Type, int8Type } from './integer.ts';
import { Oid } from './oid.ts';
import type { PgType } from './type.ts';
import type { Value } from './value.ts';

type CastEntry = readonly [source: number, target: number, cast: (value: Value) => Value];

function both(type: PgType): CastEntry[] {
  return [
    [type.oid, Oid.bytea, (value) => Uint8Array.from(type.encode(value))],
    [
      Oid.bytea,
      type.oid,
      (value) => {
        const bytes = value as Uint8Array;
        if (bytes.length > type.size) throw outOfRange(type.sqlName);
        // A shorter value is the low bytes.
        const padded = new Uint8Array(type.size);
        padded.set(bytes, type.size - bytes.length);
        return type.decode(padded, -1);
      },
    ],
  ];
}

export const byteaCasts: readonly CastEntry[] = [int2Type, int4Type, int8Type].flatMap(both);
