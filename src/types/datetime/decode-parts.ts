/** The pieces of a date or time literal that stand by themselves: numbers, dates, clocks, offsets; and what is known so far. */
import type { TypeContext } from '../type.ts';
import { microsPerDay, microsPerSecond } from './civil.ts';
import type { DecodedSpecial } from './decoded.ts';
import { DateTimeInputError, badFormat, fieldOverflow } from './errors.ts';
import { findKeyword } from './tokens.ts';
import type { Field } from './tokens.ts';
import type { Zone } from './zone.ts';

// What has been seen so far; a field may come only once.
export const seenYear = 1;
export const seenMonth = 2;
export const seenDay = 4;
export const seenTime = 8;
export const seenZone = 16;
export const seenDayOfYear = 32;
export const seenMeridian = 64;
export const seenEra = 128;
export const seenWeekDay = 256;
export const seenDate = seenYear | seenMonth | seenDay;

export interface State {
  readonly context: TypeContext;
  readonly fields: readonly Field[];
  readonly timeOnly: boolean;
  seen: number;
  year: number;
  month: number;
  day: number;
  dayOfYear: number;
  hour: number;
  minute: number;
  second: number;
  micros: number;
  offset: number | undefined;
  zone: Zone | undefined;
  textMonth: boolean;
  twoDigitYear: boolean;
  julian: boolean;
  bc: boolean;
  pm: boolean | undefined;
  /** A unit word that says what the next number is. */
  pending: 'julian' | 'iso-time' | 'unit' | undefined;
  special: DecodedSpecial['kind'] | undefined;
}

/** Most digits that a number may have before it counts as too large (int32). */
export const int32Max = 2147483647;

export function integer(text: string): number {
  const value = Number(text);
  if (value > int32Max) throw fieldOverflow();
  return value;
}

/** Microseconds of `.123456789`, rounded half to even like rint. */
export function fractionMicros(text: string): number {
  if (!/^\.\d*$/.test(text)) throw badFormat();
  const exact = Number(`0${text}`) * 1e6;
  const down = Math.floor(exact);
  const rest = exact - down;
  if (rest !== 0.5) return Math.round(exact);
  return down % 2 === 0 ? down : down + 1;
}

export function mark(state: State, bits: number): void {
  if ((state.seen & bits) !== 0) throw badFormat();
  state.seen |= bits;
}

/** Run-together digits: yyyymmdd and yymmdd while no date is known, then hhmmss and hhmm. Returns what it was. */
export function decodeRunTogether(state: State, text: string, dateKnown: boolean): number {
  const point = text.indexOf('.');
  const digits = point < 0 ? text : text.slice(0, point);
  if (point >= 0) state.micros = fractionMicros(text.slice(point));
  else if (!dateKnown && digits.length >= 6) {
    state.day = Number(digits.slice(-2));
    state.month = Number(digits.slice(-4, -2));
    state.year = integer(digits.slice(0, -4));
    state.twoDigitYear = digits.length === 6;
    return seenDate;
  }
  if ((state.seen & seenTime) === 0 && (digits.length === 6 || digits.length === 4)) {
    state.hour = Number(digits.slice(0, 2));
    state.minute = Number(digits.slice(2, 4));
    state.second = digits.length === 6 ? Number(digits.slice(4)) : 0;
    return seenTime;
  }
  throw badFormat();
}

/** A single number, placed by what is known already and by the session's date order. Returns what it was. */
export function decodeNumber(state: State, text: string, textMonth: boolean, seen: number): number {
  const match = /^(\d+)(\..*)?$/.exec(text);
  if (!match) throw badFormat();
  const value = integer(match[1]!);
  const length = text.length;
  if (match[2] !== undefined) {
    // More than two digits before the point: a run-together date or time.
    if (match[1]!.length > 2) return decodeRunTogether(state, text, true);
    state.micros = fractionMicros(match[2]);
  }
  const known = seen & seenDate;
  if (length === 3 && known === seenYear && value >= 1 && value <= 366) {
    state.dayOfYear = value;
    return seenMonth | seenDay | seenDayOfYear;
  }
  const setYear = (): number => {
    state.year = value;
    state.twoDigitYear = length <= 2;
    return seenYear;
  };
  const setMonth = (): number => {
    state.month = value;
    return seenMonth;
  };
  const setDay = (): number => {
    state.day = value;
    return seenDay;
  };
  const order = state.context.dateOrder;
  switch (known) {
    case 0:
      if (length >= 3 || order === 'YMD') return setYear();
      return order === 'DMY' ? setDay() : setMonth();
    case seenYear:
      return setMonth();
    case seenMonth:
      if (!textMonth) return setDay();
      return length >= 3 || order === 'YMD' ? setYear() : setDay();
    case seenYear | seenMonth:
      if (textMonth && length >= 3 && state.twoDigitYear) {
        // The first number was taken for the year, but it was the day.
        state.day = state.year;
        state.year = value;
        state.twoDigitYear = false;
        return seenDay;
      }
      return setDay();
    case seenDay:
      return setMonth();
    case seenMonth | seenDay:
      return setYear();
    case seenDate:
      return decodeRunTogether(state, text, true);
    default:
      throw badFormat();
  }
}

