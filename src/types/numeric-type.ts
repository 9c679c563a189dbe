import { defineType } from './define-type.ts';
import { insufficientData, invalidBinary, invalidInput } from './input-error.ts';
import {
  applyNumericTypmod,
  decimalText,
  isSpecial,
  numericCompare,
  numericScaleMax,
  numericWholeDigitsMax,
  overflow,
  powerOfTen,
} from './numeric.ts';
import { Oid } from './oid.ts';
import type { KeyWriter } from './type.ts';

/** The text is what numeric_out would print; the length bound keeps it far from the format's limits. */
const canonical = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/;
const canonicalLengthMax = 1000;
const negativeZero = /^-0(?:\.0+)?$/;

const decimalInput =
  /^[ \t\n\v\f\r]*([+-]?)(\d(?:_?\d)*)?(?:(\.)(\d(?:_?\d)*)?)?(?:[eE]([+-]?\d(?:_?\d)*))?[ \t\n\v\f\r]*$/;
const specialInput = /^[ \t\n\v\f\r]*(nan|[+-]?inf(?:inity)?)[ \t\n\v\f\r]*$/i;
const radixInput =
  /^[ \t\n\v\f\r]*([+-]?)(0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+)[ \t\n\v\f\r]*$/;

/** Exponents past this overflow anyway; PostgreSQL draws the line at half of int32. */
const exponentMax = 1073741823;

function slowNumeric(text: string): string {
  const special = specialInput.exec(text);
  if (special) {
    const word = special[1]!.toLowerCase();
    if (word === 'nan') return 'NaN';
    return word.startsWith('-') ? '-Infinity' : 'Infinity';
  }
  const radix = radixInput.exec(text);
  if (radix) {
    const magnitude = BigInt(radix[2]!.toLowerCase().replaceAll('_', ''));
    return checked(radix[1] === '-' ? -magnitude : magnitude, 0);
  }
  const match = decimalInput.exec(text);
  if (!match || (match[2] === undefined && match[4] === undefined))
    throw invalidInput('numeric', text);
  const whole = (match[2] ?? '').replaceAll('_', '');
  const fraction = (match[4] ?? '').replaceAll('_', '');
  const exponent = Number((match[5] ?? '0').replaceAll('_', ''));
  if (Math.abs(exponent) >= exponentMax) throw overflow();
  const digits = (whole + fraction).replace(/^0+/, '');
  // Digits before the point decide the overflow without building the number.
  const wholeDigits = digits.length - fraction.length + exponent;
  if (digits !== '' && wholeDigits > numericWholeDigitsMax) throw overflow();
  let scale = fraction.length - exponent;
  let unscaled = BigInt(digits === '' ? 0 : digits);
  if (scale > numericScaleMax) throw overflow();
  if (scale < 0) {
    if (unscaled !== 0n) unscaled *= powerOfTen(-scale);
    scale = 0;
  }
  return checked(match[1] === '-' ? -unscaled : unscaled, scale);
}

function checked(unscaled: bigint, scale: number): string {
  const text = decimalText(unscaled, scale);
  if (text.length - scale - 2 > numericWholeDigitsMax) throw overflow();
  return text;
}

/** numeric_in without a typmod. */
export function parseNumeric(text: string): string {
  if (text.length <= canonicalLengthMax && canonical.test(text)) {
    return text.charCodeAt(0) === 45 && negativeZero.test(text) ? text.slice(1) : text;
  }
  return slowNumeric(text);
}

// Wire format: int16 count of base-10000 digits, weight of the first, sign, display scale, then the digits.
const signPositive = 0x0000;
const signNegative = 0x4000;
const signNaN = 0xc000;
const signInfinity = 0xd000;
const signMinusInfinity = 0xf000;
const headerBytes = 8;
const groupDigits = 4;

function decodeNumeric(bytes: Uint8Array, typmod: number): string {
  if (bytes.length < headerBytes) throw insufficientData();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const count = view.getUint16(0);
  const weight = view.getInt16(2);
  const sign = view.getUint16(4);
  const scale = view.getUint16(6);
  if (![signPositive, signNegative, signNaN, signInfinity, signMinusInfinity].includes(sign)) {
    throw invalidBinary('invalid sign in external "numeric" value');
  }
  if ((scale & numericScaleMax) !== scale) {
    throw invalidBinary('invalid scale in external "numeric" value');
  }
  if (bytes.length < headerBytes + count * 2) throw insufficientData();
  let digits = '';
  for (let i = 0; i < count; i++) {
    const group = view.getInt16(headerBytes + i * 2);
    if (group < 0 || group > 9999) throw invalidBinary('invalid digit in external "numeric" value');
    digits += String(group).padStart(groupDigits, '0');
  }
  if (bytes.length > headerBytes + count * 2) throw invalidBinary();
  if (sign === signNaN) return 'NaN';
  if (sign === signInfinity || sign === signMinusInfinity) {
    return applyNumericTypmod(sign === signInfinity ? 'Infinity' : '-Infinity', typmod);
  }
  let unscaled = BigInt(digits === '' ? 0 : digits);
  // The last group's digits end this many places after the point.
  const storedScale = (count - 1 - weight) * groupDigits;
  let text: string;
  if (storedScale <= scale) {
    unscaled *= powerOfTen(scale - storedScale);
    text = decimalText(sign === signNegative ? -unscaled : unscaled, scale);
  } else {
    // More digits than the display scale are dropped, not rounded.
    unscaled /= powerOfTen(storedScale - scale);
    text = decimalText(sign === signNegative ? -unscaled : unscaled, scale);
  }
  return applyNumericTypmod(text, typmod);
}

