/**
 * Reads the fields of a date, time or timestamp literal, as PostgreSQL's "Date/Time Input Interpretation" lays down:
 * ISO 8601, month names, day/month/year in the session's order, AM/PM, BC, Julian days, zone names and offsets.
 */
import type { TypeContext } from '../type.ts';
import {
  civilFromDays,
  dateDaysEnd,
  dateDaysMin,
  daysFromCivil,
  daysInMonth,
  julianOfEpoch,
  microsPerDay,
  microsPerSecond,
  secondsPerDay,
  splitTimestamp,
} from './civil.ts';
import { badFormat, DateTimeInputError, fieldOverflow, unknownZone } from './errors.ts';
import type { Field, Keyword } from './tokens.ts';
import { findKeyword, splitFields } from './tokens.ts';
import { abbreviationOffset } from './zone-abbreviations.ts';
import type { Zone } from './zone.ts';
import { abbreviationsOf, findZone, offsetOfLocal, utcZone } from './zone.ts';

export interface DecodedDateTime {
  readonly kind: 'datetime';
  readonly days: number;
  /** Microseconds of the day, 0 to 86400000000. */
  readonly micros: number;
  /** Seconds east of UTC, if the text says. */
  readonly offset: number | undefined;
}

export interface DecodedSpecial {
  readonly kind: 'infinity' | '-infinity' | 'epoch';
}

export interface DecodedTime {
  readonly micros: number;
  /** Seconds east of UTC: given, or the session's zone at that time. */
  readonly offset: number;
}

// What has been seen so far; a field may come only once.
const seenYear = 1;
const seenMonth = 2;
const seenDay = 4;
const seenTime = 8;
const seenZone = 16;
const seenDayOfYear = 32;
const seenMeridian = 64;
const seenEra = 128;
const seenWeekDay = 256;
const seenDate = seenYear | seenMonth | seenDay;

