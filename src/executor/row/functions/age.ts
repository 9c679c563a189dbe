import {
  civilFromDays,
  daysInMonth,
  microsPerDay,
  splitTimestamp,
} from '../../../types/datetime/civil.ts';
import { makeInterval } from '../../../types/datetime/interval.ts';
import { isFiniteTimestamp } from '../../../types/datetime/timestamp-type.ts';
import type { Interval } from '../../../types/value.ts';
import type { Environment } from '../frame.ts';
import { subtractTimestamps } from './date-arithmetic.ts';
import { strictFunctions } from './definition.ts';
import type { FunctionEntry } from './definition.ts';
import { sessionZone, toLocal } from './zone-time.ts';

/** age(): years, months, days and time by the calendar (timestamp_age). Days are borrowed from the earlier one's month. */
function calendarDifference(left: bigint, right: bigint, backwards: boolean): Interval {
  const [later, earlier] = backwards ? [right, left] : [left, right];
  const [l, r] = [splitTimestamp(later), splitTimestamp(earlier)];
  const [from, to] = [civilFromDays(r.days), civilFromDays(l.days)];
  let micros = l.micros - r.micros;
  let days = to.day - from.day;
  let months = (to.year - from.year) * 12 + to.month - from.month;
  if (micros < 0) {
    micros += microsPerDay;
    days--;
  }
  while (days < 0) {
    days += daysInMonth(from.year, from.month);
    months--;
  }
  const sign = backwards ? -1 : 1;
  return makeInterval(months * sign, days * sign, BigInt(micros * sign));
}

function age(left: bigint, right: bigint): Interval {
  if (!isFiniteTimestamp(left) || !isFiniteTimestamp(right)) return subtractTimestamps(left, right);
  return calendarDifference(left, right, left < right);
}

/** By the wall clock of the session's zone; which one is earlier, the instants say. */
function ageTz(left: bigint, right: bigint, environment: Environment): Interval {
  if (!isFiniteTimestamp(left) || !isFiniteTimestamp(right)) return subtractTimestamps(left, right);
  const zone = sessionZone(environment);
  return calendarDifference(toLocal(left, zone), toLocal(right, zone), left < right);
}

export const ageFunctions: readonly FunctionEntry[] = strictFunctions([
  [2058, 'age(timestamp,timestamp)', age],
  [1199, 'age(timestamptz,timestamptz)', ageTz],
]);
