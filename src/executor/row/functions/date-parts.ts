import { PgError, SqlState } from '../../../base/index.ts';
import {
  civilFromDays,
  dayOfWeek,
  daysFromCivil,
  joinTimestamp,
  julianOfEpoch,
  splitTimestamp,
  timestampEnd,
  timestampMin,
  unixSecondsOfEpoch,
} from '../../../types/datetime/civil.ts';
import { roundHalfEven } from '../../../types/cast.ts';
import { isFiniteDate } from '../../../types/datetime/date-type.ts';
import { findIntervalUnit } from '../../../types/datetime/interval-decode.ts';
import { isFiniteInterval, isIntervalInfinity } from '../../../types/datetime/interval.ts';
import { isFiniteTimestamp } from '../../../types/datetime/timestamp-type.ts';
import { findZone } from '../../../types/datetime/zone.ts';
import type { Zone } from '../../../types/datetime/zone.ts';
import { parseFloat8 } from '../../../types/float.ts';
import { decimalText, numericAdd, numericDiv } from '../../../types/numeric.ts';
import { timestampInfinity, timestampMinusInfinity } from '../../../types/value.ts';
import type { Interval } from '../../../types/value.ts';
import type { Environment } from '../frame.ts';
import { strictFunctions } from './definition.ts';
import type { FunctionEntry } from './definition.ts';
import { lowerAscii } from './letter-case.ts';
import {
  checkTimestamp,
  dateToTimestamp,
  fromLocal,
  offsetAt,
  sessionZone,
  toLocal,
} from './zone-time.ts';

/** Fields besides an interval's units that extract() knows (datetktbl), by their first ten letters. */
const specialFields: Readonly<Record<string, string>> = {
  dow: 'dow',
  doy: 'doy',
  epoch: 'epoch',
  isodow: 'isodow',
  isoyear: 'isoyear',
  j: 'julian',
  jd: 'julian',
  julian: 'julian',
  qtr: 'quarter',
  quarter: 'quarter',
  timezone: 'timezone',
  timezone_h: 'timezone_hour',
  timezone_m: 'timezone_minute',
};

/** Units that date_trunc knows (deltatktbl): of the special fields, only those that are durations or zones. */
function unitOf(text: string, typeName: string): string {
  return fieldOf(text, typeName, (field) => field === 'quarter' || field.startsWith('timezone'));
}

function fieldOf(
  text: string,
  typeName: string,
  allowed: (field: string) => boolean = () => true,
): string {
  const word = lowerAscii(text).slice(0, 10);
  const special = specialFields[word];
  const field = findIntervalUnit(word) ?? (special && allowed(special) ? special : undefined);
  if (field === undefined) {
    throw new PgError(
      SqlState.invalidParameterValue,
      `unit "${lowerAscii(text)}" not recognized for type ${typeName}`,
    );
  }
  return field;
}

function notForType(text: string, typeName: string): PgError {
  return new PgError(
    SqlState.featureNotSupported,
    `unit "${lowerAscii(text)}" not supported for type ${typeName}`,
  );
}

/** First day (Monday) of the ISO year's week 1. */
function isoYearStart(year: number): number {
  const fourth = daysFromCivil(year, 1, 4);
  return fourth - ((dayOfWeek(fourth) + 6) % 7);
}

function isoYearOf(days: number): number {
  const { year } = civilFromDays(days);
  if (days >= isoYearStart(year + 1)) return year + 1;
  return days < isoYearStart(year) ? year - 1 : year;
}

const isoWeekOf = (days: number): number =>
  Math.floor((days - isoYearStart(isoYearOf(days))) / 7) + 1;

/** There is no year 0: 1 BC is -1. */
const shownYear = (year: number): number => (year > 0 ? year : year - 1);

function decadeOf(year: number): number {
  return year >= 0 ? Math.floor(year / 10) : -Math.floor((8 - (year - 1)) / 10);
}

/** Centuries and millennia count from year 1, and from 1 BC backwards. */
function periodOf(year: number, years: number): number {
  return year > 0
    ? Math.floor((year + years - 1) / years)
    : -Math.floor((years - 1 - (year - 1)) / years);
}

