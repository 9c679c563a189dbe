import { PgError, SqlState } from '../../../base/index.ts';
import {
  isTimestampInRange,
  joinTimestamp,
  microsPerSecond,
  splitTimestamp,
} from '../../../types/datetime/civil.ts';
import { datetimeOutOfRange } from '../../../types/datetime/errors.ts';
import { isFiniteTimestamp, localOffset, zoneOf } from '../../../types/datetime/timestamp-type.ts';
import type { Zone } from '../../../types/datetime/zone.ts';
import { dateInfinity, dateMinusInfinity, timestampInfinity, timestampMinusInfinity } from '../../../types/value.ts';
import type { Environment } from '../frame.ts';

export function sessionZone(environment: Environment): Zone {
  return zoneOf(environment.context.statement.types);
}

export function checkTimestamp(value: bigint): bigint {
  if (!isTimestampInRange(value)) throw datetimeOutOfRange('timestamp');
  return value;
}

/** Seconds east of UTC that hold at an instant. */
export function offsetAt(timestamptz: bigint, zone: Zone): number {
  if (zone.fixedOffset !== undefined) return zone.fixedOffset;
  const million = BigInt(microsPerSecond);
  const floor = (timestamptz - (((timestamptz % million) + million) % million)) / million;
  return zone.offsetAt(Number(floor));
}

/** timestamptz to the zone's wall clock. */
export function toLocal(timestamptz: bigint, zone: Zone): bigint {
  if (!isFiniteTimestamp(timestamptz)) return timestamptz;
  return checkTimestamp(timestamptz + BigInt(offsetAt(timestamptz, zone)) * BigInt(microsPerSecond));
}

/** The zone's wall clock to timestamptz. */
export function fromLocal(timestamp: bigint, zone: Zone): bigint {
  if (!isFiniteTimestamp(timestamp)) return timestamp;
  const { days, micros } = splitTimestamp(timestamp);
  return checkTimestamp(timestamp - BigInt(localOffset(zone, days, micros)) * BigInt(microsPerSecond));
}

/** timestamp to date. */
export function dayOf(timestamp: bigint): number {
  if (timestamp === timestampInfinity) return dateInfinity;
  if (timestamp === timestampMinusInfinity) return dateMinusInfinity;
  return splitTimestamp(timestamp).days;
}

/** date to timestamp at midnight. */
export function midnightOf(date: number): bigint {
  if (date === dateInfinity) return timestampInfinity;
  if (date === dateMinusInfinity) return timestampMinusInfinity;
  const value = joinTimestamp(date, 0);
  if (!isTimestampInRange(value)) {
    throw new PgError(SqlState.datetimeFieldOverflow, 'date out of range for timestamp');
  }
  return value;
}
