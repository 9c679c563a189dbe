/** Interval typmods: which fields are kept (INTERVAL DAY TO SECOND) and to how many fractional digits. */
import type { Interval } from '../value.ts';
import { isFiniteInterval, makeInterval, monthsPerYear } from './interval.ts';
import { precisionMax, roundMicrosBig } from './precision.ts';

export type IntervalField = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second';

/** Bit of each field in the typmod's upper half. */
const fieldBits: Readonly<Record<IntervalField, number>> = {
  month: 1 << 1,
  year: 1 << 2,
  day: 1 << 3,
  hour: 1 << 10,
  minute: 1 << 11,
  second: 1 << 12,
};

const fullRange = 0x7fff;
const fullPrecision = 0xffff;
/** From coarse to fine. */
const fieldOrder: readonly IntervalField[] = ['year', 'month', 'day', 'hour', 'minute', 'second'];

/** The finest field that a typmod keeps, or undefined when it keeps all. */
export function finestField(typmod: number): IntervalField | undefined {
  const range = (typmod >> 16) & fullRange;
  if (typmod < 0 || range === fullRange) return undefined;
  return fieldOrder.findLast((field) => (range & fieldBits[field]) !== 0);
}

/** True for INTERVAL MINUTE TO SECOND, whose `1:30` means minutes and seconds. */
export function isMinuteToSecond(typmod: number): boolean {
  return typmod >= 0 && ((typmod >> 16) & fullRange) === (fieldBits.minute | fieldBits.second);
}

const microsPerHour = 3_600_000_000n;
const microsPerMinute = 60_000_000n;

/** Drops what is finer than the finest field kept, and rounds the seconds. */
export function applyIntervalTypmod(value: Interval, typmod: number): Interval {
  if (typmod < 0 || !isFiniteInterval(value)) return value;
  switch (finestField(typmod)) {
    case 'year':
      return makeInterval(Math.trunc(value.months / monthsPerYear) * monthsPerYear, 0, 0n);
    case 'month':
      return makeInterval(value.months, 0, 0n);
    case 'day':
      return makeInterval(value.months, value.days, 0n);
    case 'hour':
      return makeInterval(value.months, value.days, (value.micros / microsPerHour) * microsPerHour);
    case 'minute':
      return makeInterval(
        value.months,
        value.days,
        (value.micros / microsPerMinute) * microsPerMinute,
      );
    case 'second':
    case undefined: {
      const precision = typmod & fullPrecision;
      if (precision >= precisionMax) return value;
      return makeInterval(value.months, value.days, roundMicrosBig(value.micros, precision));
    }
  }
}
