import { isTimestampInRange, splitTimestamp } from '../../../types/datetime/civil.ts';
import { timestampToTimestamptz, timestamptzToTimestamp } from '../../../types/cast-datetime.ts';
import { datetimeOutOfRange } from '../../../types/datetime/errors.ts';
import { zoneOf } from '../../../types/datetime/timestamp-type.ts';
import type { Zone } from '../../../types/datetime/zone.ts';
import type { Environment } from '../frame.ts';

export { dateToTimestamp, timestampToDate } from '../../../types/cast-datetime.ts';

export function sessionZone(environment: Environment): Zone {
  return zoneOf(environment.context.statement.types);
}

export function checkTimestamp(value: bigint): bigint {
  if (!isTimestampInRange(value)) throw datetimeOutOfRange('timestamp');
  return value;
}

/** Seconds east of UTC that hold at an instant. */
export function offsetAt(timestamptz: bigint, zone: Zone): number {
  const { days, micros } = splitTimestamp(timestamptz);
  return zone.offsetAt(days * 86_400 + Math.floor(micros / 1_000_000));
}

/** timestamptz to the zone's wall clock. */
export const toLocal = timestamptzToTimestamp;
/** The zone's wall clock to timestamptz. */
export const fromLocal = timestampToTimestamptz;
