/** Casts among dates, times, timestamps and intervals. */
import { PgError, SqlState } from '../base/index.ts';
import {
  isTimestampInRange,
  joinTimestamp,
  microsPerDayBig,
  microsPerSecond,
  splitTimestamp,
  timestampEnd,
} from './datetime/civil.ts';
import { isFiniteDate } from './datetime/date-type.ts';
import { datetimeOutOfRange } from './datetime/errors.ts';
import { isFiniteInterval, makeInterval } from './datetime/interval.ts';
import { isFiniteTimestamp, localOffset, zoneOf } from './datetime/timestamp-type.ts';
import type { Zone } from './datetime/zone.ts';
import { Oid } from './oid.ts';
import type { TypeContext } from './type.ts';
import type { Interval, TimeTz, Value } from './value.ts';
import {
  dateInfinity,
  dateMinusInfinity,
  timestampInfinity,
  timestampMinusInfinity,
} from './value.ts';

type Cast = (value: Value, context: TypeContext) => Value;
type CastEntry = readonly [source: number, target: number, cast: Cast];

function entry<V extends Value>(
  source: number,
  target: number,
  cast: (value: V, context: TypeContext) => Value,
): CastEntry {
  return [source, target, cast as unknown as Cast];
}

/** First day past timestamp's range. */
const timestampEndDays = Number(timestampEnd / microsPerDayBig);

export function dateToTimestamp(days: number): bigint {
  if (days === dateInfinity) return timestampInfinity;
  if (days === dateMinusInfinity) return timestampMinusInfinity;
  if (days >= timestampEndDays) {
    throw new PgError(SqlState.datetimeFieldOverflow, 'date out of range for timestamp');
  }
  return joinTimestamp(days, 0);
}

export function dateToTimestamptz(days: number, zone: Zone): bigint {
  if (!isFiniteDate(days)) return dateToTimestamp(days);
  if (days >= timestampEndDays) {
    throw new PgError(SqlState.datetimeFieldOverflow, 'date out of range for timestamp');
  }
  const value = joinTimestamp(days, -localOffset(zone, days, 0) * microsPerSecond);
  if (!isTimestampInRange(value)) {
    throw new PgError(SqlState.datetimeFieldOverflow, 'date out of range for timestamp');
  }
  return value;
}

export function timestampToDate(value: bigint): number {
  if (value === timestampInfinity) return dateInfinity;
  if (value === timestampMinusInfinity) return dateMinusInfinity;
  return splitTimestamp(value).days;
}

/** An instant as local time in `zone`, not checked against timestamp's range. */
function localTime(value: bigint, zone: Zone): bigint {
  return isFiniteTimestamp(value) ? value + BigInt(offsetAt(value, zone)) * 1_000_000n : value;
}

/** The local time that an instant has in `zone`. */
export function timestamptzToTimestamp(value: bigint, zone: Zone): bigint {
  if (!isFiniteTimestamp(value)) return value;
  const local = localTime(value, zone);
  if (!isTimestampInRange(local)) throw datetimeOutOfRange('timestamp');
  return local;
}

/** The instant that a local time means in `zone`. */
export function timestampToTimestamptz(value: bigint, zone: Zone): bigint {
  if (!isFiniteTimestamp(value)) return value;
  const { days, micros } = splitTimestamp(value);
  const result = joinTimestamp(days, micros - localOffset(zone, days, micros) * microsPerSecond);
  if (!isTimestampInRange(result)) throw datetimeOutOfRange('timestamp');
  return result;
}

/** Offset of `zone` at an instant, seconds east. */
function offsetAt(value: bigint, zone: Zone): number {
  const { days, micros } = splitTimestamp(value);
  return zone.offsetAt(days * 86_400 + Math.floor(micros / microsPerSecond));
}

function timestampToTime(value: bigint): number | null {
  return isFiniteTimestamp(value) ? splitTimestamp(value).micros : null;
}

function timestamptzToTimetz(value: bigint, zone: Zone): TimeTz | null {
  if (!isFiniteTimestamp(value)) return null;
  const local = localTime(value, zone);
  return { kind: 'timetz', micros: splitTimestamp(local).micros, zone: 0 - offsetAt(value, zone) };
}

/** The zone's offset is that of the transaction's day. */
function timeToTimetz(micros: number, context: TypeContext): TimeTz {
  const zone = zoneOf(context);
  const today = splitTimestamp(timestamptzToTimestamp(context.transactionTime, zone)).days;
  return { kind: 'timetz', micros, zone: 0 - localOffset(zone, today, micros) };
}

function intervalToTime(value: Interval): number {
  if (!isFiniteInterval(value)) {
    throw new PgError(SqlState.datetimeFieldOverflow, 'cannot convert infinite interval to time');
  }
  const rest = value.micros % microsPerDayBig;
  return Number(rest < 0n ? rest + microsPerDayBig : rest);
}

const { date, time, timetz, timestamp, timestamptz, interval } = Oid;

export const datetimeCasts: readonly CastEntry[] = [
  entry<number>(date, timestamp, dateToTimestamp),
  entry<number>(date, timestamptz, (value, context) => dateToTimestamptz(value, zoneOf(context))),
  entry<bigint>(timestamp, date, timestampToDate),
  entry<bigint>(timestamp, time, timestampToTime),
  entry<bigint>(timestamp, timestamptz, (value, context) =>
    timestampToTimestamptz(value, zoneOf(context)),
  ),
  entry<bigint>(timestamptz, timestamp, (value, context) =>
    timestamptzToTimestamp(value, zoneOf(context)),
  ),
  entry<bigint>(timestamptz, date, (value, context) =>
    timestampToDate(localTime(value, zoneOf(context))),
  ),
  entry<bigint>(timestamptz, time, (value, context) =>
    timestampToTime(localTime(value, zoneOf(context))),
  ),
  entry<bigint>(timestamptz, timetz, (value, context) =>
    timestamptzToTimetz(value, zoneOf(context)),
  ),
  entry<number>(time, timetz, timeToTimetz),
  entry<number>(time, interval, (value) => makeInterval(0, 0, BigInt(value))),
  entry<TimeTz>(timetz, time, (value) => value.micros),
  entry<Interval>(interval, time, intervalToTime),
];