const specialBytes: Record<string, string> = {
  NaN: '00000000c0000000',
  Infinity: '00000000d0000020',
  '-Infinity': '00000000f0000020',
};

function encodeNumeric(value: string): Uint8Array {
  if (isSpecial(value)) return Buffer.from(specialBytes[value]!, 'hex');
  const negative = value.charCodeAt(0) === 45;
  const start = negative ? 1 : 0;
  const point = value.indexOf('.');
  const whole = value.slice(start, point < 0 ? undefined : point);
  const fraction = point < 0 ? '' : value.slice(point + 1);
  const padded =
    whole.padStart(Math.ceil(whole.length / groupDigits) * groupDigits, '0') +
    fraction.padEnd(Math.ceil(fraction.length / groupDigits) * groupDigits, '0');
  const groups: number[] = [];
  for (let i = 0; i < padded.length; i += groupDigits)
    groups.push(Number(padded.slice(i, i + groupDigits)));
  let first = 0;
  while (first < groups.length && groups[first] === 0) first++;
  let end = groups.length;
  while (end > first && groups[end - 1] === 0) end--;
  const zero = first === groups.length;
  const weight = zero ? 0 : Math.ceil(whole.length / groupDigits) - 1 - first;
  const bytes = Buffer.allocUnsafe(headerBytes + (end - first) * 2);
  bytes.writeInt16BE(end - first, 0);
  bytes.writeInt16BE(weight, 2);
  bytes.writeUInt16BE(negative && !zero ? signNegative : signPositive, 4);
  bytes.writeUInt16BE(fraction.length, 6);
  for (let i = first; i < end; i++) bytes.writeInt16BE(groups[i]!, headerBytes + (i - first) * 2);
  return bytes;
}

// Key form: class byte; for finite non-zero values three bytes of biased decimal exponent, then pairs of digits plus one,
// then a zero. Negative values have everything after the class byte inverted.
const keyClass = { minusInfinity: 1, negative: 2, zero: 3, positive: 4, infinity: 5, nan: 6 };
const exponentBias = 0x800000;

/** Trailing zeros do not matter: 1.0 and 1.00 give the same bytes. */
export function writeKeyNumeric(writer: KeyWriter, value: string): void {
  if (isSpecial(value)) {
    const { nan, infinity, minusInfinity } = keyClass;
    writer.byte(value === 'NaN' ? nan : value === 'Infinity' ? infinity : minusInfinity);
    return;
  }
  const negative = value.charCodeAt(0) === 45;
  const unsigned = negative ? value.slice(1) : value;
  const point = unsigned.indexOf('.');
  const all = point < 0 ? unsigned : unsigned.slice(0, point) + unsigned.slice(point + 1);
  let first = 0;
  while (first < all.length && all.charCodeAt(first) === 48) first++;
  if (first === all.length) {
    writer.byte(keyClass.zero);
    return;
  }
  let end = all.length;
  while (all.charCodeAt(end - 1) === 48) end--;
  const flip = negative ? 0xff : 0;
  const exponent = (point < 0 ? unsigned.length : point) - first + exponentBias;
  writer.byte(negative ? keyClass.negative : keyClass.positive);
  writer.byte(((exponent >> 16) & 0xff) ^ flip);
  writer.byte(((exponent >> 8) & 0xff) ^ flip);
  writer.byte((exponent & 0xff) ^ flip);
  for (let i = first; i < end; i += 2) {
    const tens = all.charCodeAt(i) - 48;
    const ones = i + 1 < end ? all.charCodeAt(i + 1) - 48 : 0;
    writer.byte((tens * 10 + ones + 1) ^ flip);
  }
  writer.byte(flip);
}

export const numericType = defineType<string>({
  oid: Oid.numeric,
  name: 'numeric',
  sqlName: 'numeric',
  size: -1,
  parse: (text, typmod) =>
    typmod === -1 ? parseNumeric(text) : applyNumericTypmod(parseNumeric(text), typmod),
  format: (value) => value,
  decode: decodeNumeric,
  encode: encodeNumeric,
  applyTypmod: (value, typmod) => applyNumericTypmod(value, typmod),
  compare: numericCompare,
  encodeKey: writeKeyNumeric,
});
