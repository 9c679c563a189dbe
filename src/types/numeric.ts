/**
 * Exact arithmetic on numerics in their text form (see value.ts). Inputs are canonical numeric texts; results are too,
 * with the display scale that PostgreSQL gives them. `NaN`, `Infinity` and `-Infinity` follow numeric.c's rules.
 */
import { PgError, SqlState } from '../base/index.ts';
import { int2Max, int2Min, int4Max, int4Min, int8Max, int8Min } from './integer.ts';
import { outOfRange } from './input-error.ts';

/** Most digits before the decimal point that the format stores. */
export const numericWholeDigitsMax = 131072;
/** Most digits after the decimal point that the format stores. */
export const numericScaleMax = 16383;
/** Most digits after the point that a computed result shows (NUMERIC_MAX_DISPLAY_SCALE). */
const displayScaleMax = 1000;
/** Significant digits that a quotient has at least (NUMERIC_MIN_SIG_DIGITS). */
const significantDigitsMin = 16;

/** A finite numeric: `unscaled` × 10^-scale. */
export interface Decimal {
  readonly unscaled: bigint;
  readonly scale: number;
}

const powers: bigint[] = [];

export function powerOfTen(exponent: number): bigint {
  if (exponent > 100) return 10n ** BigInt(exponent);
  return (powers[exponent] ??= 10n ** BigInt(exponent));
}

export function isSpecial(value: string): boolean {
  const last = value.charCodeAt(value.length - 1);
  return last === 78 || last === 121;
}

/** Splits a finite canonical text. */
export function toDecimal(value: string): Decimal {
  const point = value.indexOf('.');
  if (point < 0) return { unscaled: BigInt(value), scale: 0 };
  return {
    unscaled: BigInt(value.slice(0, point) + value.slice(point + 1)),
    scale: value.length - point - 1,
  };
}

