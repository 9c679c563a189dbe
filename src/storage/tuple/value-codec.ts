import { assert } from '../../base/index.ts';
import type { Interval, PgArray, TimeTz, Value } from '../../types/value.ts';
import type { NativeBuffer } from './native-buffer.ts';
import { elementOid, physicalType } from './physical.ts';

/** Where tuples are written; several share one slab, so that small rows do not cost an allocation each. */
export interface Slab {
  buffer: Buffer;
  view: DataView;
  at: number;
}

const slabBytes = 256 * 1024;

export function newSlab(bytes = slabBytes): Slab {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  return { buffer, view: new DataView(buffer.buffer, buffer.byteOffset, buffer.length), at: 0 };
}

/** Makes room for `need` bytes after `at`. What is in the slab before `at` stays where it was, in the old buffer. */
export function reserve(slab: Slab, need: number): void {
  if (slab.at + need <= slab.buffer.length) return;
  const fresh = newSlab(Math.max(slabBytes, need));
  slab.buffer = fresh.buffer;
  slab.view = fresh.view;
  slab.at = 0;
}

const words = new Uint32Array(2);
const int64 = new BigInt64Array(words.buffer);
const float64 = new Float64Array(words.buffer);
const float32 = new Float32Array(words.buffer);

/** A varint read by `readVarint` ended here. */
let after = 0;

export function readVarint(b: Buffer, from: number): number {
  let at = from;
  let value = 0;
  let scale = 1;
  for (;;) {
    const byte = b[at++]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
    scale *= 128;
  }
  after = at;
  return value;
}

export function varintEnd(): number {
  return after;
}

