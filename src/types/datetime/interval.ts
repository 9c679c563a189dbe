import { PgError, SqlState } from '../../base/index.ts';
import type { Interval } from '../value.ts';

export const daysPerMonth = 30;
export const monthsPerYear = 12;
const microsPerDay = 86_400_000_000n;
const int32Min = -2147483648;
const int32Max = 2147483647;
const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;

export function makeInterval(months: number, days: number, micros: bigint): Interval {
  // `0 +` keeps negative zeros out.
  return { kind: 'interval', months: 0 + months, days: 0 + days, micros };
}

/** PostgreSQL's infinite intervals have every field at its end. */
export const intervalInfinity: Interval = makeInterval(int32Max, int32Max, int64Max);
export const intervalMinusInfinity: Interval = makeInterval(int32Min, int32Min, int64Min);

export function isIntervalInfinity(value: Interval): boolean {
  return value.months === int32Max && value.days === int32Max && value.micros === int64Max;
}

export function isIntervalMinusInfinity(value: Interval): boolean {
  return value.months === int32Min && value.days === int32Min && value.micros === int64Min;
}

export function isFiniteInterval(value: Interval): boolean {
  return !isIntervalInfinity(value) && !isIntervalMinusInfinity(value);
}

export function intervalOutOfRange(): PgError {
  return new PgError(SqlState.datetimeFieldOverflow, 'interval out of range');
}

/** An interval of finite parts; 22008 when one does not fit, or when they would mean infinity. */
export function checkedInterval(months: number, days: number, micros: bigint): Interval {
  const fits =
    months >= int32Min &&
    months <= int32Max &&
    days >= int32Min &&
    days <= int32Max &&
    micros >= int64Min &&
    micros <= int64Max;
  if (!fits) throw intervalOutOfRange();
  const value = makeInterval(months, days, micros);
  if (!isFiniteInterval(value)) throw intervalOutOfRange();
  return value;
}

export function negateInterval(value: Interval): Interval {
  if (isIntervalInfinity(value)) return intervalMinusInfinity;
  if (isIntervalMinusInfinity(value)) return intervalInfinity;
  return checkedInterval(-value.months, -value.days, -value.micros);
}

/** What an interval is worth in comparisons: microseconds with months of 30 days and days of 24 hours. */
export function intervalSpan(value: Interval): bigint {
  return BigInt(value.months * daysPerMonth + value.days) * microsPerDay + value.micros;
}

/** An interval in calendar parts; hours may exceed 24, and each part has its own sign. */
export interface IntervalParts {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: bigint;
  readonly minutes: number;
  readonly seconds: number;
  readonly micros: number;
}

export function intervalParts(value: Interval): IntervalParts {
  const hours = value.micros / 3_600_000_000n;
  const rest = Number(value.micros % 3_600_000_000n);
  const afterMinutes = rest % 60_000_000;
  return {
    years: Math.trunc(value.months / monthsPerYear),
    months: value.months % monthsPerYear,
    days: value.days,
    hours,
    minutes: Math.trunc(rest / 60_000_000),
    seconds: Math.trunc(afterMinutes / 1_000_000),
    micros: afterMinutes % 1_000_000,
  };
}