interface State {
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
const int32Max = 2147483647;

function integer(text: string): number {
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

function mark(state: State, bits: number): void {
  if ((state.seen & bits) !== 0) throw badFormat();
  state.seen |= bits;
}

/** Run-together digits: yyyymmdd and yymmdd while no date is known, then hhmmss and hhmm. Returns what it was. */
function decodeRunTogether(state: State, text: string, dateKnown: boolean): number {
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
function decodeNumber(state: State, text: string, textMonth: boolean, seen: number): number {
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
function decodeDate(state: State, text: string): number {
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

const clockPattern = /^(\d+):(\d*)(?::(\d*)(\.\d*)?|(\.\d*))?$/;

function decodeClock(state: State, text: string): void {
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

function checkClock(state: State): void {
  const { minute, second, micros } = state;
  if (minute > 59 || second > 60 || micros > microsPerSecond) throw fieldOverflow();
  // A time alone is judged as a whole, at its end.
  if (!state.timeOnly) checkTimeOfDay(state);
}

function checkTimeOfDay(state: State): void {
  if (state.hour > 24 || timeOfDay(state) > microsPerDay) throw fieldOverflow();
}

function timeOfDay(state: State): number {
  return ((state.hour * 60 + state.minute) * 60 + state.second) * microsPerSecond + state.micros;
}

/** Furthest that a zone lies from UTC, in whole hours (MAX_TZDISP_HOUR). */
const offsetHoursMax = 15;

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

function setOffset(state: State, offset: number): void {
  mark(state, seenZone);
  state.offset = offset;
}

/** hhmmss-zz: a time with its zone run together. */
function decodeTimeWithOffset(state: State, text: string): void {
  if ((state.seen & seenTime) !== 0) throw badFormat();
  const sign = text.indexOf('-');
  if (sign < 0) throw badFormat();
  setOffset(state, decodeOffset(text.slice(sign)));
  mark(state, decodeRunTogether(state, text.slice(0, sign), true));
}

function setZone(state: State, name: string): void {
  mark(state, seenZone);
  state.zone = findZone(name);
  if (!state.zone) {
    // With digits it may be a POSIX zone with daylight saving, which a time alone cannot have.
    throw state.timeOnly && /\d/.test(name) ? badFormat() : unknownZone(name);
  }
}

function dateField(state: State, text: string, index: number): void {
  const { fields, timeOnly } = state;
  const datePart = seenMonth | seenDay;
  if (state.pending === 'julian') return julianField(state, text);
  const isDate = timeOnly
    ? index === 0 &&
      fields.length >= 2 &&
      (fields.at(-1)!.kind === 'date' || fields[1]!.kind === 'time')
    : state.pending === undefined && (state.seen & datePart) !== datePart;
  if (isDate) {
    mark(state, decodeDate(state, text));
  } else if (/^\d/.test(text) || (!timeOnly && state.pending !== undefined)) {
    if (state.pending === 'unit') throw badFormat();
    state.pending = undefined;
    decodeTimeWithOffset(state, text);
  } else {
    setZone(state, text);
  }
}

/** J2451187, J2451187.5 (half a day on), J2451187-08 (with a zone). */
function julianField(state: State, text: string): void {
  state.pending = undefined;
  const match = /^(\d+)(\.\d*)?([+-].*)?$/.exec(text);
  if (!match) throw badFormat();
  mark(state, seenDate);
  state.julian = true;
  const days = integer(match[1]!) - julianOfEpoch;
  ({ year: state.year, month: state.month, day: state.day } = civilFromDays(days));
  if (match[3] !== undefined) setOffset(state, decodeOffset(match[3]));
  if (match[2] === undefined) return;
  mark(state, seenTime);
  const micros = Math.round(Number(`0${match[2]}`) * microsPerDay);
  setTimeOfDay(state, micros);
}

function setTimeOfDay(state: State, micros: number): void {
  const seconds = Math.floor(micros / microsPerSecond);
  state.micros = micros - seconds * microsPerSecond;
  state.hour = Math.floor(seconds / 3600);
  state.minute = Math.floor(seconds / 60) % 60;
  state.second = seconds % 60;
}

function numberField(state: State, text: string, index: number): void {
  if (state.pending === 'julian') return julianField(state, text);
  if (state.pending === 'unit') throw badFormat();
  if (state.pending === 'iso-time') {
    state.pending = undefined;
    const bits = decodeRunTogether(state, text, true);
    if (bits !== seenTime) throw badFormat();
    return mark(state, bits);
  }
  const point = text.indexOf('.');
  if (state.timeOnly) return mark(state, timeOnlyNumber(state, text, point, index));
  const dateKnown = (state.seen & seenDate) === seenDate;
  if (point >= 0 && (state.seen & seenDate) === 0) return mark(state, decodeDate(state, text));
  if (point > 2) return mark(state, decodeRunTogether(state, text, dateKnown));
  if (text.length >= 6 && ((state.seen & seenDate) === 0 || (state.seen & seenTime) === 0)) {
    return mark(state, decodeRunTogether(state, text, dateKnown));
  }
  mark(state, decodeNumber(state, text, state.textMonth, state.seen));
}

function timeOnlyNumber(state: State, text: string, point: number, index: number): number {
  if (point < 0) {
    if (text.length > 4) return decodeRunTogether(state, text, true);
    return decodeNumber(state, text, false, state.seen | seenDate);
  }
  const { fields } = state;
  if (index === 0 && fields.length >= 2 && fields.at(-1)!.kind === 'date')
    return decodeDate(state, text);
  if (point > 2) return decodeRunTogether(state, text, true);
  throw badFormat();
}

function sessionZone(context: TypeContext): Zone {
  return findZone(context.timeZone) ?? utcZone;
}

/** The transaction's start in the session's zone. */
function localNow(context: TypeContext): { days: number; micros: number; offset: number } {
  const { transactionTime } = context;
  const offset = sessionZone(context).offsetAt(Number(transactionTime / 1_000_000n));
  return { ...splitTimestamp(transactionTime + BigInt(offset) * 1_000_000n), offset };
}

function reservedWord(state: State, word: Extract<Keyword, { kind: 'reserved' }>['value']): void {
  if (word === 'allballs') {
    mark(state, seenTime | seenZone);
    setTimeOfDay(state, 0);
    state.offset = 0;
    return;
  }
  if (word === 'infinity' || word === '-infinity' || word === 'epoch') {
    if (state.timeOnly) throw badFormat();
    mark(state, seenDate | seenTime | seenZone);
    state.special = word;
    return;
  }
  const now = localNow(state.context);
  if (word === 'now') {
    mark(state, state.timeOnly ? seenTime : seenDate | seenTime | seenZone);
    setTimeOfDay(state, now.micros);
    if (state.timeOnly) return;
    state.offset = now.offset;
  } else {
    if (state.timeOnly) throw badFormat();
    mark(state, seenDate);
  }
  const shift = word === 'tomorrow' ? 1 : word === 'yesterday' ? -1 : 0;
  ({ year: state.year, month: state.month, day: state.day } = civilFromDays(now.days + shift));
  // A year before Christ is already known here; the usual check of the year does not apply.
  state.julian = true;
}

function wordField(state: State, text: string): void {
  // The session's zone knows its own abbreviations best: IST is one thing in Kolkata and another in Jerusalem.
  const offset = abbreviationsOf(sessionZone(state.context)).get(text) ?? abbreviationOffset(text);
  if (offset !== undefined) return setOffset(state, offset);
  const keyword = findKeyword(text);
  if (!keyword) {
    // The last chance: a zone's name without punctuation.
    const zone = findZone(text);
    if (!zone) throw badFormat();
    mark(state, seenZone);
    state.zone = zone;
    return;
  }
  switch (keyword.kind) {
    case 'ignore':
      return;
    case 'month':
      if (state.timeOnly) throw badFormat();
      monthWord(state, keyword.value);
      return;
    case 'day-of-week':
      return mark(state, seenWeekDay);
    case 'era':
      mark(state, seenEra);
      state.bc = keyword.bc;
      return;
    case 'meridian':
      mark(state, seenMeridian);
      state.pm = keyword.pm;
      return;
    case 'julian':
    case 'unit':
      if (state.pending !== undefined) throw badFormat();
      state.pending = keyword.kind;
      return;
    case 'iso-time':
      if (!state.timeOnly && (state.seen & seenDate) !== seenDate) throw badFormat();
      if (state.pending !== undefined) throw badFormat();
      state.pending = 'iso-time';
      return;
    case 'dst':
      // "EST DST": the zone's abbreviation, an hour on.
      if (state.offset === undefined) throw badFormat();
      state.offset += 3600;
      return;
    case 'reserved':
      return reservedWord(state, keyword.value);
  }
}

function monthWord(state: State, month: number): void {
  const { seen } = state;
  if (
    (seen & seenMonth) !== 0 &&
    !state.textMonth &&
    (seen & seenDay) === 0 &&
    state.month >= 1 &&
    state.month <= 31
  ) {
    // A number was taken for the month, but it was the day.
    state.day = state.month;
    mark(state, seenDay);
  } else {
    mark(state, seenMonth);
  }
  state.textMonth = true;
  state.month = month;
}

function readFields(text: string, context: TypeContext, timeOnly: boolean): State {
  const state: State = {
    context,
    fields: splitFields(text),
    timeOnly,
    seen: 0,
    year: 0,
    month: 0,
    day: 0,
    dayOfYear: 0,
    hour: 0,
    minute: 0,
    second: 0,
    micros: 0,
    offset: undefined,
    zone: undefined,
    textMonth: false,
    twoDigitYear: false,
    julian: false,
    bc: false,
    pm: undefined,
    pending: undefined,
    special: undefined,
  };
  state.fields.forEach((field, index) => {
    switch (field.kind) {
      case 'date':
        return dateField(state, field.text, index);
      case 'time':
        if (state.pending !== undefined && state.pending !== 'iso-time') throw badFormat();
        state.pending = undefined;
        decodeClock(state, field.text);
        return mark(state, seenTime);
      case 'zone':
        return setOffset(state, decodeOffset(field.text));
      case 'number':
        return numberField(state, field.text, index);
      case 'word':
      case 'special':
        return wordField(state, field.text);
    }
  });
  return state;
}

/** Applies AM or PM, and checks the time as a whole. */
function finishTime(state: State): void {
  if (state.pm !== undefined && state.hour > 12) throw fieldOverflow();
  if (state.pm === false && state.hour === 12) state.hour = 0;
  else if (state.pm === true && state.hour !== 12) state.hour += 12;
  checkClock(state);
  checkTimeOfDay(state);
}

/** Two-digit years below this are in the 2000s. */
const pivotYear = 70;

/** Checks the date's parts and returns its days since 2000-01-01, which may be out of date's range. */
function finishDate(state: State): number {
  if (state.julian && (state.seen & seenEra) !== 0) throw badFormat();
  if ((state.seen & seenYear) !== 0 && !state.julian) {
    if (state.bc) {
      if (state.year <= 0) throw fieldOverflow();
      state.year = 1 - state.year;
    } else if (state.twoDigitYear) {
      if (state.year < pivotYear) state.year += 2000;
      else if (state.year < 100) state.year += 1900;
    } else if (state.year <= 0) {
      throw fieldOverflow();
    }
  }
  if ((state.seen & seenDayOfYear) !== 0)
    return daysFromCivil(state.year, 1, 1) + state.dayOfYear - 1;
  const { year, month, day } = state;
  if ((state.seen & seenMonth) !== 0 && (month < 1 || month > 12)) {
    throw new DateTimeInputError('month-day-overflow');
  }
  if ((state.seen & seenDay) !== 0 && (day < 1 || day > 31)) {
    throw new DateTimeInputError('month-day-overflow');
  }
  if ((state.seen & seenDate) !== seenDate) return 0;
  if (day > daysInMonth(year, month)) throw fieldOverflow();
  return daysFromCivil(year, month, day);
}

/** A date or timestamp literal. `days` may be out of the type's range. */
export function decodeDateTime(
  text: string,
  context: TypeContext,
): DecodedDateTime | DecodedSpecial {
  const state = readFields(text, context, false);
  if (state.pending !== undefined) throw badFormat();
  if (state.special) return { kind: state.special };
  const days = finishDate(state);
  finishTime(state);
  if ((state.seen & seenDate) !== seenDate) throw badFormat();
  const micros = timeOfDay(state);
  let { offset } = state;
  if (state.zone) {
    offset = offsetOfLocal(state.zone, days * secondsPerDay + Math.floor(micros / microsPerSecond));
  }
  return { kind: 'datetime', days, micros, offset };
}

/** A time literal, with or without a zone; a date may come along where the zone needs one. */
export function decodeTimeOfDay(text: string, context: TypeContext): DecodedTime {
  const state = readFields(text, context, true);
  if (state.pending !== undefined) throw badFormat();
  const days = finishDate(state);
  finishTime(state);
  if ((state.seen & seenTime) === 0) throw badFormat();
  const micros = timeOfDay(state);
  if (state.offset !== undefined) return { micros, offset: state.offset };
  const hasDate = (state.seen & seenDate) === seenDate;
  const zone = state.zone ?? sessionZone(context);
  if (zone.fixedOffset !== undefined) return { micros, offset: zone.fixedOffset };
  if (!hasDate && (state.zone !== undefined || (state.seen & seenDate) !== 0)) throw badFormat();
  const onDay = hasDate ? days : localNow(context).days;
  return {
    micros,
    offset: offsetOfLocal(zone, onDay * secondsPerDay + Math.floor(micros / microsPerSecond)),
  };
}

export function isDateInRange(days: number): boolean {
  return days >= dateDaysMin && days < dateDaysEnd;
}
