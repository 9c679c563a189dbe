import { checkSize, inputOutOfRange, invalidInput } from './input-error.ts';
import { defineType } from './define-type.ts';
import { writeKeyInt32, writeKeyInt64 } from './key-writer.ts';
import { Oid } from './oid.ts';

export const int2Max = 32767;
export const int2Min = -32768;
export const int4Max = 2147483647;
export const int4Min = -2147483648;
export const int8Max = 9223372036854775807n;
export const int8Min = -9223372036854775808n;
const oidMax = 4294967295n;

/** Digits that surely fit a double exactly, so that the fast path may sum them as numbers. */
const fastDigitsMax = 15;

/** The value of a plain decimal (`-12`), or NaN where only the slow path can tell. */
function fastInteger(text: string): number {
  const length = text.length;
  const negative = length > 0 && text.charCodeAt(0) === 45;
  let at = negative ? 1 : 0;
  if (at === length || length - at > fastDigitsMax) return NaN;
  let value = 0;
  for (; at < length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  // 0 - value, as -value would make a negative zero.
  return negative ? 0 - value : value;
}

const integerPrefix =
  /^[ \t\n\v\f\r]*([+-]?)(?:0[xX]((?:_?[0-9a-fA-F])+)|0[oO]((?:_?[0-7])+)|0[bB]((?:_?[01])+)|(\d(?:_?\d)*))/;

/** Everything that pg_strtoint accepts: signs, white space, 0x / 0o / 0b, underscores. */
export function slowInteger(text: string, typeName: string, min: bigint, max: bigint): bigint {
  const match = integerPrefix.exec(text);
  if (!match) throw invalidInput(typeName, text);
  const [matched, sign, hex, octal, binary, decimal] = match;
  const [prefix, base, digits] =
    hex !== undefined
      ? ['0x', 16n, hex]
      : octal !== undefined
        ? ['0o', 8n, octal]
        : binary !== undefined
          ? ['0b', 2n, binary]
          : ['', 10n, decimal!];
  const magnitude = BigInt(prefix + digits.replaceAll('_', ''));
  // PostgreSQL stops at the digit that overflows, before it would see any trailing junk.
  if (magnitude / base > -min / base) throw inputOutOfRange(typeName, text);
  if (!/^[ \t\n\v\f\r]*$/.test(text.slice(matched.length))) throw invalidInput(typeName, text);
  const value = sign === '-' ? -magnitude : magnitude;
  if (value < min || value > max) throw inputOutOfRange(typeName, text);
  return value;
}

const compareNumbers = (left: number, right: number): number =>
  left < right ? -1 : left > right ? 1 : 0;

const compareBigints = (left: bigint, right: bigint): number =>
  left < right ? -1 : left > right ? 1 : 0;

export function parseInt2(text: string): number {
  const value = fastInteger(text);
  if (value >= int2Min && value <= int2Max) return value;
  return Number(slowInteger(text, 'smallint', BigInt(int2Min), BigInt(int2Max)));
}

export function parseInt4(text: string): number {
  const value = fastInteger(text);
  if (value >= int4Min && value <= int4Max) return value;
  return Number(slowInteger(text, 'integer', BigInt(int4Min), BigInt(int4Max)));
}

export function parseInt8(text: string): bigint {
  const value = fastInteger(text);
  if (value === value) return BigInt(value);
  return slowInteger(text, 'bigint', int8Min, int8Max);
}

const oidInput = /^[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)[ \t\n\v\f\r]*$/;

/** Read as C's strtoul with base 0 does: a leading 0 means octal, and -1 wraps to 4294967295. */
function parseOid(text: string): number {
  const match = oidInput.exec(text);
  if (!match) throw invalidInput('oid', text);
  const digits = match[2]!;
  const octal = /^0[0-7]/.test(digits);
  const magnitude = BigInt(octal ? `0o${digits.slice(1)}` : digits);
  const value = match[1] === '-' ? -magnitude : magnitude;
  if (value > oidMax || value < BigInt(int4Min)) throw inputOutOfRange('oid', text);
  return Number(value) >>> 0;
}

export const int2Type = defineType<number>({
  oid: Oid.int2,
  name: 'int2',
  sqlName: 'smallint',
  size: 2,
  parse: parseInt2,
  format: (value) => String(value),
  decode(bytes) {
    checkSize(bytes, 2);
    return ((bytes[0]! << 24) | (bytes[1]! << 16)) >> 16;
  },
  encode(value) {
    const bytes = Buffer.allocUnsafe(2);
    bytes[0] = value >> 8;
    bytes[1] = value;
    return bytes;
  },
  compare: compareNumbers,
  encodeKey(writer, value) {
    writer.byte(((value >> 8) & 0xff) ^ 0x80);
    writer.byte(value & 0xff);
  },
});

/** Four bytes big-endian, signed or not: int4, oid, date. */
export function encodeInt32(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4);
  bytes[0] = value >>> 24;
  bytes[1] = value >>> 16;
  bytes[2] = value >>> 8;
  bytes[3] = value;
  return bytes;
}

export function decodeInt32(bytes: Uint8Array): number {
  checkSize(bytes, 4);
  return (bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!;
}

export function encodeInt64(value: bigint): Uint8Array {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

export function decodeInt64(bytes: Uint8Array): bigint {
  checkSize(bytes, 8);
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigInt64(0);
}

export const int4Type = defineType<number>({
  oid: Oid.int4,
  name: 'int4',
  sqlName: 'integer',
  size: 4,
  parse: parseInt4,
  format: (value) => String(value),
  decode: decodeInt32,
  encode: encodeInt32,
  compare: compareNumbers,
  encodeKey: writeKeyInt32,
});

export const int8Type = defineType<bigint>({
  oid: Oid.int8,
  name: 'int8',
  sqlName: 'bigint',
  size: 8,
  parse: parseInt8,
  format: (value) => value.toString(),
  decode: decodeInt64,
  encode: encodeInt64,
  compare: compareBigints,
  encodeKey: writeKeyInt64,
});

export const oidType = defineType<number>({
  oid: Oid.oid,
  name: 'oid',
  sqlName: 'oid',
  size: 4,
  parse: parseOid,
  format: (value) => String(value),
  decode: (bytes) => decodeInt32(bytes) >>> 0,
  encode: encodeInt32,
  compare: compareNumbers,
  encodeKey: (writer, value) => writeKeyInt32(writer, value ^ 0x80000000),
});
