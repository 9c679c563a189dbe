/**
 * Reads the fields of a date, time or timestamp literal, as PostgreSQL's "Date/Time Input Interpretation" lays down:
 * ISO 8601, month names, day/month/year in the session's order, AM/PM, BC, Julian days, zone names and offsets.
 */
import type { TypeContext } from '../type.ts';
import {
  dateDaysEnd,
  dateDaysMin,
  daysFromCivil,
  daysInMonth,
  microsPerSecond,
  secondsPerDay,
} from './civil.ts';
import { localNow, readFields, sessionZone } from './decode-fields.ts';
import {
  checkClock,
  checkTimeOfDay,
  seenDate,
  seenDay,
  seenDayOfYear,
  seenEra,
  seenMonth,
  seenTime,
  seenYear,
  timeOfDay,
} from './decode-parts.ts';
import type { State } from './decode-parts.ts';
import type { DecodedDateTime, DecodedSpecial, DecodedTime } from './decoded.ts';
import { DateTimeInputError, badFormat, fieldOverflow } from './errors.ts';
import { offsetOfLocal } from './zone.ts';

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
