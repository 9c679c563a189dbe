import { assert } from '../base/index.ts';
import type { KeyWriter, PgType } from './type.ts';
import type { Value } from './value.ts';

/** A KeyWriter over its own growing buffer. */
export interface GrowingKeyWriter extends KeyWriter {
  /** Bytes written since the last reset. */
  length(): number;
  /** A copy of what was written; the writer may go on or be reset. */
  finish(): Uint8Array;
  reset(): void;
}

const initialBytes = 128;

export function createKeyWriter(): GrowingKeyWriter {
  let buffer = new Uint8Array(initialBytes);
  let used = 0;
  const grow = (needed: number): void => {
    const larger = new Uint8Array(Math.max(buffer.length * 2, used + needed));
    larger.set(buffer.subarray(0, used));
    buffer = larger;
  };
  return {
    byte(value) {
      if (used === buffer.length) grow(1);
      buffer[used++] = value;
    },
    bytes(value) {
      const length = value.length;
      if (used + length > buffer.length) grow(length);
      // For a few bytes a loop beats the call into set().
      if (length <= 16) for (let i = 0; i < length; i++) buffer[used + i] = value[i]!;
      else buffer.set(value, used);
      used += length;
    },
    length: () => used,
    finish: () => buffer.slice(0, used),
    reset() {
      used = 0;
    },
  };
}

export type NullsOrder = 'nulls-first' | 'nulls-last';

const presentTag = 0x01;
const nullTags = { 'nulls-first': 0x00, 'nulls-last': 0x02 } as const;

/** One value of a key, NULL allowed: a byte that places NULL, then the type's own form. */
export function writeKeyValue(
  writer: KeyWriter,
  type: PgType,
  value: Value,
  nulls: NullsOrder = 'nulls-last',
): void {
  if (value === null) {
    writer.byte(nullTags[nulls]);
    return;
  }
  assert(type.encodeKey !== undefined, `type ${type.name} has no key form`);
  writer.byte(presentTag);
  type.encodeKey(writer, value);
}

/** The memcomparable form of a composite key. NULLs last is PostgreSQL's default for ascending order. */
export function encodeKeyValues(
  types: readonly PgType[],
  values: readonly Value[],
  nulls: NullsOrder = 'nulls-last',
): Uint8Array {
  assert(types.length === values.length, 'a key needs one value for each type');
  const writer = createKeyWriter();
  for (let i = 0; i < types.length; i++) writeKeyValue(writer, types[i]!, values[i]!, nulls);
  return writer.finish();
}

const scratch = new Uint8Array(8);
const scratchView = new DataView(scratch.buffer);

/** Any int32, ordered: sign bit flipped, big-endian. */
export function writeKeyInt32(writer: KeyWriter, value: number): void {
  writer.byte(((value >>> 24) & 0xff) ^ 0x80);
  writer.byte((value >>> 16) & 0xff);
  writer.byte((value >>> 8) & 0xff);
  writer.byte(value & 0xff);
}

/** Any int64, ordered. */
export function writeKeyInt64(writer: KeyWriter, value: bigint): void {
  scratchView.setBigInt64(0, value);
  scratch[0]! ^= 0x80;
  writer.bytes(scratch);
}

/** A double, ordered as PostgreSQL does: -0 is 0, NaN is one value and the greatest. */
export function writeKeyFloat64(writer: KeyWriter, value: number): void {
  scratchView.setFloat64(0, value === 0 ? 0 : value);
  if (Number.isNaN(value)) scratchView.setUint32(0, 0x7ff80000);
  if (scratch[0]! & 0x80) for (let i = 0; i < 8; i++) scratch[i]! ^= 0xff;
  else scratch[0]! ^= 0x80;
  writer.bytes(scratch);
}

/** A single-precision float, ordered like writeKeyFloat64. */
export function writeKeyFloat32(writer: KeyWriter, value: number): void {
  scratchView.setFloat32(0, value === 0 ? 0 : value);
  let bits = Number.isNaN(value) ? 0x7fc00000 : scratchView.getInt32(0);
  if (bits < 0) bits = ~bits ^ -0x80000000;
  writeKeyInt32(writer, bits);
}

const terminator = Uint8Array.of(0x00, 0x01);
const escapedZero = Uint8Array.of(0x00, 0xff);

/** Bytes of any length, ordered and self-delimiting: 00 becomes 00 FF, the end is 00 01. */
export function writeKeyBytes(writer: KeyWriter, value: Uint8Array): void {
  let start = 0;
  for (let zero = value.indexOf(0); zero >= 0; zero = value.indexOf(0, start)) {
    writer.bytes(value.subarray(start, zero));
    writer.bytes(escapedZero);
    start = zero + 1;
  }
  writer.bytes(start === 0 ? value : value.subarray(start));
  writer.bytes(terminator);
}

/** Text in the order of its UTF-8 bytes. */
export function writeKeyText(writer: KeyWriter, value: string): void {
  writeKeyBytes(writer, Buffer.from(value, 'utf8'));
}
