/** Takes a literal's fields one by one: what each means depends on its form and on what came before. */
import type { TypeContext } from '../type.ts';
import {
  splitTimestamp,
  civilFromDays,
  julianOfEpoch,
  microsPerDay,
  microsPerSecond,
} from './civil.ts';
import {
  decodeClock,
  decodeDate,
  decodeNumber,
  decodeOffset,
  decodeRunTogether,
  integer,
  mark,
  seenDate,
  seenDay,
  seenEra,
  seenMeridian,
  seenMonth,
  seenTime,
  seenWeekDay,
  seenZone,
} from './decode-parts.ts';
import type { State } from './decode-parts.ts';
import { badFormat, unknownZone } from './errors.ts';
import { findKeyword, splitFields } from './tokens.ts';
import type { Keyword } from './tokens.ts';
import { abbreviationOffset } from './zone-abbreviations.ts';
import { abbreviationsOf, findZone, utcZone } from './zone.ts';
import type { Zone } from './zone.ts';

export function setOffset(state: State, offset: number): void {
  mark(state, seenZone);
  state.offset = offset;
}

/** hhmmss-zz: a time with its zone run together. */
export function decodeTimeWithOffset(state: State, text: string): void {
  if ((state.seen & seenTime) !== 0) throw badFormat();
  const sign = text.indexOf('-');
  if (sign < 0) throw badFormat();
  setOffset(state, decodeOffset(text.slice(sign)));
  mark(state, decodeRunTogether(state, text.slice(0, sign), true));
}

export function setZone(state: State, name: string): void {
  mark(state, seenZone);
  state.zone = findZone(name);
  if (!state.zone) {
    // With digits it may be a POSIX zone with daylight saving, which a time alone cannot have.
    throw state.timeOnly && /\d/.test(name) ? badFormat() : unknownZone(name);
  }
}

export function dateField(state: State, text: string, index: number): void {
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
export function julianField(state: State, text: string): void {
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

export function setTimeOfDay(state: State, micros: number): void {
  const seconds = Math.floor(micros / microsPerSecond);
  state.micros = micros - seconds * microsPerSecond;
  state.hour = Math.floor(seconds / 3600);
  state.minute = Math.floor(seconds / 60) % 60;
  state.second = seconds % 60;
}

export function numberField(state: State, text: string, index: number): void {
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

export function timeOnlyNumber(state: State, text: string, point: number, index: number): number {
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

export function sessionZone(context: TypeContext): Zone {
  return findZone(context.timeZone) ?? utcZone;
}

/** The transaction's start in the session's zone. */
export function localNow(context: TypeContext): { days: number; micros: number; offset: number } {
  const { transactionTime } = context;
  const offset = sessionZone(context).offsetAt(Number(transactionTime / 1_000_000n));
  return { ...splitTimestamp(transactionTime + BigInt(offset) * 1_000_000n), offset };
}

export function reservedWord(
  state: State,
  word: Extract<Keyword, { kind: 'reserved' }>['value'],
): void {
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

export function wordField(state: State, text: string): void {
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

export function monthWord(state: State, month: number): void {
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

export function readFields(text: string, context: TypeContext, timeOnly: boolean): State {
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