/** Fields of a day alone; undefined: it has no such field. */
function dayField(field: string, days: number): number | undefined {
  const { year, month, day } = civilFromDays(days);
  switch (field) {
    case 'day':
      return day;
    case 'month':
      return month;
    case 'quarter':
      return Math.floor((month - 1) / 3) + 1;
    case 'week':
      return isoWeekOf(days);
    case 'year':
      return shownYear(year);
    case 'decade':
      return decadeOf(year);
    case 'century':
      return periodOf(year, 100);
    case 'millennium':
      return periodOf(year, 1000);
    case 'isoyear':
      return shownYear(isoYearOf(days));
    case 'dow':
      return dayOfWeek(days);
    case 'isodow':
      return dayOfWeek(days) || 7;
    case 'doy':
      return days - daysFromCivil(year, 1, 1) + 1;
    default:
      return undefined;
  }
}

/** Fields of the time of day, with their usual decimals. */
function timeField(field: string, micros: number): string | undefined {
  const inMinute = BigInt(micros % 60_000_000);
  switch (field) {
    case 'microsecond':
      return String(inMinute);
    case 'millisecond':
      return decimalText(inMinute, 3);
    case 'second':
      return decimalText(inMinute, 6);
    case 'minute':
      return String(Math.floor(micros / 60_000_000) % 60);
    case 'hour':
      return String(Math.floor(micros / 3_600_000_000));
    default:
      return undefined;
  }
}

/** Of an infinite value the fields that grow with it are infinite, the others unknown. */
const growing: ReadonlySet<string> = new Set([
  'year',
  'decade',
  'century',
  'millennium',
  'isoyear',
  'julian',
  'epoch',
]);
const infinityText = (positive: boolean): string => (positive ? 'Infinity' : '-Infinity');

function infiniteField(field: string, positive: boolean): string | null {
  return growing.has(field) ? infinityText(positive) : null;
}

const julianMicros = String(86_400_000_000);

/** extract(field from a wall-clock time); `offset` in seconds east where there is a zone. */
function extractTimestamp(
  text: string,
  local: bigint,
  instant: bigint,
  offset: number | undefined,
): string | null {
  const typeName =
    offset === undefined ? 'timestamp without time zone' : 'timestamp with time zone';
  const field = fieldOf(text, typeName);
  if (!isFiniteTimestamp(local)) return infiniteField(field, local > 0n);
  const { days, micros } = splitTimestamp(local);
  const ofDay = dayField(field, days);
  if (ofDay !== undefined) return String(ofDay);
  const ofTime = timeField(field, micros);
  if (ofTime !== undefined) return ofTime;
  if (field === 'epoch') return decimalText(instant + BigInt(unixSecondsOfEpoch) * 1_000_000n, 6);
  if (field === 'julian') {
    return numericAdd(String(days + julianOfEpoch), numericDiv(String(micros), julianMicros));
  }
  if (offset === undefined) throw notForType(text, typeName);
  switch (field) {
    case 'timezone':
      return String(offset);
    case 'timezone_hour':
      return String(Math.trunc(offset / 3600) + 0);
    default:
      return String(Math.trunc((offset % 3600) / 60) + 0);
  }
}

function extractTz(text: string, instant: bigint, environment: Environment): string | null {
  const zone = sessionZone(environment);
  if (!isFiniteTimestamp(instant)) return extractTimestamp(text, instant, instant, 0);
  return extractTimestamp(text, toLocal(instant, zone), instant, offsetAt(instant, zone));
}

const extractPlain = (text: string, at: bigint): string | null =>
  extractTimestamp(text, at, at, undefined);

function extractDate(text: string, date: number): string | null {
  const field = fieldOf(text, 'date');
  const known = growing.has(field) || dayField(field, 0) !== undefined;
  if (!known) throw notForType(text, 'date');
  if (!isFiniteDate(date)) return infiniteField(field, date > 0);
  if (field === 'epoch') return String(BigInt(date) * 86_400n + BigInt(unixSecondsOfEpoch));
  if (field === 'julian') return String(date + julianOfEpoch);
  return String(dayField(field, date)!);
}

