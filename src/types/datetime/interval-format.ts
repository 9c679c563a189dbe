/** Text of intervals in every IntervalStyle. */
import type { TypeContext } from '../type.ts';
import type { Interval } from '../value.ts';
import { fractionText } from './format.ts';
import { intervalParts, isIntervalInfinity, isIntervalMinusInfinity } from './interval.ts';
import type { IntervalParts } from './interval.ts';

const two = (value: number | bigint): string => String(value).padStart(2, '0');
const abs = (value: bigint): bigint => (value < 0n ? -value : value);

/** Seconds with their fraction, without sign. */
function secondsText(parts: IntervalParts, pad: boolean): string {
  const whole = Math.abs(parts.seconds);
  const micros = Math.abs(parts.micros);
  return (pad ? two(whole) : String(whole)) + (micros === 0 ? '' : fractionText(micros));
}

const hasTime = (parts: IntervalParts): boolean =>
  parts.hours !== 0n || parts.minutes !== 0 || parts.seconds !== 0 || parts.micros !== 0;

const timeIsNegative = (parts: IntervalParts): boolean =>
  parts.hours < 0n || parts.minutes < 0 || parts.seconds < 0 || parts.micros < 0;

/** `1 year 2 mons -3 days +04:05:06` */
function postgresText(parts: IntervalParts): string {
  const words: string[] = [];
  // A positive part after a negative one shows its sign.
  let afterNegative = false;
  const add = (value: number, unit: string): void => {
    if (value === 0) return;
    words.push(`${afterNegative && value > 0 ? '+' : ''}${value} ${unit}${value === 1 ? '' : 's'}`);
    afterNegative = value < 0;
  };
  add(parts.years, 'year');
  add(parts.months, 'mon');
  add(parts.days, 'day');
  if (words.length === 0 || hasTime(parts)) {
    const sign = timeIsNegative(parts) ? '-' : afterNegative ? '+' : '';
    const clock = `${two(abs(parts.hours))}:${two(Math.abs(parts.minutes))}:${secondsText(parts, true)}`;
    words.push(sign + clock);
  }
  return words.join(' ');
}

/** `@ 1 year 2 mons 3 days 4 hours 5 mins 6 secs ago` */
function verboseText(parts: IntervalParts): string {
  let text = '@';
  let empty = true;
  let ago = false;
  const add = (value: bigint, unit: string): void => {
    if (value === 0n) return;
    // The first part decides whether the whole is in the past.
    if (empty) ago = value < 0n;
    const shown = ago ? -value : value;
    text += ` ${shown} ${unit}${shown === 1n ? '' : 's'}`;
    empty = false;
  };
  add(BigInt(parts.years), 'year');
  add(BigInt(parts.months), 'mon');
  add(BigInt(parts.days), 'day');
  add(parts.hours, 'hour');
  add(BigInt(parts.minutes), 'min');
  if (parts.seconds !== 0 || parts.micros !== 0) {
    const negative = parts.seconds < 0 || parts.micros < 0;
    if (empty) ago = negative;
    const sign = negative === ago ? '' : '-';
    const plural = Math.abs(parts.seconds) === 1 && parts.micros === 0 ? '' : 's';
    text += ` ${sign}${secondsText(parts, false)} sec${plural}`;
    empty = false;
  }
  if (empty) text += ' 0';
  return ago ? `${text} ago` : text;
}

/** `P1Y2M3DT4H5M6S` */
function isoText(parts: IntervalParts): string {
  let text = 'P';
  if (parts.years !== 0) text += `${parts.years}Y`;
  if (parts.months !== 0) text += `${parts.months}M`;
  if (parts.days !== 0) text += `${parts.days}D`;
  if (!hasTime(parts)) return text === 'P' ? 'PT0S' : text;
  text += 'T';
  if (parts.hours !== 0n) text += `${parts.hours}H`;
  if (parts.minutes !== 0) text += `${parts.minutes}M`;
  if (parts.seconds !== 0 || parts.micros !== 0) {
    text += `${parts.seconds < 0 || parts.micros < 0 ? '-' : ''}${secondsText(parts, false)}S`;
  }
  return text;
}

/** `1-2`, `3 4:05:06`, or with a sign on every part where the standard has no form for the value. */
function sqlText(parts: IntervalParts): string {
  const values = [
    parts.years,
    parts.months,
    parts.days,
    Number(parts.hours),
    parts.minutes,
    parts.seconds,
    parts.micros,
  ];
  const anyNegative = values.some((value) => value < 0);
  const anyPositive = values.some((value) => value > 0);
  if (!anyNegative && !anyPositive) return '0';
  const hasYearMonth = parts.years !== 0 || parts.months !== 0;
  const hasDayTime = parts.days !== 0 || hasTime(parts);
  const years = Math.abs(parts.years);
  const months = Math.abs(parts.months);
  const days = Math.abs(parts.days);
  const clock = `${abs(parts.hours)}:${two(Math.abs(parts.minutes))}:${secondsText(parts, true)}`;
  if ((anyNegative && anyPositive) || (hasYearMonth && hasDayTime)) {
    const sign = (negative: boolean): string => (negative ? '-' : '+');
    const yearSign = sign(parts.years < 0 || parts.months < 0);
    return `${yearSign}${years}-${months} ${sign(parts.days < 0)}${days} ${sign(timeIsNegative(parts))}${clock}`;
  }
  const sign = anyNegative ? '-' : '';
  if (hasYearMonth) return `${sign}${years}-${months}`;
  return sign + (parts.days === 0 ? clock : `${days} ${clock}`);
}

export function intervalText(value: Interval, style: TypeContext['intervalStyle']): string {
  if (isIntervalInfinity(value)) return 'infinity';
  if (isIntervalMinusInfinity(value)) return '-infinity';
  const parts = intervalParts(value);
  switch (style) {
    case 'postgres':
      return postgresText(parts);
    case 'postgres_verbose':
      return verboseText(parts);
    case 'iso_8601':
      return isoText(parts);
    case 'sql_standard':
      return sqlText(parts);
  }
}
