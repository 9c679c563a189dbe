import { PgError, SqlState } from '../base/index.ts';
import { defineType } from './define-type.ts';
import { checkSize, invalidInput } from './input-error.ts';
import { writeKeyFloat32, writeKeyFloat64 } from './key-writer.ts';
import { numericCompare, toExponentialHalfEven } from './numeric.ts';
import { parseNumeric } from './numeric-type.ts';
import { Oid } from './oid.ts';

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/;
const hexadecimal = /^([+-]?)0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?(?:[pP]([+-]?\d+))?/;
const special = /^(?:nan|[+-]?inf(?:inity)?)/i;
const leadingSpace = /^[ \t\n\v\f\r]*/;
const onlySpace = /^[ \t\n\v\f\r]*$/;

interface ReadNumber {
  readonly value: number;
  /** The part of the input that is the number. */
  readonly text: string;
  readonly finite: boolean;
}

/** What C's strtod would take from the start of `text`. */
function readNumber(text: string): ReadNumber | undefined {
  const hex = hexadecimal.exec(text);
  if (hex && (hex[2] !== '' || (hex[3] ?? '') !== '')) {
    const fraction = hex[3] ?? '';
    const mantissa = Number(BigInt(`0x${hex[2]}${fraction}`));
    const value = mantissa * 2 ** (Number(hex[4] ?? 0) - fraction.length * 4);
    return { value: hex[1] === '-' ? -value : value, text: hex[0], finite: true };
  }
  const number = decimal.exec(text);
  if (number) return { value: Number(number[0]), text: number[0], finite: true };
  const word = special.exec(text);
  if (!word) return undefined;
  const lower = word[0].toLowerCase();
  const value = lower === 'nan' ? NaN : lower.startsWith('-') ? -Infinity : Infinity;
  return { value, text: word[0], finite: false };
}

function readFloat(text: string, typeName: string): ReadNumber {
  const start = leadingSpace.exec(text)![0].length;
  const read = readNumber(text.slice(start));
  if (!read) throw invalidInput(typeName, text);
  return read;
}

function rangeError(read: ReadNumber, typeName: string): PgError {
  return new PgError(
    SqlState.numericValueOutOfRange,
    `"${read.text}" is out of range for type ${typeName}`,
  );
}

/** A zero that the digits do not say is an underflow. */
function isLost(read: ReadNumber, value: number): boolean {
  if (!read.finite) return false;
  if (value !== 0) return !Number.isFinite(value);
  const mantissa = /^[+-]?0[xX]/.test(read.text)
    ? read.text.replace(/^[+-]?0[xX]|[pP].*$/g, '')
    : read.text.replace(/[eE].*$/, '');
  return /[1-9a-fA-F]/.test(mantissa);
}

function checkTail(text: string, read: ReadNumber, typeName: string): void {
  const start = leadingSpace.exec(text)![0].length + read.text.length;
  if (!onlySpace.test(text.slice(start))) throw invalidInput(typeName, text);
}

/** Plain decimals: digits with at most one point; no sign other than minus, no exponent, no spaces. */
const plainDecimal = /^-?\d+(?:\.\d*)?$/;
/** Short enough that no plain decimal over- or underflows. */
const plainLengthMax = 40;

export function parseFloat8(text: string): number {
  if (text.length < plainLengthMax && plainDecimal.test(text)) return Number(text);
  const read = readFloat(text, 'double precision');
  if (isLost(read, read.value)) throw rangeError(read, 'double precision');
  checkTail(text, read, 'double precision');
  return read.value;
}

const doubleView = new DataView(new ArrayBuffer(8));

/** Exact decimal text of a finite double of moderate size, for breaking ties. */
function exactDecimal(value: number): string {
  doubleView.setFloat64(0, value);
  const bits = doubleView.getBigUint64(0);
  const exponentBits = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const mantissa = exponentBits === 0 ? fraction : fraction | (1n << 52n);
  const exponent = Math.max(exponentBits, 1) - 1075;
  const sign = value < 0 ? '-' : '';
  if (exponent >= 0) return sign + (mantissa << BigInt(exponent)).toString();
  // m / 2^k = m * 5^k / 10^k
  return parseNumeric(`${sign}${mantissa * 5n ** BigInt(-exponent)}e${exponent}`);
}

