/** extract(): numeric texts with PostgreSQL's scale; null where the field of an infinite value means nothing. */
import { decimalText, numericAdd, numericDiv } from '../numeric.ts';
import type { Interval, TimeTz } from '../value.ts';
import {
  civilFromDays,
  dayOfWeek,
  daysFromCivil,
  julianOfEpoch,
  microsPerDay,
  microsPerSecond,
  splitTimestamp,
  unixSecondsOfEpoch,
} from './civil.ts';
import { isFiniteDate } from './date-type.ts';
import { intervalParts, isFiniteInterval, isIntervalInfinity } from './interval.ts';
import { isoWeek } from './iso-week.ts';
import { isFiniteTimestamp } from './timestamp-type.ts';
import type { DateTimeUnit } from './units.ts';
import { requireUnit, unitNotSupported } from './units.ts';
import type { Zone } from './zone.ts';

const secondsScale = 6;

/** There is no year 0: what is 0 in the calendar's arithmetic is shown as -1. */
const withoutZero = (year: number): number => (year > 0 ? year : year - 1);

function decade(year: number): number {
  return year >= 0 ? Math.trunc(year / 10) : -Math.trunc((8 - (year - 1)) / 10);
}

/** Centuries and millennia count from year 1. */
function yearGroup(year: number, size: number): number {
  if (year > 0) return Math.trunc((year + size - 1) / size);
  return -Math.trunc((size - 1 - (year - 1)) / size);
}

