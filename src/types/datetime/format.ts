/** Text of dates, times and timestamps in every DateStyle. */
import type { TypeContext } from '../type.ts';
import { civilFromDays, dayOfWeek, microsPerSecond, splitTimestamp } from './civil.ts';
import type { Zone } from './zone.ts';
import { offsetText } from './zone.ts';

type Style = Pick<TypeContext, 'dateStyle' | 'dateOrder'>;

const two: readonly string[] = Array.from({ length: 100 }, (_, n) => String(n).padStart(2, '0'));
const dayNames = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const monthNames = [
  'Jan',
  'Feb',
  'Mar',
  'Apr',
  'May',
  'Jun',
  'Jul',
  'Aug',
  'Sep',
  'Oct',
  'Nov',
  'Dec',
];

/** `12:34:56.789`: no trailing zeros in the fraction. `micros` is 0 to 86400000000. */
export function timeText(micros: number): string {
  const seconds = Math.floor(micros / microsPerSecond);
  const fraction = micros - seconds * microsPerSecond;
  const hour = Math.floor(seconds / 3600);
  const minute = Math.floor(seconds / 60) % 60;
  const text = `${two[hour]}:${two[minute]}:${two[seconds % 60]}`;
  return fraction === 0 ? text : text + fractionText(fraction);
}

/** `.789` for 789000 microseconds. */
export function fractionText(micros: number): string {
  let digits = String(micros).padStart(6, '0');
  let end = 6;
  while (digits.charCodeAt(end - 1) === 48) end--;
  digits = digits.slice(0, end);
  return `.${digits}`;
}

function yearText(year: number): string {
  const shown = year > 0 ? year : 1 - year;
  return shown > 999 ? String(shown) : String(shown).padStart(4, '0');
}

// Tables are often ordered by day: the last ISO date is kept.
let isoDays = NaN;
let isoText = '';

/** `2000-01-31`; years before Christ lack their BC here. */
function isoDate(days: number): string {
  if (days === isoDays) return isoText;
  const { year, month, day } = civilFromDays(days);
  isoDays = days;
  isoText = `${yearText(year)}-${two[month]}-${two[day]}`;
  return isoText;
}

/** 0001-01-01 */
const firstDayAfterChrist = -730_119;

function era(days: number): string {
  return days < firstDayAfterChrist ? ' BC' : '';
}

/** A finite date. */
export function dateText(days: number, { dateStyle, dateOrder }: Style): string {
  if (dateStyle === 'ISO') return isoDate(days) + era(days);
  const date = civilFromDays(days);
  const year = yearText(date.year);
  const month = two[date.month]!;
  const day = two[date.day]!;
  if (dateStyle === 'German') return `${day}.${month}.${year}${era(days)}`;
  const separator = dateStyle === 'SQL' ? '/' : '-';
  const parts = dateOrder === 'DMY' ? [day, month, year] : [month, day, year];
  return parts.join(separator) + era(days);
}

function styledTimestamp(days: number, micros: number, style: Style, zone: string): string {
  const time = timeText(micros);
  const { dateStyle, dateOrder } = style;
  const tail = zone === '' ? '' : ` ${zone}`;
  if (dateStyle !== 'Postgres') {
    const date = dateText(days, style).replace(' BC', '');
    return `${date} ${time}${tail}${era(days)}`;
  }
  const date = civilFromDays(days);
  const month = monthNames[date.month - 1]!;
  const day = two[date.day]!;
  const monthDay = dateOrder === 'DMY' ? `${day} ${month}` : `${month} ${day}`;
  return `${dayNames[dayOfWeek(days)]} ${monthDay} ${time} ${yearText(date.year)}${tail}${era(days)}`;
}

/** A finite timestamp without zone. */
export function timestampText(timestamp: bigint, style: Style): string {
  const { days, micros } = splitTimestamp(timestamp);
  if (style.dateStyle !== 'ISO') return styledTimestamp(days, micros, style, '');
  const text = `${isoDate(days)} ${timeText(micros)}`;
  return days < firstDayAfterChrist ? `${text} BC` : text;
}

/** A finite timestamptz in `zone`. */
export function timestamptzText(timestamp: bigint, style: Style, zone: Zone): string {
  const utc = splitTimestamp(timestamp);
  const utcSeconds = utc.days * 86_400 + Math.floor(utc.micros / microsPerSecond);
  const offset = zone.offsetAt(utcSeconds);
  let { days } = utc;
  let micros = utc.micros + offset * microsPerSecond;
  if (micros < 0) {
    days--;
    micros += 86_400_000_000;
  } else if (micros >= 86_400_000_000) {
    days++;
    micros -= 86_400_000_000;
  }
  if (style.dateStyle !== 'ISO') {
    return styledTimestamp(days, micros, style, zone.abbreviationAt(utcSeconds));
  }
  const text = `${isoDate(days)} ${timeText(micros)}${offset === 0 ? '+00' : offsetText(offset)}`;
  return days < firstDayAfterChrist ? `${text} BC` : text;
}
