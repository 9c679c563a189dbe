import { PgError, SqlState } from '../../../base/index.ts';
import { roundHalfEven } from '../../../types/cast.ts';
import {
  civilFromDays,
  dateDaysEnd,
  dateDaysMin,
  daysFromCivil,
  daysInMonth,
  joinTimestamp,
  microsPerDay,
  splitTimestamp,
} from '../../../types/datetime/civil.ts';
import { isFiniteDate } from '../../../types/datetime/date-type.ts';
import { datetimeOutOfRange } from '../../../types/datetime/errors.ts';
import {
  checkedInterval,
  intervalInfinity,
  intervalMinusInfinity,
  intervalOutOfRange,
  intervalSpan,
  isFiniteInterval,
  isIntervalInfinity,
  makeInterval,
  negateInterval,
} from '../../../types/datetime/interval.ts';
import { isFiniteTimestamp } from '../../../types/datetime/timestamp-type.ts';
import type { Zone } from '../../../types/datetime/zone.ts';
import { divisionByZero } from '../../../types/numeric.ts';
import { timestampInfinity, timestampMinusInfinity } from '../../../types/value.ts';
import type { Interval } from '../../../types/value.ts';
import type { Environment } from '../frame.ts';
import { strictFunctions } from './definition.ts';
import type { FunctionEntry } from './definition.ts';
import { checkTimestamp, dateToTimestamp, fromLocal, sessionZone, toLocal } from './zone-time.ts';

const microsPerDayBig = BigInt(microsPerDay);

/** Moves a wall-clock timestamp by calendar months; the day is cut to the month's last. */
function addMonths(timestamp: bigint, months: number): bigint {
  const { days, micros } = splitTimestamp(timestamp);
  const { year, month, day } = civilFromDays(days);
  const total = year * 12 + (month - 1) + months;
  const newYear = Math.floor(total / 12);
  const newMonth = total - newYear * 12 + 1;
  const newDay = Math.min(day, daysInMonth(newYear, newMonth));
  return checkTimestamp(joinTimestamp(daysFromCivil(newYear, newMonth, newDay), micros));
}

function addDays(timestamp: bigint, days: number): bigint {
  return checkTimestamp(timestamp + BigInt(days) * microsPerDayBig);
}

/** An infinite interval decides the sum, unless the timestamp is infinite the other way. */
function infiniteSum(timestamp: bigint, span: Interval): bigint {
  const [sum, opposite] = isIntervalInfinity(span)
    ? [timestampInfinity, timestampMinusInfinity]
    : [timestampMinusInfinity, timestampInfinity];
  if (timestamp === opposite) throw datetimeOutOfRange('timestamp');
  return sum;
}

/** timestamp + interval: months, then days, then time. */
export function addToTimestamp(timestamp: bigint, span: Interval): bigint {
  if (!isFiniteInterval(span)) return infiniteSum(timestamp, span);
  if (!isFiniteTimestamp(timestamp)) return timestamp;
  let result = timestamp;
  if (span.months !== 0) result = addMonths(result, span.months);
  if (span.days !== 0) result = addDays(result, span.days);
  return checkTimestamp(result + span.micros);
}

/** timestamptz + interval: months and days by the zone's wall clock, time by the instant. */
export function addToTimestamptz(timestamp: bigint, span: Interval, zone: Zone): bigint {
  if (!isFiniteInterval(span)) return infiniteSum(timestamp, span);
  if (!isFiniteTimestamp(timestamp)) return timestamp;
  let result = timestamp;
  if (span.months !== 0) result = fromLocal(addMonths(toLocal(result, zone), span.months), zone);
  if (span.days !== 0) result = fromLocal(addDays(toLocal(result, zone), span.days), zone);
  return checkTimestamp(result + span.micros);
}

/** The difference in days and time, days having 24 hours. */
export function subtractTimestamps(left: bigint, right: bigint): Interval {
  if (!isFiniteTimestamp(left) || !isFiniteTimestamp(right)) {
    if (left === right) throw intervalOutOfRange();
    return left === timestampInfinity || right === timestampMinusInfinity
      ? intervalInfinity
      : intervalMinusInfinity;
  }
  const micros = left - right;
  if (micros > 9223372036854775807n || micros < -9223372036854775808n) throw intervalOutOfRange();
  const days = micros / microsPerDayBig;
  return makeInterval(0, Number(days), micros - days * microsPerDayBig);
}