function extractTime(text: string, micros: number): string {
  const typeName = 'time without time zone';
  const field = fieldOf(text, typeName);
  if (field === 'epoch') return decimalText(BigInt(micros), 6);
  const found = timeField(field, micros);
  if (found === undefined) throw notForType(text, typeName);
  return found;
}

const asFloat = (value: string | null): number | null =>
  value === null ? null : parseFloat8(value);

/** date_trunc on the wall clock; undefined: not such a unit. */
function truncate(field: string, local: bigint): bigint | undefined {
  const { days, micros } = splitTimestamp(local);
  const { year, month } = civilFromDays(days);
  const units: Readonly<Record<string, number>> = {
    microsecond: 1,
    millisecond: 1000,
    second: 1_000_000,
    minute: 60_000_000,
    hour: 3_600_000_000,
  };
  const unit = units[field];
  if (unit !== undefined) return joinTimestamp(days, micros - (micros % unit));
  const start = (y: number, m = 1): bigint => joinTimestamp(daysFromCivil(y, m, 1), 0);
  switch (field) {
    case 'day':
      return joinTimestamp(days, 0);
    case 'week':
      return joinTimestamp(days - ((dayOfWeek(days) + 6) % 7), 0);
    case 'month':
      return start(year, month);
    case 'quarter':
      return start(year, month - ((month - 1) % 3));
    case 'year':
      return start(year);
    case 'decade':
      return start(year > 0 ? Math.floor(year / 10) * 10 : -Math.floor((8 - (year - 1)) / 10) * 10);
    case 'century':
      return start(periodStart(year, 100));
    case 'millennium':
      return start(periodStart(year, 1000));
    default:
      return undefined;
  }
}

function periodStart(year: number, years: number): number {
  return year > 0
    ? Math.floor((year + years - 1) / years) * years - (years - 1)
    : -Math.floor((years - 1 - (year - 1)) / years) * years + 1;
}

function truncatePlain(text: string, at: bigint): bigint {
  const typeName = 'timestamp without time zone';
  const field = unitOf(text, typeName);
  const result = truncate(field, isFiniteTimestamp(at) ? at : 0n);
  if (result === undefined) throw notForType(text, typeName);
  return isFiniteTimestamp(at) ? checkTimestamp(result) : at;
}

/** Units from the day up start at the zone's own midnight; below, the offset of the instant stays. */
function truncateZoned(text: string, at: bigint, zone: Zone): bigint {
  const typeName = 'timestamp with time zone';
  const field = unitOf(text, typeName);
  const finite = isFiniteTimestamp(at);
  const local = finite ? toLocal(at, zone) : 0n;
  const result = truncate(field, local);
  if (result === undefined) throw notForType(text, typeName);
  if (!finite) return at;
  const fine = ['microsecond', 'millisecond', 'second', 'minute', 'hour'].includes(field);
  return fine ? checkTimestamp(at - (local - result)) : fromLocal(result, zone);
}

function truncateNamed(text: string, at: bigint, zoneName: string): bigint {
  const zone = findZone(zoneName);
  if (!zone) {
    throw new PgError(SqlState.invalidParameterValue, `time zone "${zoneName}" not recognized`);
  }
  return truncateZoned(text, at, zone);
}

/** C's %g. */
function shortFloat(value: number): string {
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  if (exponent >= -4 && exponent < 6) return String(Number(value.toPrecision(6)));
  const [digits, power] = value.toExponential(5).split('e');
  const sign = power!.startsWith('-') ? '-' : '+';
  return `${Number(digits)}e${sign}${power!.slice(1).padStart(2, '0')}`;
}

const unixTimestampMin = Number(timestampMin) / 1e6 + unixSecondsOfEpoch;
const unixTimestampEnd = Number(timestampEnd) / 1e6 + unixSecondsOfEpoch;

