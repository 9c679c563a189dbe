/** Values straight from the bytes of a field, for the common forms of the common types. */
import { Oid } from '../../types/oid.ts';
import type { TypeContext } from '../../types/type.ts';
import type { Value } from '../../types/value.ts';
import { createStringCache } from './string-cache.ts';

/**
 * Reads the field at start to end (UTF-8, nothing escaped). Undefined when it has not the form that this parser knows;
 * then the type's own input function judges it. It never throws.
 */
export type FieldParser = (bytes: Buffer, start: number, end: number) => Value | undefined;

/** Digits that a double holds exactly. */
const exactDigitsMax = 15;
const minus = 0x2d;
const zero = 0x30;

/** The integer at start to end, NaN when it is not a plain decimal of at most 15 digits. */
function integerAt(bytes: Buffer, start: number, end: number): number {
  const negative = bytes[start] === minus;
  let at = negative ? start + 1 : start;
  if (at >= end || end - at > exactDigitsMax) return NaN;
  let value = 0;
  for (; at < end; at++) {
    const digit = bytes[at]! - zero;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  // 0 - value, as -value would make a negative zero.
  return negative ? 0 - value : value;
}

function rangedInteger(min: number, max: number): FieldParser {
  return (bytes, start, end) => {
    const value = integerAt(bytes, start, end);
    return value >= min && value <= max ? value : undefined;
  };
}

const int8At: FieldParser = (bytes, start, end) => {
  const value = integerAt(bytes, start, end);
  return value === value ? BigInt(value) : undefined;
};

const boolAt: FieldParser = (bytes, start, end) => {
  if (end - start !== 1) return undefined;
  const byte = bytes[start]!;
  if (byte === 0x74 || byte === 0x31) return true;
  return byte === 0x66 || byte === zero ? false : undefined;
};

/** Two digits as a number; NaN or out of any range when they are none. */
function twoDigits(bytes: Buffer, at: number): number {
  const high = bytes[at]! - zero;
  const low = bytes[at + 1]! - zero;
  return high >= 0 && high <= 9 && low >= 0 && low <= 9 ? high * 10 + low : NaN;
}

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const daysTo2000 = 730_425;

/** Days since 2000-01-01 of `YYYY-MM-DD` at `at`, NaN when it is no such date. */
function daysAt(bytes: Buffer, at: number): number {
  if (bytes[at + 4] !== minus || bytes[at + 7] !== minus) return NaN;
  const year = twoDigits(bytes, at) * 100 + twoDigits(bytes, at + 2);
  const month = twoDigits(bytes, at + 5);
  const day = twoDigits(bytes, at + 8);
  // A range test on NaN is false, so letters end here as well. Year 0 is the slow path's error.
  if (!(year >= 1 && month >= 1 && month <= 12 && day >= 1)) return NaN;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (day > monthDays[month - 1]! + (month === 2 && leap ? 1 : 0)) return NaN;
  // Days of the civil calendar, with years that begin in March.
  const y = month > 2 ? year : year - 1;
  const m = month > 2 ? month - 3 : month + 9;
  const days =
    365 * y +
    ((y / 4) | 0) -
    ((y / 100) | 0) +
    ((y / 400) | 0) +
    (((153 * m + 2) / 5) | 0) +
    day -
    1;
  return days - daysTo2000;
}

const dateAt: FieldParser = (bytes, start, end) => {
  if (end - start !== 10) return undefined;
  const days = daysAt(bytes, start);
  return days === days ? days : undefined;
};

const dayMicros = 86_400_000_000;
/** Length of `YYYY-MM-DD HH:MM:SS`. */
const secondsLength = 19;
const fractionScale = [1, 100_000, 10_000, 1000, 100, 10, 1];

/** Micros since 2000-01-01 of `YYYY-MM-DD HH:MM:SS[.ffffff]`, NaN for any other form. */
function microsAt(bytes: Buffer, start: number, end: number): number {
  const length = end - start;
  if (length < secondsLength || length > secondsLength + 7 || length === secondsLength + 1) {
    return NaN;
  }
  if (bytes[start + 13] !== 0x3a || bytes[start + 16] !== 0x3a) return NaN;
  const separator = bytes[start + 10];
  if (separator !== 0x20 && separator !== 0x54) return NaN;
  const hour = twoDigits(bytes, start + 11);
  const minute = twoDigits(bytes, start + 14);
  const second = twoDigits(bytes, start + 17);
  // 24:00:00 and a second of 60 are for the slow path.
  if (!(hour <= 23 && minute <= 59 && second <= 59)) return NaN;
  let micros = 0;
  if (length > secondsLength) {
    if (bytes[start + secondsLength] !== 0x2e) return NaN;
    const fraction = integerAt(bytes, start + secondsLength + 1, end);
    if (!(fraction >= 0) || bytes[start + secondsLength + 1] === minus) return NaN;
    micros = fraction * fractionScale[length - secondsLength - 1]!;
  }
  return daysAt(bytes, start) * dayMicros + ((hour * 60 + minute) * 60 + second) * 1e6 + micros;
}

const timestampAt: FieldParser = (bytes, start, end) => {
  const micros = microsAt(bytes, start, end);
  // Beyond 2^53 (about the years 1714 to 2285) the sum is not exact.
  return Number.isSafeInteger(micros) ? BigInt(micros) : undefined;
};

/** `+00` and `Z` at the end, or nothing when the session's zone is UTC. */
function timestamptzParser(zoneIsUtc: boolean): FieldParser {
  return (bytes, start, end) => {
    const last = bytes[end - 1]!;
    if (last === 0x5a) return timestampAt(bytes, start, end - 1);
    const hasZone =
      end - start > secondsLength &&
      last === zero &&
      bytes[end - 2] === zero &&
      bytes[end - 3] === 0x2b;
    if (hasZone) return timestampAt(bytes, start, end - 3);
    return zoneIsUtc ? timestampAt(bytes, start, end) : undefined;
  };
}

const noParser: FieldParser = () => undefined;

/** UTC by a name that says nothing else. */
const isUtc = (zone: string): boolean => /^(?:UTC|Etc\/UTC|GMT|Etc\/GMT)$/i.test(zone);

/** The parser for a column of that type; one that knows no form when only the type's input function can read it. */
export function fieldParser(oid: number, typmod: number, context: TypeContext): FieldParser {
  switch (oid) {
    case Oid.int2:
      return rangedInteger(-32768, 32767);
    case Oid.int4:
      return rangedInteger(-2147483648, 2147483647);
    case Oid.int8:
      return int8At;
    case Oid.oid:
      return (bytes, start, end) => {
        // A leading zero means octal there.
        const value = bytes[start] === zero && end - start > 1 ? NaN : integerAt(bytes, start, end);
        return value >= 0 && value <= 4294967295 ? value : undefined;
      };
    case Oid.bool:
      return boolAt;
    case Oid.date:
      return dateAt;
    case Oid.timestamp:
      return typmod < 0 ? timestampAt : noParser;
    case Oid.timestamptz:
      return typmod < 0 ? timestamptzParser(isUtc(context.timeZone)) : noParser;
    case Oid.text:
      return createStringCache();
    case Oid.varchar: {
      const text = createStringCache();
      // A typmod is the length in characters plus four; as many bytes are surely no more characters.
      return (bytes, start, end) =>
        typmod < 0 || end - start <= typmod - 4 ? text(bytes, start, end) : undefined;
    }
    default:
      return noParser;
  }
}