function addIntervals(left: Interval, right: Interval): Interval {
  if (isFiniteInterval(left) && isFiniteInterval(right)) {
    return checkedInterval(
      left.months + right.months,
      left.days + right.days,
      left.micros + right.micros,
    );
  }
  const infinite = isFiniteInterval(left) ? right : left;
  const other = isFiniteInterval(left) ? left : right;
  if (!isFiniteInterval(other) && isIntervalInfinity(other) !== isIntervalInfinity(infinite)) {
    throw intervalOutOfRange();
  }
  return infinite;
}

function subtractIntervals(left: Interval, right: Interval): Interval {
  if (isFiniteInterval(left) && isFiniteInterval(right)) {
    return checkedInterval(
      left.months - right.months,
      left.days - right.days,
      left.micros - right.micros,
    );
  }
  return addIntervals(left, isFiniteInterval(right) ? right : negateInterval(right));
}

/** TSROUND: to whole microseconds, against the noise of fractions. */
const roundSeconds = (value: number): number => roundHalfEven(value * 1e6) / 1e6;

function int32(value: number): number {
  if (!(value >= -2147483648 && value < 2147483648)) throw intervalOutOfRange();
  return Math.trunc(value) + 0;
}

/** interval × and ÷ factor, as interval_mul and interval_div do: fractions of months go to days, those of days to time. */
function scaleInterval(span: Interval, scale: (part: number) => number): Interval {
  const months = int32(scale(span.months));
  let days = int32(scale(span.days));
  const monthDays = roundSeconds((scale(span.months) - months) * 30);
  let seconds = roundSeconds(
    (scale(span.days) - days + monthDays - Math.trunc(monthDays)) * 86_400,
  );
  if (Math.abs(seconds) >= 86_400) {
    const whole = Math.trunc(seconds / 86_400);
    days = int32(days + whole);
    seconds -= whole * 86_400;
  }
  days = int32(days + Math.trunc(monthDays));
  const micros = roundHalfEven(scale(Number(span.micros)) + seconds * 1e6);
  if (!(micros >= -(2 ** 63) && micros < 2 ** 63)) throw intervalOutOfRange();
  return checkedInterval(months, days, BigInt(micros));
}

function multiplyInterval(span: Interval, factor: number): Interval {
  if (Number.isNaN(factor)) throw intervalOutOfRange();
  if (!isFiniteInterval(span)) {
    if (factor === 0) throw intervalOutOfRange();
    return factor < 0 ? negateInterval(span) : span;
  }
  if (!Number.isFinite(factor)) {
    const worth = intervalSpan(span);
    if (worth === 0n) throw intervalOutOfRange();
    return worth > 0n === factor > 0 ? intervalInfinity : intervalMinusInfinity;
  }
  return scaleInterval(span, (part) => part * factor);
}

function divideInterval(span: Interval, factor: number): Interval {
  if (factor === 0) throw divisionByZero();
  if (Number.isNaN(factor)) throw intervalOutOfRange();
  if (!isFiniteInterval(span)) {
    if (!Number.isFinite(factor)) throw intervalOutOfRange();
    return factor < 0 ? negateInterval(span) : span;
  }
  return scaleInterval(span, (part) => part / factor);
}

function addToDate(date: number, days: number): number {
  if (!isFiniteDate(date)) return date;
  const result = date + days;
  if (result < dateDaysMin || result >= dateDaysEnd) throw datetimeOutOfRange('date');
  return result;
}

function subtractDates(left: number, right: number): number {
  if (!isFiniteDate(left) || !isFiniteDate(right)) {
    throw new PgError(SqlState.datetimeFieldOverflow, 'cannot subtract infinite dates');
  }
  return left - right;
}

const subtractFrom = (timestamp: bigint, span: Interval): bigint =>
  addToTimestamp(timestamp, negateInterval(span));

