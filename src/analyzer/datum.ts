/**
 * PostgreSQL's internal form of a constant, as its Query tree prints it, to our Value. Little-endian, and 32-bit: what is
 * by value comes as four bytes, and int8, float8 and timestamps are by reference. Source: postgres.h, varatt.h, array.h.
 */
import { arrayOidOf, Oid } from '../types/oid.ts';
import type { PgArray, Value } from '../types/value.ts';
import { jsonbText } from './datum-jsonb.ts';
import { numericText } from './datum-numeric.ts';

/** How a type lies in an array. */
interface Layout {
  /** Bytes, -1 for varlena. */
  readonly size: number;
  readonly align: 1 | 2 | 4 | 8;
  /** Reads a value whose first byte is `at`; for varlena the payload is from `at` to `end`. */
  readonly read: (bytes: Buffer, at: number, end: number) => Value;
}

const int4: Layout = { size: 4, align: 4, read: (bytes, at) => bytes.readInt32LE(at) };
const oid: Layout = { size: 4, align: 4, read: (bytes, at) => bytes.readUInt32LE(at) };
const int8: Layout = { size: 8, align: 8, read: (bytes, at) => bytes.readBigInt64LE(at) };
const text: Layout = {
  size: -1,
  align: 4,
  read: (bytes, at, end) => bytes.toString('utf8', at, end),
};

function uuidText(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function upToNul(bytes: Buffer, at: number): string {
  const end = bytes.indexOf(0, at);
  return bytes.toString('utf8', at, end < 0 ? bytes.length : end);
}

const layouts: ReadonlyMap<number, Layout> = new Map<number, Layout>([
  [Oid.bool, { size: 1, align: 1, read: (bytes, at) => bytes[at] !== 0 }],
  [Oid.int2, { size: 2, align: 2, read: (bytes, at) => bytes.readInt16LE(at) }],
  [Oid.int4, int4],
  [Oid.int8, int8],
  [Oid.oid, oid],
  [Oid.regproc, oid],
  [Oid.regclass, oid],
  // regprocedure, regoper, regoperator, regtype, regconfig, regdictionary, regnamespace, regrole, regcollation
  ...[2202, 2203, 2204, 2206, 3734, 3769, 4089, 4096, 4191].map((reg): [number, Layout] => [
    reg,
    oid,
  ]),
  [Oid.float4, { size: 4, align: 4, read: (bytes, at) => bytes.readFloatLE(at) }],
  [Oid.float8, { size: 8, align: 8, read: (bytes, at) => bytes.readDoubleLE(at) }],
  [Oid.text, text],
  [Oid.varchar, text],
  [Oid.bpchar, text],
  [Oid.json, text],
  [Oid.name, { size: 64, align: 1, read: upToNul }],
  [
    Oid.bytea,
    { size: -1, align: 4, read: (bytes, at, end) => Uint8Array.from(bytes.subarray(at, end)) },
  ],
  [Oid.numeric, { size: -1, align: 4, read: numericText }],
  [Oid.jsonb, { size: -1, align: 4, read: (bytes, at) => jsonbText(bytes, at) }],
  [Oid.date, int4],
  [Oid.time, { size: 8, align: 8, read: (bytes, at) => Number(bytes.readBigInt64LE(at)) }],
  [Oid.timestamp, int8],
  [Oid.timestamptz, int8],
  [
    Oid.timetz,
    {
      size: 12,
      align: 8,
      read: (bytes, at) => ({
        kind: 'timetz',
        micros: Number(bytes.readBigInt64LE(at)),
        zone: bytes.readInt32LE(at + 8),
      }),
    },
  ],
  [
    Oid.interval,
    {
      size: 16,
      align: 8,
      read: (bytes, at) => ({
        kind: 'interval',
        micros: bytes.readBigInt64LE(at),
        days: bytes.readInt32LE(at + 8),
        months: bytes.readInt32LE(at + 12),
      }),
    },
  ],
  [Oid.uuid, { size: 16, align: 1, read: uuidText }],
]);

const arrayOids: ReadonlySet<number> = new Set(arrayOidOf.values());

/** Where the payload of the varlena at `at` lies; undefined when it is compressed or out of line. */
function varlena(bytes: Buffer, at: number): { from: number; to: number } | undefined {
  const first = bytes[at]!;
  if ((first & 3) === 0) return { from: at + 4, to: at + (bytes.readUInt32LE(at) >>> 2) };
  if ((first & 1) === 1 && first !== 1) return { from: at + 1, to: at + (first >> 1) };
  return undefined;
}

function aligned(offset: number, align: number): number {
  return (offset + align - 1) & -align;
}

/** The bytes are the whole array, header included; offsets count from its start. */
function readArray(bytes: Buffer): PgArray | undefined {
  const dimensions = bytes.readInt32LE(4);
  const dataOffset = bytes.readInt32LE(8);
  const layout = layouts.get(bytes.readUInt32LE(12));
  if (layout === undefined) return undefined;
  const dims: number[] = [];
  const lowerBounds: number[] = [];
  for (let i = 0; i < dimensions; i++) {
    dims.push(bytes.readInt32LE(16 + i * 4));
    lowerBounds.push(bytes.readInt32LE(16 + (dimensions + i) * 4));
  }
  const count = dimensions === 0 ? 0 : dims.reduce((product, dim) => product * dim, 1);
  const headerEnd = 16 + dimensions * 8;
  let at = dataOffset === 0 ? aligned(headerEnd, 8) : dataOffset;
  const elements: Value[] = [];
  for (let i = 0; i < count; i++) {
    if (dataOffset !== 0 && (bytes[headerEnd + (i >> 3)]! & (1 << (i & 7))) === 0) {
      elements.push(null);
      continue;
    }
    at = aligned(at, layout.align);
    if (layout.size > 0) {
      elements.push(layout.read(bytes, at, at + layout.size));
      at += layout.size;
    } else {
      const payload = varlena(bytes, at);
      if (payload === undefined) return undefined;
      elements.push(layout.read(bytes, payload.from, payload.to));
      at = payload.to;
    }
  }
  return { kind: 'array', elements, dims, lowerBounds };
}

/** The value of a non-null constant of type `typeOid`; undefined for types that are not ours. */
export function decodeDatum(typeOid: number, datum: Uint8Array): Value | undefined {
  const bytes = Buffer.from(datum.buffer, datum.byteOffset, datum.byteLength);
  if (typeOid === Oid.unknown) return upToNul(bytes, 0);
  const layout = layouts.get(typeOid);
  if (layout !== undefined) {
    if (layout.size > 0) return layout.read(bytes, 0, layout.size);
    const payload = varlena(bytes, 0);
    return payload === undefined ? undefined : layout.read(bytes, payload.from, payload.to);
  }
  return arrayOids.has(typeOid) && (bytes[0]! & 3) === 0 ? readArray(bytes) : undefined;
}