/** to_timestamp(seconds since 1970). */
function fromEpoch(seconds: number): bigint {
  if (Number.isNaN(seconds)) {
    throw new PgError(SqlState.datetimeFieldOverflow, 'timestamp cannot be NaN');
  }
  if (seconds === Infinity) return timestampInfinity;
  if (seconds === -Infinity) return timestampMinusInfinity;
  if (seconds < unixTimestampMin || seconds >= unixTimestampEnd) {
    throw new PgError(
      SqlState.datetimeFieldOverflow,
      `timestamp out of range: "${shortFloat(seconds)}"`,
    );
  }
  return checkTimestamp(BigInt(roundHalfEven((seconds - unixSecondsOfEpoch) * 1e6)));
}

const typeInterval = 'interval';

/** extract(field from interval); years have 12 months, the epoch's years 365.25 days. */
function extractInterval(text: string, span: Interval): string | null {
  const field = fieldOf(text, typeInterval);
  if (!isFiniteInterval(span)) {
    const grows = ['hour', 'day', 'year', 'decade', 'century', 'millennium', 'epoch'].includes(
      field,
    );
    if (grows) return infinityText(isIntervalInfinity(span));
    const others = ['microsecond', 'millisecond', 'second', 'minute', 'week', 'month', 'quarter'];
    if (others.includes(field)) return null;
    throw notForType(text, typeInterval);
  }
  const years = Math.trunc(span.months / 12);
  const inMinute = span.micros % 60_000_000n;
  const whole = (value: number): string => String(Math.trunc(value) + 0);
  switch (field) {
    case 'microsecond':
      return String(inMinute);
    case 'millisecond':
      return decimalText(inMinute, 3);
    case 'second':
      return decimalText(inMinute, 6);
    case 'minute':
      return String((span.micros / 60_000_000n) % 60n);
    case 'hour':
      return String(span.micros / 3_600_000_000n);
    case 'day':
      return String(span.days);
    case 'week':
      return whole(span.days / 7);
    case 'month':
      return whole(span.months % 12);
    case 'year':
      return whole(years);
    case 'decade':
      return whole(years / 10);
    case 'century':
      return whole(years / 100);
    case 'millennium':
      return whole(years / 1000);
    case 'epoch': {
      const days =
        BigInt(years) * 1461n * 21_600n +
        BigInt(span.months % 12) * 30n * 86_400n +
        BigInt(span.days) * 86_400n;
      return decimalText(days * 1_000_000n + span.micros, 6);
    }
    case 'quarter':
      return span.months >= 0
        ? whole((span.months % 12) / 3 + 1)
        : whole(-(Math.trunc(-(span.months % 12) / 3) + 1));
    default:
      throw notForType(text, typeInterval);
  }
}

export const datePartFunctions: readonly FunctionEntry[] = strictFunctions([
  [6199, 'extract(text,date)', extractDate],
  [6200, 'extract(text,time)', extractTime],
  [6202, 'extract(text,timestamp)', extractPlain],
  [6203, 'extract(text,timestamptz)', extractTz],
  [6204, 'extract(text,interval)', extractInterval],
  [
    1384,
    'date_part(text,date)',
    (text: string, date: number) => asFloat(extractPlain(text, dateToTimestamp(date))),
  ],
  [1385, 'date_part(text,time)', (text: string, time: number) => asFloat(extractTime(text, time))],
  [
    2021,
    'date_part(text,timestamp)',
    (text: string, at: bigint) => asFloat(extractPlain(text, at)),
  ],
  [
    1171,
    'date_part(text,timestamptz)',
    (text: string, at: bigint, environment: Environment) =>
      asFloat(extractTz(text, at, environment)),
  ],
  [
    1172,
    'date_part(text,interval)',
    (text: string, span: Interval) => asFloat(extractInterval(text, span)),
  ],
  [2020, 'date_trunc(text,timestamp)', truncatePlain],
  [
    1217,
    'date_trunc(text,timestamptz)',
    (text: string, at: bigint, environment: Environment) =>
      truncateZoned(text, at, sessionZone(environment)),
  ],
  [1284, 'date_trunc(text,timestamptz,text)', truncateNamed],
  [1158, 'to_timestamp(float8)', fromEpoch],
]);