/** Canonical text of `unscaled` × 10^-scale, showing `scale` digits. */
export function decimalText(unscaled: bigint, scale: number): string {
  if (scale === 0) return unscaled.toString();
  const negative = unscaled < 0n;
  const digits = (negative ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const point = digits.length - scale;
  return `${negative ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}

export function overflow(): PgError {
  return new PgError(SqlState.numericValueOutOfRange, 'value overflows numeric format');
}

/** Refuses what the format cannot hold; rounds what shows too many digits. */
function bounded(unscaled: bigint, scale: number): string {
  if (scale > numericScaleMax)
    return bounded(rescale(unscaled, scale, numericScaleMax), numericScaleMax);
  const text = decimalText(unscaled, scale);
  const whole = text.length - (scale > 0 ? scale + 1 : 0) - (unscaled < 0n ? 1 : 0);
  if (whole > numericWholeDigitsMax) throw overflow();
  return text;
}

/** Brings a number of `from` decimals to `to`, rounding half away from zero. */
function rescale(unscaled: bigint, from: number, to: number): bigint {
  if (to >= from) return unscaled * powerOfTen(to - from);
  const unit = powerOfTen(from - to);
  const half = unit / 2n;
  return unscaled >= 0n ? (unscaled + half) / unit : -((-unscaled + half) / unit);
}

function sign(value: string): number {
  if (value.charCodeAt(0) === 45) return -1;
  return /[1-9Iy]/.test(value) ? 1 : 0;
}

export function numericSign(value: string): number {
  return sign(value);
}

export function numericNeg(value: string): string {
  if (value === 'NaN') return value;
  if (value.charCodeAt(0) === 45) return value.slice(1);
  return sign(value) === 0 ? value : `-${value}`;
}

export function numericAbs(value: string): string {
  return value.charCodeAt(0) === 45 ? value.slice(1) : value;
}

export function numericAdd(left: string, right: string): string {
  if (isSpecial(left) || isSpecial(right)) {
    if (left === 'NaN' || right === 'NaN') return 'NaN';
    if (isSpecial(left)) return isSpecial(right) && left !== right ? 'NaN' : left;
    return right;
  }
  const l = toDecimal(left);
  const r = toDecimal(right);
  const scale = Math.max(l.scale, r.scale);
  return bounded(rescale(l.unscaled, l.scale, scale) + rescale(r.unscaled, r.scale, scale), scale);
}

export function numericSub(left: string, right: string): string {
  return numericAdd(left, numericNeg(right));
}

export function numericMul(left: string, right: string): string {
  if (isSpecial(left) || isSpecial(right)) {
    const product = sign(left) * sign(right);
    if (left === 'NaN' || right === 'NaN' || product === 0) return 'NaN';
    return product > 0 ? 'Infinity' : '-Infinity';
  }
  const l = toDecimal(left);
  const r = toDecimal(right);
  return bounded(l.unscaled * r.unscaled, l.scale + r.scale);
}

/** Weight and value of the first base-10000 digit, as numeric.c stores it; zero has neither. */
function leadingDigit(value: Decimal): { weight: number; first: number } {
  if (value.unscaled === 0n) return { weight: 0, first: 0 };
  const digits = (value.unscaled < 0n ? -value.unscaled : value.unscaled).toString();
  // Decimal exponent of the first digit, then of its group of four.
  const exponent = digits.length - 1 - value.scale;
  const weight = Math.floor(exponent / 4);
  const inGroup = exponent - weight * 4 + 1;
  return { weight, first: Number(digits.slice(0, inGroup).padEnd(inGroup, '0')) };
}

/** Display scale of a quotient (select_div_scale). */
function divisionScale(left: Decimal, right: Decimal): number {
  const l = leadingDigit(left);
  const r = leadingDigit(right);
  let quotientWeight = l.weight - r.weight;
  if (l.first <= r.first) quotientWeight--;
  const scale = Math.max(significantDigitsMin - quotientWeight * 4, left.scale, right.scale, 0);
  return Math.min(scale, displayScaleMax);
}

export function divisionByZero(): PgError {
  return new PgError(SqlState.divisionByZero, 'division by zero');
}

export function numericDiv(left: string, right: string): string {
  if (isSpecial(left) || isSpecial(right)) {
    if (left === 'NaN' || right === 'NaN') return 'NaN';
    if (isSpecial(left)) {
      if (isSpecial(right)) return 'NaN';
      if (sign(right) === 0) throw divisionByZero();
      return sign(left) * sign(right) > 0 ? 'Infinity' : '-Infinity';
    }
    return '0';
  }
  const l = toDecimal(left);
  const r = toDecimal(right);
  if (r.unscaled === 0n) throw divisionByZero();
  const scale = divisionScale(l, r);
  // |l| * 10^(scale - ls + rs) / |r|, rounded half away from zero.
  const shift = scale - l.scale + r.scale;
  let dividend = l.unscaled < 0n ? -l.unscaled : l.unscaled;
  let divisor = r.unscaled < 0n ? -r.unscaled : r.unscaled;
  if (shift >= 0) dividend *= powerOfTen(shift);
  else divisor *= powerOfTen(-shift);
  const quotient = (2n * dividend + divisor) / (2n * divisor);
  return bounded(l.unscaled < 0n !== r.unscaled < 0n ? -quotient : quotient, scale);
}

/** Remainder with the dividend's sign. */
export function numericMod(left: string, right: string): string {
  if (isSpecial(left) || isSpecial(right)) {
    if (left === 'NaN' || right === 'NaN') return 'NaN';
    if (isSpecial(left)) {
      if (sign(right) === 0) throw divisionByZero();
      return 'NaN';
    }
    return left;
  }
  const l = toDecimal(left);
  const r = toDecimal(right);
  if (r.unscaled === 0n) throw divisionByZero();
  const scale = Math.max(l.scale, r.scale);
  return bounded(rescale(l.unscaled, l.scale, scale) % rescale(r.unscaled, r.scale, scale), scale);
}

/** Order of the special values among all: -Infinity, finite, Infinity, NaN. */
function rank(value: string): number {
  if (!isSpecial(value)) return 0;
  return value === 'NaN' ? 2 : value === 'Infinity' ? 1 : -1;
}

/** By value; NaN equals itself and is greater than anything. */
export function numericCompare(left: string, right: string): number {
  if (left === right) return 0;
  const byRank = rank(left) - rank(right);
  if (byRank !== 0) return byRank < 0 ? -1 : 1;
  const leftNegative = left.charCodeAt(0) === 45;
  const rightNegative = right.charCodeAt(0) === 45;
  if (leftNegative !== rightNegative) return leftNegative ? -1 : 1;
  const magnitude = leftNegative
    ? compareMagnitude(left.slice(1), right.slice(1))
    : compareMagnitude(left, right);
  return leftNegative ? 0 - magnitude : magnitude;
}

/** Both canonical, finite and without sign. */
function compareMagnitude(left: string, right: string): number {
  const leftPoint = left.indexOf('.');
  const rightPoint = right.indexOf('.');
  const leftWhole = leftPoint < 0 ? left.length : leftPoint;
  const rightWhole = rightPoint < 0 ? right.length : rightPoint;
  if (leftWhole !== rightWhole) return leftWhole < rightWhole ? -1 : 1;
  const length = Math.max(left.length, right.length);
  for (let i = 0; i < length; i++) {
    if (i === leftWhole) continue;
    const l = i < left.length ? left.charCodeAt(i) : 48;
    const r = i < right.length ? right.charCodeAt(i) : 48;
    if (l !== r) return l < r ? -1 : 1;
  }
  return 0;
}

function clampScale(scale: number): number {
  return Math.min(Math.max(scale, -numericWholeDigitsMax - 1), numericScaleMax);
}

/** round(value, scale); a negative scale rounds to tens, hundreds, … */
export function numericRound(value: string, scale = 0): string {
  if (isSpecial(value)) return value;
  const decimal = toDecimal(value);
  const to = clampScale(scale);
  if (to >= 0) return bounded(rescale(decimal.unscaled, decimal.scale, to), to);
  return bounded(rescale(decimal.unscaled, decimal.scale, to) * powerOfTen(-to), 0);
}

/** trunc(value, scale): towards zero. */
export function numericTrunc(value: string, scale = 0): string {
  if (isSpecial(value)) return value;
  const decimal = toDecimal(value);
  const to = clampScale(scale);
  if (to >= decimal.scale) return numericRound(value, to);
  const cut = decimal.unscaled / powerOfTen(decimal.scale - to);
  return to >= 0 ? decimalText(cut, to) : decimalText(cut * powerOfTen(-to), 0);
}

export function numericFloor(value: string): string {
  if (isSpecial(value)) return value;
  const whole = numericTrunc(value);
  return numericCompare(whole, value) > 0 ? numericSub(whole, '1') : whole;
}

export function numericCeil(value: string): string {
  if (isSpecial(value)) return value;
  const whole = numericTrunc(value);
  return numericCompare(whole, value) < 0 ? numericAdd(whole, '1') : whole;
}

/** Digits past the last one kept that show whether a double lies exactly halfway. */
const tieDigits = 30;

/**
 * toExponential as C rounds: JavaScript rounds exact ties up, C to the even digit. `fractionDigits` as in toExponential;
 * `value` is finite.
 */
export function toExponentialHalfEven(value: number, fractionDigits: number): string {
  const text = value.toExponential(fractionDigits);
  const more = value.toExponential(Math.min(fractionDigits + tieDigits, 100));
  const end = more.indexOf('e');
  // Past the kept digits, and past the point where only one digit is kept.
  const rest = more.slice(end - (Math.min(fractionDigits + tieDigits, 100) - fractionDigits), end);
  const lastAt = text.indexOf('e') - 1;
  const last = Number(text[lastAt]);
  if (!/^50*$/.test(rest) || last % 2 === 0) return text;
  return text.slice(0, lastAt) + String(last - 1) + text.slice(lastAt + 1);
}

/** The text of `value` with `digits` significant digits, without exponent or trailing zeros. */
function fromFloat(value: number, digits: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(toExponentialHalfEven(value, digits - 1))!;
  const fraction = (match[3] ?? '').replace(/0+$/, '');
  const scale = fraction.length - Number(match[4]);
  const unscaled = BigInt(match[1]! + match[2]! + fraction);
  return scale >= 0 ? decimalText(unscaled, scale) : decimalText(unscaled * powerOfTen(-scale), 0);
}

/** float8 to numeric: 15 significant digits, as PostgreSQL does (DBL_DIG). */
export function numericFromFloat8(value: number): string {
  return fromFloat(value, 15);
}

/** float4 to numeric: 6 significant digits (FLT_DIG). */
export function numericFromFloat4(value: number): string {
  return fromFloat(value, 6);
}

function toInteger(value: string, typeName: string, min: bigint, max: bigint): bigint {
  if (isSpecial(value)) {
    const what = value === 'NaN' ? 'NaN' : 'infinity';
    throw new PgError(SqlState.featureNotSupported, `cannot convert ${what} to ${typeName}`);
  }
  const decimal = toDecimal(value);
  const whole = rescale(decimal.unscaled, decimal.scale, 0);
  if (whole < min || whole > max) throw outOfRange(typeName);
  return whole;
}

/** Rounds half away from zero; `smallint out of range` (22003). */
export function numericToInt2(value: string): number {
  return Number(toInteger(value, 'smallint', BigInt(int2Min), BigInt(int2Max)));
}

export function numericToInt4(value: string): number {
  return Number(toInteger(value, 'integer', BigInt(int4Min), BigInt(int4Max)));
}

export function numericToInt8(value: string): bigint {
  return toInteger(value, 'bigint', int8Min, int8Max);
}

// numeric typmods: ((precision << 16) | (scale & 0x7ff)) + 4, scale in eleven bits with sign.
const typmodHeader = 4;

export interface NumericTypmod {
  readonly precision: number;
  readonly scale: number;
}

/** undefined for -1: unconstrained. */
export function decodeNumericTypmod(typmod: number): NumericTypmod | undefined {
  if (typmod < typmodHeader) return undefined;
  const packed = typmod - typmodHeader;
  return { precision: (packed >> 16) & 0xffff, scale: ((packed & 0x7ff) ^ 1024) - 1024 };
}

function fieldOverflow(typmod: NumericTypmod, why: string): PgError {
  return new PgError(SqlState.numericValueOutOfRange, 'numeric field overflow', {
    detail: `A field with precision ${typmod.precision}, scale ${typmod.scale} ${why}`,
  });
}

/** The fast path: nothing to round and surely within the limits, so zeros are all that is missing. */
function padToScale(value: string, precision: number, scale: number): string | undefined {
  const point = value.indexOf('.');
  const whole = (point < 0 ? value.length : point) - (value.charCodeAt(0) === 45 ? 1 : 0);
  const missing = scale - (point < 0 ? 0 : value.length - point - 1);
  if (scale < 0 || missing < 0 || whole > precision - scale) return undefined;
  if (missing === 0) return value;
  return (point < 0 ? `${value}.` : value) + '0'.repeat(missing);
}

/** Rounds to the typmod's scale; 22003 `numeric field overflow` when it does not fit. */
export function applyNumericTypmod(value: string, typmod: number): string {
  const limits = decodeNumericTypmod(typmod);
  if (!limits || value === 'NaN') return value;
  if (isSpecial(value)) throw fieldOverflow(limits, 'cannot hold an infinite value.');
  const { precision, scale } = limits;
  const padded = padToScale(value, precision, scale);
  if (padded !== undefined) return padded;
  const rounded = numericRound(value, scale);
  const decimal = toDecimal(rounded);
  const wholeDigits = precision - scale;
  const magnitude = decimal.unscaled < 0n ? -decimal.unscaled : decimal.unscaled;
  // Compare |value| with 10^wholeDigits in units of 10^-scale.
  if (
    wholeDigits + decimal.scale < 0
      ? magnitude > 0n
      : magnitude >= powerOfTen(wholeDigits + decimal.scale)
  ) {
    const limit = wholeDigits === 0 ? '1' : `10^${wholeDigits}`;
    throw fieldOverflow(limits, `must round to an absolute value less than ${limit}.`);
  }
  return rounded;
}