export function writeVarint(b: Buffer, from: number, value: number): number {
  let at = from;
  let rest = value;
  while (rest >= 0x80) {
    b[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  b[at++] = rest;
  return at;
}

/** Strings up to this many characters are copied in JavaScript, which beats a native call. */
const inlineCharsMax = 48;

/** Varint of twice the bytes, plus one when they are not all ASCII, then UTF-8. Returns the end. */
export function writeString(b: Buffer, at: number, value: string): number {
  const n = value.length;
  if (n <= inlineCharsMax) {
    let i = 0;
    for (; i < n; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) break;
      b[at + 1 + i] = code;
    }
    if (i === n) {
      b[at] = n * 2;
      return at + 1 + n;
    }
  }
  const bytes = Buffer.byteLength(value, 'utf8');
  const from = writeVarint(b, at, bytes * 2 + (bytes === n ? 0 : 1));
  return from + b.write(value, from, 'utf8');
}

export function readString(b: Buffer, from: number, header: number): string {
  return header % 2 === 0
    ? (b as NativeBuffer).latin1Slice(from, from + header / 2)
    : (b as NativeBuffer).utf8Slice(from, from + (header - 1) / 2);
}

export function writeUuid(b: Buffer, at: number, uuid: string): number {
  let out = at;
  for (let i = 0; i < 36; i += 2) {
    if (uuid.charCodeAt(i) === 45) i++;
    b[out++] = (hexDigit(uuid.charCodeAt(i)) << 4) | hexDigit(uuid.charCodeAt(i + 1));
  }
  return out;
}

function hexDigit(code: number): number {
  return code < 58 ? code - 48 : (code | 32) - 87;
}

export function readUuid(b: Buffer, at: number): string {
  const hex = (b as NativeBuffer).hexSlice(at, at + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function readBytes(b: Buffer, from: number, length: number): Uint8Array {
  return new Uint8Array(b.buffer, b.byteOffset + from, length);
}

export function readInt64(b: Buffer, o: number): bigint {
  words[0] = b[o]! | (b[o + 1]! << 8) | (b[o + 2]! << 16) | (b[o + 3]! << 24);
  words[1] = b[o + 4]! | (b[o + 5]! << 8) | (b[o + 6]! << 16) | (b[o + 7]! << 24);
  return int64[0]!;
}

export function readFloat64(b: Buffer, o: number): number {
  words[0] = b[o]! | (b[o + 1]! << 8) | (b[o + 2]! << 16) | (b[o + 3]! << 24);
  words[1] = b[o + 4]! | (b[o + 5]! << 8) | (b[o + 6]! << 16) | (b[o + 7]! << 24);
  return float64[0]!;
}

export function readFloat32(b: Buffer, o: number): number {
  words[0] = b[o]! | (b[o + 1]! << 8) | (b[o + 2]! << 16) | (b[o + 3]! << 24);
  return float32[0]!;
}

export function readTimeTz(b: Buffer, o: number): TimeTz {
  return { kind: 'timetz', micros: b.readUIntLE(o, 6), zone: b.readInt32LE(o + 6) };
}

export function readInterval(b: Buffer, o: number): Interval {
  return {
    kind: 'interval',
    months: b.readInt32LE(o),
    days: b.readInt32LE(o + 4),
    micros: readInt64(b, o + 8),
  };
}

/** An upper bound of a value's bytes. */
export function valueBytesMax(typeOid: number, value: Value): number {
  if (value === null) return 0;
  if (typeof value === 'string') return value.length * 3 + 8;
  if (value instanceof Uint8Array) return value.length + 8;
  if (typeof value === 'object' && value.kind === 'array') {
    const element = elementOid(typeOid);
    let bytes = 16 + 16 * value.dims.length + value.elements.length;
    for (const item of value.elements) bytes += valueBytesMax(element, item);
    return bytes;
  }
  return 16;
}

/** Writes any value but null by its type; the slow general way, for arrays and mark records. Returns the end. */
export function writeValue(
  slab: Slab,
  at: number,
  typeOid: number,
  value: Exclude<Value, null>,
): number {
  const b = slab.buffer;
  switch (physicalType(typeOid)) {
    case 'bool':
      b[at] = value === true ? 1 : 0;
      return at + 1;
    case 'i16':
      return b.writeInt16LE(value as number, at);
    case 'i32':
      return b.writeInt32LE(value as number, at);
    case 'u32':
      return b.writeUInt32LE(value as number, at);
    case 'i64':
      return b.writeBigInt64LE(value as bigint, at);
    case 'f32':
      return b.writeFloatLE(value as number, at);
    case 'f64':
      return b.writeDoubleLE(value as number, at);
    case 'string':
      return writeString(b, at, value as string);
    case 'bytes': {
      const bytes = value as Uint8Array;
      const from = writeVarint(b, at, bytes.length);
      b.set(bytes, from);
      return from + bytes.length;
    }
    case 'micros':
      return b.writeUIntLE(value as number, at, 6);
    case 'timetz': {
      const time = value as TimeTz;
      return b.writeInt32LE(time.zone, b.writeUIntLE(time.micros, at, 6));
    }
    case 'interval': {
      const interval = value as Interval;
      const days = b.writeInt32LE(interval.days, b.writeInt32LE(interval.months, at));
      return b.writeBigInt64LE(interval.micros, days);
    }
    case 'uuid':
      return writeUuid(b, at, value as string);
    case 'array': {
      const array = value as PgArray;
      const element = elementOid(typeOid);
      let o = at;
      b[o++] = array.dims.length;
      for (const dim of array.dims) o = b.writeInt32LE(dim, o);
      for (const bound of array.lowerBounds) o = b.writeInt32LE(bound, o);
      o = writeVarint(b, o, array.elements.length);
      for (const item of array.elements) {
        b[o++] = item === null ? 1 : 0;
        if (item !== null) o = writeValue(slab, o, element, item);
      }
      return o;
    }
  }
}

/** Reads what writeValue wrote; `varintEnd()` then tells where it ended. */
export function readValue(b: Buffer, at: number, typeOid: number): Exclude<Value, null> {
  const fixed = (bytes: number): void => {
    after = at + bytes;
  };
  switch (physicalType(typeOid)) {
    case 'bool':
      fixed(1);
      return b[at] === 1;
    case 'i16':
      fixed(2);
      return b.readInt16LE(at);
    case 'i32':
      fixed(4);
      return b.readInt32LE(at);
    case 'u32':
      fixed(4);
      return b.readUInt32LE(at);
    case 'i64':
      fixed(8);
      return readInt64(b, at);
    case 'f32':
      fixed(4);
      return b.readFloatLE(at);
    case 'f64':
      fixed(8);
      return b.readDoubleLE(at);
    case 'string': {
      const header = readVarint(b, at);
      const from = after;
      after = from + Math.floor(header / 2);
      return readString(b, from, header);
    }
    case 'bytes': {
      const length = readVarint(b, at);
      const from = after;
      after = from + length;
      return readBytes(b, from, length);
    }
    case 'micros':
      fixed(6);
      return b.readUIntLE(at, 6);
    case 'timetz':
      fixed(10);
      return readTimeTz(b, at);
    case 'interval':
      fixed(16);
      return readInterval(b, at);
    case 'uuid':
      fixed(16);
      return readUuid(b, at);
    case 'array':
      return readArray(b, at, elementOid(typeOid));
  }
}

function readArray(b: Buffer, at: number, element: number): PgArray {
  const rank = b[at]!;
  let o = at + 1;
  const dims: number[] = [];
  const lowerBounds: number[] = [];
  for (let i = 0; i < rank; i++, o += 4) dims.push(b.readInt32LE(o));
  for (let i = 0; i < rank; i++, o += 4) lowerBounds.push(b.readInt32LE(o));
  const count = readVarint(b, o);
  o = after;
  const elements: Value[] = [];
  for (let i = 0; i < count; i++) {
    if (b[o++] === 1) {
      elements.push(null);
    } else {
      elements.push(readValue(b, o, element));
      o = after;
    }
  }
  after = o;
  assert(o <= b.length, 'an array that ends after its tuple');
  return { kind: 'array', elements, dims, lowerBounds };
}