/** A date in one field: 1999-01-08, 1/8/1999, 08-Jan-99. Returns what it set. */
export function decodeDate(state: State, text: string): number {
  const parts = text.match(/[a-z]+|\d+/g) ?? [];
  // Any other punctuation between the parts is not a date.
  if (!/^[a-z\d]+(?:[-/. :_+]+[a-z\d]+)*[-/.]*$/.test(text)) throw badFormat();
  // Digits and letters run together: PostgreSQL drops a character there, pgtide refuses.
  if (/[a-z]\d|\d[a-z]/.test(text)) throw badFormat();
  let set = 0;
  let textMonth = false;
  const numbers: string[] = [];
  const already = state.seen;
  for (const part of parts) {
    if (/\d/.test(part)) {
      numbers.push(part);
      continue;
    }
    const keyword = findKeyword(part);
    if (keyword?.kind === 'ignore') continue;
    if (keyword?.kind !== 'month' || ((already | set) & seenMonth) !== 0) throw badFormat();
    textMonth = true;
    state.month = keyword.value;
    set |= seenMonth;
  }
  for (const part of numbers) {
    const bits = decodeNumber(state, part, textMonth, already | set);
    if (((already | set) & bits) !== 0) throw badFormat();
    set |= bits;
  }
  if (((already | set) & ~(seenDayOfYear | seenZone)) !== seenDate) throw badFormat();
  return set;
}

export const clockPattern = /^(\d+):(\d*)(?::(\d*)(\.\d*)?|(\.\d*))?$/;

export function decodeClock(state: State, text: string): void {
  const match = clockPattern.exec(text);
  if (!match) throw badFormat();
  const [, first, second, third, fraction, shortFraction] = match;
  if (shortFraction !== undefined) {
    // mm:ss.fff
    state.hour = 0;
    state.minute = integer(first!);
    state.second = integer(second!);
    state.micros = fractionMicros(shortFraction);
  } else {
    state.hour = integer(first!);
    state.minute = integer(second!);
    state.second = third === undefined ? 0 : integer(third);
    state.micros = fraction === undefined ? 0 : fractionMicros(fraction);
  }
  checkClock(state);
}

export function checkClock(state: State): void {
  const { minute, second, micros } = state;
  if (minute > 59 || second > 60 || micros > microsPerSecond) throw fieldOverflow();
  // A time alone is judged as a whole, at its end.
  if (!state.timeOnly) checkTimeOfDay(state);
}

export function checkTimeOfDay(state: State): void {
  if (state.hour > 24 || timeOfDay(state) > microsPerDay) throw fieldOverflow();
}

export function timeOfDay(state: State): number {
  return ((state.hour * 60 + state.minute) * 60 + state.second) * microsPerSecond + state.micros;
}

/** Furthest that a zone lies from UTC, in whole hours (MAX_TZDISP_HOUR). */
export const offsetHoursMax = 15;

/** `+hh`, `+hhmm`, `+hh:mm`, `+hh:mm:ss` to seconds east. */
export function decodeOffset(text: string): number {
  const match = /^([+-])(\d+)(?::(\d*)(?::(\d*))?)?(.*)$/.exec(text);
  if (!match) throw badFormat();
  let hour = integer(match[2]!);
  let minute = Number(match[3] ?? 0);
  const second = Number(match[4] ?? 0);
  if (match[3] === undefined && match[5] === '' && match[2]!.length > 2) {
    minute = hour % 100;
    hour = Math.floor(hour / 100);
  }
  if (hour > offsetHoursMax || minute > 59 || second > 59)
    throw new DateTimeInputError('zone-overflow');
  // The range is checked before the rest of the field is.
  if (match[5] !== '') throw badFormat();
  const seconds = (hour * 60 + minute) * 60 + second;
  return match[1] === '-' ? 0 - seconds : seconds;
}
