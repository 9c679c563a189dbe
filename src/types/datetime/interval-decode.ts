/** Reads interval literals: `1 year 2 mons`, `1-2 3 4:05:06`, `P1Y2MT3H`, `@ 5 days ago`, `infinity`. */
import type { TypeContext } from '../type.ts';
import type { Interval } from '../value.ts';
import { badFormat, DateTimeInputError, fieldOverflow } from './errors.ts';
import { fractionMicros } from './decode-parts.ts';
import { decodeIsoInterval } from './interval-iso.ts';
import { checkedInterval, intervalInfinity, intervalMinusInfinity } from './interval.ts';
import { finestField, isMinuteToSecond } from './interval-typmod.ts';
import { emptySum, type IntervalSum, type IntervalUnit, addToSum } from './interval-sum.ts';
import type { Field } from './tokens.ts';
import { findKeyword, splitFields } from './tokens.ts';

const unitNames: Readonly<Record<IntervalUnit, string>> = {
  microsecond: 'us usec usecond useconds usecs microsecon',
  millisecond: 'ms msec msecond mseconds msecs millisecon',
  second: 's sec second seconds secs',
  minute: 'm min mins minute minutes',
  hour: 'h hour hours hr hrs',
  day: 'd day days',
  week: 'w week weeks',
  month: 'mon mons month months',
  year: 'y year years yr yrs',
  decade: 'dec decade decades decs',
  century: 'c cent century centuries',
  millennium: 'mil mils millennia millennium',
};

const units = new Map<string, IntervalUnit>();
for (const [unit, names] of Object.entries(unitNames)) {
  for (const name of names.split(' ')) units.set(name, unit as IntervalUnit);
}

/** Words are told apart by their first ten letters (TOKMAXLEN). */
const unitLength = 10;

export function findIntervalUnit(word: string): IntervalUnit | undefined {
  return units.get(word.slice(0, unitLength));
}

const int64Max = 9223372036854775807n;

function wholeNumber(text: string): bigint {
  const value = BigInt(text);
  if (value > int64Max + 1n) throw fieldOverflow();
  return value;
}

const clockPattern = /^(\d+):(\d*)(?::(\d*)(\.\d*)?|(\.\d*))?$/;

/** Microseconds of `hh:mm[:ss[.f]]`, or `mm:ss[.f]`; hours may be many. */
function clockMicros(text: string, minuteToSecond: boolean): bigint {
  const match = clockPattern.exec(text);
  if (!match) throw badFormat();
  const [, first, second, third, fraction, shortFraction] = match;
  const shifted = shortFraction !== undefined || (third === undefined && minuteToSecond);
  const hour = shifted ? 0n : wholeNumber(first!);
  const minute = BigInt(shifted ? first! : second!);
  const sec = BigInt(shifted ? second! : (third ?? '0'));
  const micros = fractionMicros(shortFraction ?? fraction ?? '.0');
  if (minute > 59n || sec > 60n || micros > 1_000_000) throw fieldOverflow();
  const total = ((hour * 60n + minute) * 60n + sec) * 1_000_000n + BigInt(micros);
  if (total > int64Max) throw fieldOverflow();
  return total;
}

/** With a sign in front, PostgreSQL takes a bad time for a bad number. */
function signedClockMicros(text: string, minuteToSecond: boolean): bigint {
  try {
    return clockMicros(text.slice(1), minuteToSecond);
  } catch {
    throw badFormat();
  }
}

interface Decoding {
  readonly sum: IntervalSum;
  readonly typmod: number;
  /** sql_standard: a leading minus holds for every field. */
  readonly allNegative: boolean;
  /** Unit of the next number to the left. */
  unit: IntervalUnit | undefined;
  /** The unit was written and still waits for its number. */
  unitWaits: boolean;
  ago: boolean;
  readonly seen: Set<string>;
}

function markSeen(decoding: Decoding, ...names: string[]): void {
  for (const name of names) {
    if (decoding.seen.has(name)) throw badFormat();
  }
  for (const name of names) decoding.seen.add(name);
}