function addToTime(time: number, span: Interval, sign: 1 | -1): number {
  if (!isFiniteInterval(span)) {
    throw new PgError(
      SqlState.datetimeFieldOverflow,
      sign > 0
        ? 'cannot add infinite interval to time'
        : 'cannot subtract infinite interval from time',
    );
  }
  const total = (BigInt(time) + BigInt(sign) * span.micros) % microsPerDayBig;
  return Number(total < 0n ? total + microsPerDayBig : total);
}

function joinDateTime(date: number, time: number): bigint {
  const midnight = dateToTimestamp(date);
  return isFiniteTimestamp(midnight) ? checkTimestamp(midnight + BigInt(time)) : midnight;
}

const plusTz = (timestamp: bigint, span: Interval, environment: Environment): bigint =>
  addToTimestamptz(timestamp, span, sessionZone(environment));

export const dateArithmeticFunctions: readonly FunctionEntry[] = strictFunctions([
  [2032, 'timestamp_pl_interval(timestamp,interval)', addToTimestamp],
  [2033, 'timestamp_mi_interval(timestamp,interval)', subtractFrom],
  [
    2548,
    'interval_pl_timestamp(interval,timestamp)',
    (span: Interval, at: bigint) => addToTimestamp(at, span),
  ],
  [1189, 'timestamptz_pl_interval(timestamptz,interval)', plusTz],
  [
    1190,
    'timestamptz_mi_interval(timestamptz,interval)',
    (at: bigint, span: Interval, environment: Environment) =>
      plusTz(at, negateInterval(span), environment),
  ],
  [
    2549,
    'interval_pl_timestamptz(interval,timestamptz)',
    (span: Interval, at: bigint, environment: Environment) => plusTz(at, span, environment),
  ],
  [
    2071,
    'date_pl_interval(date,interval)',
    (date: number, span: Interval) => addToTimestamp(dateToTimestamp(date), span),
  ],
  [
    2072,
    'date_mi_interval(date,interval)',
    (date: number, span: Interval) => subtractFrom(dateToTimestamp(date), span),
  ],
  [
    2546,
    'interval_pl_date(interval,date)',
    (span: Interval, date: number) => addToTimestamp(dateToTimestamp(date), span),
  ],
  [1141, 'date_pli(date,int4)', addToDate],
  [1142, 'date_mii(date,int4)', (date: number, days: number) => addToDate(date, -days)],
  [2550, 'integer_pl_date(int4,date)', (days: number, date: number) => addToDate(date, days)],
  [1140, 'date_mi(date,date)', subtractDates],
  [1272, 'datetime_pl(date,time)', joinDateTime],
  [2025, 'timestamp(date,time)', joinDateTime],
  [1296, 'timedate_pl(time,date)', (time: number, date: number) => joinDateTime(date, time)],
  [2031, 'timestamp_mi(timestamp,timestamp)', subtractTimestamps],
  [1188, 'timestamptz_mi(timestamptz,timestamptz)', subtractTimestamps],
  [
    1747,
    'time_pl_interval(time,interval)',
    (time: number, span: Interval) => addToTime(time, span, 1),
  ],
  [
    1748,
    'time_mi_interval(time,interval)',
    (time: number, span: Interval) => addToTime(time, span, -1),
  ],
  [
    1848,
    'interval_pl_time(interval,time)',
    (span: Interval, time: number) => addToTime(time, span, 1),
  ],
  [1690, 'time_mi_time(time,time)', (l: number, r: number) => makeInterval(0, 0, BigInt(l - r))],
  [1169, 'interval_pl(interval,interval)', addIntervals],
  [1170, 'interval_mi(interval,interval)', subtractIntervals],
  [1168, 'interval_um(interval)', negateInterval],
  [1618, 'interval_mul(interval,float8)', multiplyInterval],
  [
    1624,
    'mul_d_interval(float8,interval)',
    (factor: number, span: Interval) => multiplyInterval(span, factor),
  ],
  [1326, 'interval_div(interval,float8)', divideInterval],
  [1373, 'isfinite(date)', isFiniteDate],
  [1389, 'isfinite(timestamptz)', isFiniteTimestamp],
  [2048, 'isfinite(timestamp)', isFiniteTimestamp],
  [1390, 'isfinite(interval)', isFiniteInterval],
]);
