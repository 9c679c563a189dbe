/** The proleptic Gregorian calendar, counted as PostgreSQL does: days and microseconds from 2000-01-01. */

export const microsPerSecond = 1_000_000;
export const microsPerDay = 86_400_000_000;
export const microsPerDayBig = 86_400_000_000n;
export const secondsPerDay = 86_400;

/** Days from 2000-01-01 to the first day that date and timestamp have (4714-11-24 BC, Julian day 0). */
export const dateDaysMin = -2_451_545;
/** First day past date's end (5874898-01-01). */
export const dateDaysEnd = 2_145_031_949;
/** timestamp's range in microseconds, the end excluded: 4714-11-24 BC to 294277-01-01. */
export const timestampMin = -211_813_488_000_000_000n;
export const timestampEnd = 9_223_371_331_200_000_000n;

/** Julian day of 2000-01-01. */
export const julianOfEpoch = 2_451_545;
/** Days from 1970-01-01 to 2000-01-01, in seconds. */
export const unixSecondsOfEpoch = 946_684_800;

/** 0000-03-01 to 2000-01-01, in days: years are counted from March so that the leap day is the last. */
const daysFromMarchZero = 730_425;
const daysPerEra = 146_097;

export interface CivilDate {
  /** Astronomical: 0 is 1 BC. */
  readonly year: number;
  /** 1 to 12 */
  readonly month: number;
  /** 1 to 31 */
  readonly day: number;
}

/** Days since 2000-01-01; the day may lie outside the month. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * daysPerEra + dayOfEra - daysFromMarchZero;
}

export function civilFromDays(days: number): CivilDate {
  const shifted = days + daysFromMarchZero;
  const era = Math.floor(shifted / daysPerEra);
  const dayOfEra = shifted - era * daysPerEra;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36524) -
      Math.floor(dayOfEra / 146096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
  };
}

export function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

export function daysInMonth(year: number, month: number): number {
  return month === 2 && isLeapYear(year) ? 29 : monthDays[month - 1]!;
}

/** 0 is Sunday. */
export function dayOfWeek(days: number): number {
  // 2000-01-01 was a Saturday.
  return (((days + 6) % 7) + 7) % 7;
}

/** A timestamp's day and its microseconds within it. */
export interface DayAndTime {
  readonly days: number;
  /** 0 to 86399999999 */
  readonly micros: number;
}

export function splitTimestamp(timestamp: bigint): DayAndTime {
  const small = Number(timestamp);
  if (Number.isSafeInteger(small)) {
    const days = Math.floor(small / microsPerDay);
    return { days, micros: small - days * microsPerDay };
  }
  let days = timestamp / microsPerDayBig;
  let micros = timestamp % microsPerDayBig;
  if (micros < 0n) {
    days -= 1n;
    micros += microsPerDayBig;
  }
  return { days: Number(days), micros: Number(micros) };
}

/** The timestamp at `micros` past the start of a day; both may be out of their usual range. */
export function joinTimestamp(days: number, micros: number): bigint {
  const total = days * microsPerDay + micros;
  if (Number.isSafeInteger(total)) return BigInt(total);
  return BigInt(days) * microsPerDayBig + BigInt(micros);
}

export function isTimestampInRange(timestamp: bigint): boolean {
  return timestamp >= timestampMin && timestamp < timestampEnd;
}
