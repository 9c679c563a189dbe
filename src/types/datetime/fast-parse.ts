/** Reads the one spelling that nearly all data has, `yyyy-mm-dd[ hh:mm[:ss[.ffffff]]]`; anything else is undefined here. */
import { daysFromCivil, daysInMonth, joinTimestamp } from './civil.ts';

function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48;
  const ones = text.charCodeAt(at + 1) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NaN;
}

const dash = 45;
const colon = 58;

// Tables are often ordered by day: the last date is kept.
let lastText = '';
let lastDays = NaN;

/** Days of the ISO date at the start of `text`, or NaN. */
function isoDays(text: string): number {
  if (text.charCodeAt(4) !== dash || text.charCodeAt(7) !== dash) return NaN;
  const date = text.slice(0, 10);
  if (date === lastText) return lastDays;
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  if (!(year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month)))
    return NaN;
  lastText = date;
  lastDays = daysFromCivil(year, month, day);
  return lastDays;
}

export function fastDate(text: string): number | undefined {
  if (text.length !== 10) return undefined;
  const days = isoDays(text);
  return days === days ? days : undefined;
}

/** Microseconds of `hh:mm[:ss[.ffffff]]` from `at` to `end`, or NaN. */
function clockMicros(text: string, at: number, end: number): number {
  const length = end - at;
  if (text.charCodeAt(at + 2) !== colon) return NaN;
  const hour = twoDigits(text, at);
  const minute = twoDigits(text, at + 3);
  let second = 0;
  let fraction = 0;
  if (length !== 5) {
    if (length < 8 || text.charCodeAt(at + 5) !== colon) return NaN;
    second = twoDigits(text, at + 6);
    if (length > 8) {
      if (length < 10 || length > 15 || text.charCodeAt(at + 8) !== 46) return NaN;
      for (let i = 0; i < 6; i++) {
        const digit = i < length - 9 ? text.charCodeAt(at + 9 + i) - 48 : 0;
        if (!(digit >= 0 && digit <= 9)) return NaN;
        fraction = fraction * 10 + digit;
      }
    }
  }
  if (!(hour <= 23 && minute <= 59 && second <= 59)) return NaN;
  return ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction;
}

export function fastTime(text: string): number | undefined {
  const micros = clockMicros(text, 0, text.length);
  return micros === micros ? micros : undefined;
}

/** Also takes the zone `+00` or `Z` off where `utc` says that the type has one; other zones are left to the slow path. */
export function fastTimestamp(text: string, utcSuffix: boolean): bigint | undefined {
  let end = text.length;
  if (end < 10) return undefined;
  if (utcSuffix) {
    if (text.charCodeAt(end - 1) === 90) end--;
    else if (text.endsWith('+00')) end -= 3;
    else return undefined;
    if (end === 10) return undefined;
  }
  const days = isoDays(text);
  if (days !== days) return undefined;
  if (end === 10) return joinTimestamp(days, 0);
  const separator = text.charCodeAt(10);
  if (separator !== 32 && separator !== 84) return undefined;
  const micros = clockMicros(text, 11, end);
  return micros === micros ? joinTimestamp(days, micros) : undefined;
}