/** Fields that a date alone decides; undefined for the others. */
function dateField(unit: DateTimeUnit, days: number): number | undefined {
  const { year, month, day } = civilFromDays(days);
  switch (unit) {
    case 'day':
      return day;
    case 'month':
      return month;
    case 'quarter':
      return Math.floor((month - 1) / 3) + 1;
    case 'week':
      return isoWeek(days).week;
    case 'year':
      return withoutZero(year);
    case 'decade':
      return decade(year);
    case 'century':
      return yearGroup(year, 100);
    case 'millennium':
      return yearGroup(year, 1000);
    case 'isoyear':
      return withoutZero(isoWeek(days).year);
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

/** Fields that the time of day alone decides. */
function timeField(unit: DateTimeUnit, micros: number): string | undefined {
  const ofMinute = micros % 60_000_000;
  switch (unit) {
    case 'microsecond':
      return String(ofMinute);
    case 'millisecond':
      return decimalText(BigInt(ofMinute), 3);
    case 'second':
      return decimalText(BigInt(ofMinute), secondsScale);
    case 'minute':
      return String(Math.floor(micros / 60_000_000) % 60);
    case 'hour':
      return String(Math.floor(micros / 3_600_000_000));
    default:
      return undefined;
  }
}

/** For infinite values: fields that only grow are infinite, those that go round are NULL. */
function nonFinite(unit: DateTimeUnit, positive: boolean): string | null {
  switch (unit) {
    case 'year':
    case 'decade':
    case 'century':
    case 'millennium':
    case 'julian':
    case 'isoyear':
    case 'epoch':
      return positive ? 'Infinity' : '-Infinity';
    default:
      return null;
  }
}

function epochText(micros: bigint): string {
  return decimalText(micros + BigInt(unixSecondsOfEpoch) * 1_000_000n, secondsScale);
}

function localField(unit: DateTimeUnit, days: number, micros: number): string | undefined {
  if (unit === 'julian') {
    return numericAdd(
      String(days + julianOfEpoch),
      numericDiv(String(micros), String(microsPerDay)),
    );
  }
  return timeField(unit, micros) ?? dateField(unit, days)?.toString();
}

const timestampName = 'timestamp without time zone';
const timestamptzName = 'timestamp with time zone';

export function extractTimestamp(unitName: string, value: bigint): string | null {
  const unit = requireUnit(unitName, timestampName);
  if (!isFiniteTimestamp(value)) return nonFinite(unit, value > 0n);
  if (unit === 'epoch') return epochText(value);
  const { days, micros } = splitTimestamp(value);
  const text = localField(unit, days, micros);
  if (text === undefined) throw unitNotSupported(unitName, timestampName);
  return text;
}

/** Fields of a zone's offset, seconds east. */
function zoneField(unit: DateTimeUnit, offset: number): string | undefined {
  switch (unit) {
    case 'timezone':
      return String(offset);
    case 'timezone_hour':
      return String(Math.trunc(offset / 3600));
    case 'timezone_minute':
      return String(Math.trunc(offset / 60) % 60);
    default:
      return undefined;
  }
}

/** The fields are those of the local time in `zone`. */
export function extractTimestamptz(unitName: string, value: bigint, zone: Zone): string | null {
  const unit = requireUnit(unitName, timestamptzName);
  if (!isFiniteTimestamp(value)) return nonFinite(unit, value > 0n);
  if (unit === 'epoch') return epochText(value);
  const utc = splitTimestamp(value);
  const offset = zone.offsetAt(utc.days * 86_400 + Math.floor(utc.micros / microsPerSecond));
  const { days, micros } = splitTimestamp(value + BigInt(offset) * 1_000_000n);
  const text = zoneField(unit, offset) ?? localField(unit, days, micros);
  if (text === undefined) throw unitNotSupported(unitName, timestamptzName);
  return text;
}

export function extractDate(unitName: string, value: number): string | null {
  const unit = requireUnit(unitName, 'date');
  if (timeField(unit, 0) !== undefined || unit.startsWith('timezone')) {
    throw unitNotSupported(unitName, 'date');
  }
  if (!isFiniteDate(value)) return nonFinite(unit, value > 0);
  if (unit === 'epoch') return String(value * 86_400 + unixSecondsOfEpoch);
  if (unit === 'julian') return String(value + julianOfEpoch);
  const field = dateField(unit, value);
  if (field === undefined) throw unitNotSupported(unitName, 'date');
  return String(field);
}

export function extractTime(unitName: string, micros: number): string {
  const typeName = 'time without time zone';
  const unit = requireUnit(unitName, typeName);
  if (unit === 'epoch') return decimalText(BigInt(micros), secondsScale);
  const text = timeField(unit, micros);
  if (text === undefined) throw unitNotSupported(unitName, typeName);
  return text;
}

export function extractTimetz(unitName: string, value: TimeTz): string {
  const typeName = 'time with time zone';
  const unit = requireUnit(unitName, typeName);
  if (unit === 'epoch') {
    return decimalText(BigInt(value.micros + value.zone * microsPerSecond), secondsScale);
  }
  const text = zoneField(unit, 0 - value.zone) ?? timeField(unit, value.micros);
  if (text === undefined) throw unitNotSupported(unitName, typeName);
  return text;
}

function intervalField(unit: DateTimeUnit, value: Interval): string | undefined {
  const parts = intervalParts(value);
  const ofMinute = BigInt(parts.seconds * microsPerSecond + parts.micros);
  const text = (number: number): string => String(0 + number);
  switch (unit) {
    case 'microsecond':
      return ofMinute.toString();
    case 'millisecond':
      return decimalText(ofMinute, 3);
    case 'second':
      return decimalText(ofMinute, secondsScale);
    case 'minute':
      return text(parts.minutes);
    case 'hour':
      return parts.hours.toString();
    case 'day':
      return text(parts.days);
    case 'week':
      return text(Math.trunc(parts.days / 7));
    case 'month':
      return text(parts.months);
    case 'quarter': {
      // In int32, as PostgreSQL negates.
      const ago = (0 - value.months) | 0;
      const months = value.months >= 0 ? value.months : ago;
      const quarter = Math.trunc((months % 12) / 3) + 1;
      return text(value.months >= 0 ? quarter : -quarter);
    }
    case 'year':
      return text(parts.years);
    case 'decade':
      return text(Math.trunc(parts.years / 10));
    case 'century':
      return text(Math.trunc(parts.years / 100));
    case 'millennium':
      return text(Math.trunc(parts.years / 1000));
    case 'epoch': {
      // Years of 365.25 days, single months of 30; quarters of days keep it whole.
      const quarterDays = BigInt(1461 * parts.years + 120 * parts.months) + 4n * BigInt(parts.days);
      return decimalText(quarterDays * 21_600n * 1_000_000n + value.micros, secondsScale);
    }
    default:
      return undefined;
  }
}

export function extractInterval(unitName: string, value: Interval): string | null {
  const unit = requireUnit(unitName, 'interval');
  const text = intervalField(unit, value);
  if (text === undefined) throw unitNotSupported(unitName, 'interval');
  if (isFiniteInterval(value)) return text;
  switch (unit) {
    case 'hour':
    case 'day':
    case 'year':
    case 'decade':
    case 'century':
    case 'millennium':
    case 'epoch':
      return isIntervalInfinity(value) ? 'Infinity' : '-Infinity';
    default:
      return null;
  }
}
