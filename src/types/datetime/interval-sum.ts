/** Adds up an interval's parts; the fraction of a part spills into the finer ones, as PostgreSQL's docs describe. */
import { fieldOverflow } from './errors.ts';

export type IntervalUnit =
  | 'microsecond'
  | 'millisecond'
  | 'second'
  | 'minute'
  | 'hour'
  | 'day'
  | 'week'
  | 'month'
  | 'year'
  | 'decade'
  | 'century'
  | 'millennium';

export interface IntervalSum {
  months: bigint;
  days: bigint;
  micros: bigint;
}

export function emptySum(): IntervalSum {
  return { months: 0n, days: 0n, micros: 0n };
}

const microsOf: Partial<Record<IntervalUnit, bigint>> = {
  microsecond: 1n,
  millisecond: 1000n,
  second: 1_000_000n,
  minute: 60_000_000n,
  hour: 3_600_000_000n,
};
const daysOf: Partial<Record<IntervalUnit, number>> = { day: 1, week: 7 };
const yearsOf: Partial<Record<IntervalUnit, number>> = {
  year: 1,
  decade: 10,
  century: 100,
  millennium: 1000,
};

const int32Limit = 2n ** 31n;
const int64Limit = 2n ** 63n;

/** Half away from zero only past the half, as the C code does for microseconds. */
function roundPastHalf(value: number): number {
  const whole = Math.trunc(value);
  const rest = value - whole;
  return whole + (rest > 0.5 ? 1 : rest < -0.5 ? -1 : 0);
}

function roundHalfEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  if (rest !== 0.5) return Math.round(value);
  return down % 2 === 0 ? down : down + 1;
}

function addDaysFraction(sum: IntervalSum, fraction: number, daysPerUnit: number): void {
  const days = fraction * daysPerUnit;
  const whole = Math.trunc(days);
  sum.days += BigInt(whole);
  sum.micros += BigInt(roundPastHalf((days - whole) * 86_400_000_000));
}

function requireInt32(value: bigint): void {
  if (value < -int32Limit || value >= int32Limit) throw fieldOverflow();
}

/** Adds `whole` + `fraction` of a unit; both carry the sign. 22015 when a field overflows. */
export function addToSum(
  sum: IntervalSum,
  unit: IntervalUnit,
  whole: bigint,
  fraction: number,
): void {
  const micros = microsOf[unit];
  const days = daysOf[unit];
  const years = yearsOf[unit];
  if (micros !== undefined) {
    sum.micros += whole * micros + BigInt(roundPastHalf(fraction * Number(micros)));
  } else if (days !== undefined) {
    sum.days += whole * BigInt(days);
    addDaysFraction(sum, fraction, days);
  } else if (years !== undefined) {
    requireInt32(whole * BigInt(years));
    sum.months += whole * BigInt(years * 12) + BigInt(roundHalfEven(fraction * years * 12));
  } else {
    requireInt32(whole);
    sum.months += whole;
    addDaysFraction(sum, fraction, 30);
  }
  const { months, days: d, micros: m } = sum;
  const within = (value: bigint, limit: bigint): boolean => value >= -limit && value < limit;
  // Years are counted apart while reading, so months may still exceed int32 here; the caller checks them.
  if (!within(d, int32Limit) || !within(m, int64Limit) || !within(months, int32Limit * 12n))
    throw fieldOverflow();
}
