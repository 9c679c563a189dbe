/** date_trunc() */
import type { Interval } from '../value.ts';
import {
  civilFromDays,
  dayOfWeek,
  daysFromCivil,
  isTimestampInRange,
  joinTimestamp,
  microsPerSecond,
  splitTimestamp,
} from './civil.ts';
import { datetimeOutOfRange } from './errors.ts';
import { isFiniteInterval, makeInterval } from './interval.ts';
import { isFiniteTimestamp, localOffset } from './timestamp-type.ts';
import type { DateTimeUnit } from './units.ts';
import { requireTruncUnit, unitNotSupported } from './units.ts';
import type { Zone } from './zone.ts';

const timestampName = 'timestamp without time zone';
const timestamptzName = 'timestamp with time zone';

const microsOf: Partial<Record<DateTimeUnit, number>> = {
  microsecond: 1,
  millisecond: 1000,
  second: 1_000_000,
  minute: 60_000_000,
  hour: 3_600_000_000,
};

/** First day of the unit that holds `days`; undefined for units that date_trunc does not have. */
function truncateDays(unit: DateTimeUnit, days: number): number | undefined {
  const { year, month } = civilFromDays(days);
  switch (unit) {
    case 'day':
      return days;
    case 'week':
      return days - ((dayOfWeek(days) + 6) % 7);
    case 'month':
      return daysFromCivil(year, month, 1);
    case 'quarter':
      return daysFromCivil(year, month - ((month - 1) % 3), 1);
    case 'year':
      return daysFromCivil(year, 1, 1);
    case 'decade':
      return daysFromCivil(
        year > 0 ? Math.trunc(year / 10) * 10 : -Math.trunc((8 - (year - 1)) / 10) * 10,
        1,
        1,
      );
    case 'century':
      return daysFromCivil(groupStart(year, 100), 1, 1);
    case 'millennium':
      return daysFromCivil(groupStart(year, 1000), 1, 1);
    default:
      return undefined;
  }
}

/** Centuries and millennia start with a year that ends in 1. */
function groupStart(year: number, size: number): number {
  if (year > 0) return Math.trunc((year + size - 1) / size) * size - (size - 1);
  return -Math.trunc((size - 1 - (year - 1)) / size) * size + 1;
}

function checked(value: bigint): bigint {
  if (!isTimestampInRange(value)) throw datetimeOutOfRange('timestamp');
  return value;
}

export function dateTrunc(unitName: string, value: bigint): bigint {
  const unit = requireTruncUnit(unitName, timestampName);
  const unitMicros = microsOf[unit];
  if (unitMicros === undefined && truncateDays(unit, 0) === undefined) {
    throw unitNotSupported(unitName, timestampName);
  }
  if (!isFiniteTimestamp(value)) return value;
  const { days, micros } = splitTimestamp(value);
  if (unitMicros !== undefined) return joinTimestamp(days, micros - (micros % unitMicros));
  return checked(joinTimestamp(truncateDays(unit, days)!, 0));
}

/** Truncates the local time in `zone`. */
export function dateTruncTimestamptz(unitName: string, value: bigint, zone: Zone): bigint {
  const unit = requireTruncUnit(unitName, timestamptzName);
  const unitMicros = microsOf[unit];
  if (unitMicros === undefined && truncateDays(unit, 0) === undefined) {
    throw unitNotSupported(unitName, timestamptzName);
  }
  if (!isFiniteTimestamp(value)) return value;
  const utc = splitTimestamp(value);
  const offset = zone.offsetAt(utc.days * 86_400 + Math.floor(utc.micros / microsPerSecond));
  const { days, micros } = splitTimestamp(value + BigInt(offset) * 1_000_000n);
  if (unitMicros !== undefined) {
    // Hours and finer keep the offset of the instant itself.
    return joinTimestamp(days, micros - (micros % unitMicros) - offset * microsPerSecond);
  }
  const start = truncateDays(unit, days)!;
  return checked(joinTimestamp(start, -localOffset(zone, start, 0) * microsPerSecond));
}

const monthsOf: Partial<Record<DateTimeUnit, number>> = {
  month: 1,
  quarter: 3,
  year: 12,
  decade: 120,
  century: 1200,
  millennium: 12000,
};

export function dateTruncInterval(unitName: string, value: Interval): Interval {
  const unit = requireTruncUnit(unitName, 'interval');
  const months = monthsOf[unit];
  const micros = microsOf[unit];
  if (months === undefined && micros === undefined && unit !== 'day') {
    const error = unitNotSupported(unitName, 'interval');
    throw unit === 'week' ? error.with({ detail: 'Months usually have fractional weeks.' }) : error;
  }
  if (!isFiniteInterval(value)) return value;
  if (months !== undefined) return makeInterval(value.months - (value.months % months), 0, 0n);
  if (micros === undefined) return makeInterval(value.months, value.days, 0n);
  return makeInterval(value.months, value.days, value.micros - (value.micros % BigInt(micros)));
}