function addClock(decoding: Decoding, text: string): void {
  const signed = /^[+-]/.test(text);
  const negative = text.startsWith('-') || decoding.allNegative;
  const minuteToSecond = isMinuteToSecond(decoding.typmod);
  const micros = signed
    ? signedClockMicros(text, minuteToSecond)
    : clockMicros(text, minuteToSecond);
  markSeen(decoding, 'hour', 'minute', 'second', 'millisecond', 'microsecond');
  // Set, not added: PostgreSQL forgets what a fraction to the right of it had left over.
  decoding.sum.micros = negative ? -micros : micros;
  // `1 04:05:06`: a bare number before a time is days.
  decoding.unit = 'day';
  decoding.unitWaits = false;
}

const numberPattern = /^([+-]?)(\d*)(?:-(\d*)|(\.\d*))?$/;

function addNumber(decoding: Decoding, text: string): void {
  const match = numberPattern.exec(text);
  if (!match || (match[2] === '' && match[4] === undefined)) throw badFormat();
  const [, sign, digits, monthDigits, fraction] = match;
  if (decoding.unit === undefined && decoding.ago) throw badFormat();
  const negative = sign === '-' || decoding.allNegative;
  let whole = wholeNumber(digits === '' ? '0' : digits!);
  let unit = decoding.unit ?? finestField(decoding.typmod) ?? 'second';
  if (monthDigits !== undefined) {
    // SQL's years-months
    const months = BigInt(monthDigits);
    if (months >= 12n) throw fieldOverflow();
    whole = whole * 12n + months;
    unit = 'month';
  }
  const part = fraction === undefined ? 0 : Number(`0${fraction}`);
  if (unit === 'second' && part !== 0) markSeen(decoding, 'second', 'millisecond', 'microsecond');
  else markSeen(decoding, unit);
  addToSum(decoding.sum, unit, negative ? -whole : whole, negative ? -part : part);
  // `1 2` where hours come last: what stands before them is days.
  decoding.unit = unit === 'hour' ? 'day' : unit;
  decoding.unitWaits = false;
}

function addWord(
  decoding: Decoding,
  word: string,
  fields: readonly Field[],
  index: number,
): Interval | undefined {
  if (word === 'ago') {
    if (index !== fields.length - 1) throw badFormat();
    decoding.ago = true;
    return undefined;
  }
  const unit = findIntervalUnit(word);
  if (unit !== undefined) {
    if (decoding.unitWaits) throw badFormat();
    decoding.unit = unit;
    decoding.unitWaits = true;
    return undefined;
  }
  const keyword = findKeyword(word);
  if (keyword?.kind === 'ignore') return undefined;
  if (keyword?.kind !== 'reserved' || fields.length !== 1) throw badFormat();
  if (keyword.value === 'infinity') return intervalInfinity;
  if (keyword.value === '-infinity') return intervalMinusInfinity;
  throw badFormat();
}

function decodeFields(text: string, typmod: number, context: TypeContext): Interval {
  const fields = splitFields(text);
  const allNegative =
    context.intervalStyle === 'sql_standard' &&
    fields[0]?.text.startsWith('-') === true &&
    !fields.slice(1).some((field) => /^[+-]/.test(field.text));
  const decoding: Decoding = {
    sum: emptySum(),
    typmod,
    allNegative,
    unit: undefined,
    unitWaits: false,
    ago: false,
    seen: new Set(),
  };
  // Right to left: a unit stands after its number.
  for (let index = fields.length - 1; index >= 0; index--) {
    const field = fields[index]!;
    if (field.kind === 'word' || field.kind === 'special') {
      const infinite = addWord(decoding, field.text, fields, index);
      if (infinite) return infinite;
    } else if (field.kind === 'time' || (field.kind === 'zone' && field.text.includes(':'))) {
      addClock(decoding, field.text);
    } else {
      addNumber(decoding, field.text);
    }
  }
  if (decoding.seen.size === 0 || decoding.unitWaits) throw badFormat();
  const { months, days, micros } = decoding.sum;
  const result = checkedInterval(Number(months), Number(days), micros);
  return decoding.ago ? checkedInterval(-result.months, -result.days, -result.micros) : result;
}

/** Field overflows of an interval have a SQLSTATE of their own. */
export function decodeInterval(text: string, typmod: number, context: TypeContext): Interval {
  try {
    try {
      return decodeFields(text, typmod, context);
    } catch (error) {
      if (error instanceof DateTimeInputError && error.problem === 'bad-format')
        return decodeIsoInterval(text);
      throw error;
    }
  } catch (error) {
    if (error instanceof DateTimeInputError && error.problem === 'field-overflow') {
      throw new DateTimeInputError('interval-overflow');
    }
    throw error;
  }
}