/**
 * Rounds straight from the decimal text to single precision. Going through a double rounds twice, which is wrong where the
 * double falls exactly between two singles: only then the text itself decides.
 */
function roundToSingle(read: ReadNumber): number {
  const rounded = Math.fround(read.value);
  if (!read.finite || rounded === read.value || !Number.isFinite(rounded)) return rounded;
  doubleView.setFloat64(0, read.value);
  if ((doubleView.getUint32(4) & 0x1fffffff) !== 0x10000000 || /^[+-]?0[xX]/.test(read.text))
    return rounded;
  const order = numericCompare(parseNumeric(read.text), exactDecimal(read.value));
  if (order === 0) return rounded;
  const other = 2 * read.value - rounded;
  return order > 0 ? Math.max(rounded, other) : Math.min(rounded, other);
}

export function parseFloat4(text: string): number {
  const read = readFloat(text, 'real');
  const value = roundToSingle(read);
  if (isLost(read, value)) throw rangeError(read, 'real');
  checkTail(text, read, 'real');
  return value;
}

function formatSpecial(value: number): string | undefined {
  if (Number.isFinite(value)) return undefined;
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}

/** `digits` × 10^(exponent - count + 1) the way C's %g writes it, fixed up to `fixedMax` digits. */
function layOut(negative: boolean, digits: string, exponent: number, fixedMax: number): string {
  const sign = negative ? '-' : '';
  if (exponent < -4 || exponent >= fixedMax) {
    const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
    const magnitude = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${magnitude}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return sign + digits.padEnd(exponent + 1, '0');
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}

/** Splits toExponential's or toPrecision's output: digits without trailing zeros, and the decimal exponent. */
function splitExponential(text: string): { digits: string; exponent: number } {
  const at = text.indexOf('e');
  const digits = text
    .slice(text.charCodeAt(0) === 45 ? 1 : 0, at)
    .replace('.', '')
    .replace(/0+$/, '');
  return { digits: digits === '' ? '0' : digits, exponent: Number(text.slice(at + 1)) };
}

/** Smallest double whose neighbours' midpoints can be short decimals. */
const midpointRiskMin = 2 ** 54;

/**
 * True when the decimal `text` lies exactly midway between `value` and a neighbour. JavaScript takes such a text as the
 * shortest form when it reads back by ties-to-even; PostgreSQL wants one strictly inside the interval.
 */
function isMidpoint(text: string, value: number): boolean {
  const exact = BigInt(value);
  const doubled = 2n * BigInt(parseNumeric(text));
  doubleView.setFloat64(0, value);
  const bits = doubleView.getBigUint64(0);
  for (const step of [1n, -1n]) {
    doubleView.setBigUint64(0, bits + step);
    const neighbour = doubleView.getFloat64(0);
    if (Number.isFinite(neighbour) && doubled === exact + BigInt(neighbour)) return true;
  }
  return false;
}

const floatDigits8 = 15;
const floatDigits4 = 6;

function shortest8(value: number): { digits: string; exponent: number } {
  const text = value.toExponential();
  if (value < midpointRiskMin && value > -midpointRiskMin) return splitExponential(text);
  const magnitude = Math.abs(value);
  const first = magnitude.toExponential();
  if (!isMidpoint(first, magnitude)) return splitExponential(first);
  for (let precision = splitExponential(first).digits.length; precision < 17; precision++) {
    const candidate = magnitude.toExponential(precision);
    if (Number(candidate) === magnitude && !isMidpoint(candidate, magnitude)) {
      return splitExponential(candidate);
    }
  }
  return splitExponential(magnitude.toExponential(16));
}

export function formatFloat8(value: number, extraFloatDigits = 1): string {
  if (extraFloatDigits > 0) {
    // JavaScript's own text is the same wherever both write plain decimals of fewer than 15 digits.
    const magnitude = value < 0 ? -value : value;
    if (magnitude >= 1e-4 && magnitude < 1e15) return String(value);
  }
  const word = formatSpecial(value);
  if (word !== undefined) return word;
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (extraFloatDigits > 0) {
    const { digits, exponent } = shortest8(value);
    return layOut(value < 0, digits, exponent, floatDigits8);
  }
  return formatPrecision(value, Math.max(floatDigits8 + extraFloatDigits, 1));
}

/** printf's %.*g */
function formatPrecision(value: number, precision: number): string {
  const { digits, exponent } = splitExponential(toExponentialHalfEven(value, precision - 1));
  return layOut(value < 0, digits, exponent, precision);
}

const floatView = new DataView(new ArrayBuffer(4));
const singleNormalMin = 1.17549435e-38;

/** Whether `read` is the midpoint between the single `value` and one of its neighbours. */
function isSingleMidpoint(read: number, value: number): boolean {
  doubleView.setFloat64(0, read);
  // Midpoints between normal singles end in a one and 28 zeros; few doubles get past this.
  if (value >= singleNormalMin && (doubleView.getUint32(4) & 0x1fffffff) !== 0x10000000)
    return false;
  floatView.setFloat32(0, value);
  const bits = floatView.getUint32(0);
  return [bits + 1, bits - 1].some((near) => {
    floatView.setUint32(0, near);
    return read === (value + floatView.getFloat32(0)) / 2;
  });
}

/** Whether a decimal that a double cannot tell from `midpoint` lies on `value`'s side of it. */
function isInside(text: string, midpoint: number, value: number): boolean {
  return numericCompare(parseNumeric(text), exactDecimal(midpoint)) === Math.sign(value - midpoint);
}

function shortest4(value: number): { digits: string; exponent: number } {
  const magnitude = Math.abs(value);
  // Six digits always survive a round trip through a normal single, so a shorter text shows up as trailing zeros.
  const start = magnitude < singleNormalMin ? 0 : floatDigits4 - 1;
  for (let precision = start; precision < 9; precision++) {
    const candidate = magnitude.toExponential(precision);
    const read = Number(candidate);
    const shortest = isSingleMidpoint(read, magnitude)
      ? isInside(candidate, read, magnitude)
      : Math.fround(read) === magnitude;
    if (shortest) return splitExponential(candidate);
  }
  return splitExponential(magnitude.toExponential(8));
}

export function formatFloat4(value: number, extraFloatDigits = 1): string {
  const word = formatSpecial(value);
  if (word !== undefined) return word;
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (extraFloatDigits > 0) {
    const { digits, exponent } = shortest4(value);
    return layOut(value < 0, digits, exponent, floatDigits4);
  }
  return formatPrecision(value, Math.max(floatDigits4 + extraFloatDigits, 1));
}

/** NaN equals itself and is greater than anything; -0 equals 0. */
export function compareFloats(left: number, right: number): number {
  if (left < right) return -1;
  if (left > right) return 1;
  if (left === right) return 0;
  return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
}

export const float4Type = defineType<number>({
  oid: Oid.float4,
  name: 'float4',
  sqlName: 'real',
  size: 4,
  parse: parseFloat4,
  format: (value, context) => formatFloat4(value, context.extraFloatDigits),
  decode(bytes) {
    checkSize(bytes, 4);
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0);
  },
  encode(value) {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeFloatBE(value);
    return bytes;
  },
  compare: compareFloats,
  encodeKey: writeKeyFloat32,
});

export const float8Type = defineType<number>({
  oid: Oid.float8,
  name: 'float8',
  sqlName: 'double precision',
  size: 8,
  parse: parseFloat8,
  format: (value, context) => formatFloat8(value, context.extraFloatDigits),
  decode(bytes) {
    checkSize(bytes, 8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0);
  },
  encode(value) {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeDoubleBE(value);
    return bytes;
  },
  compare: compareFloats,
  encodeKey: writeKeyFloat64,
});
