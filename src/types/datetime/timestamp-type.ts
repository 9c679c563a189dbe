import type { TypeDefinition } from '../define-type.ts';
import { defineType } from '../define-type.ts';
import { decodeInt64, encodeInt64 } from '../integer.ts';
import { writeKeyInt64 } from '../key-writer.ts';
import { Oid } from '../oid.ts';
import type { TypeContext } from '../type.ts';
import { timestampInfinity, timestampMinusInfinity } from '../value.ts';
import {
  dateDaysEnd,
  dateDaysMin,
  isTimestampInRange,
  joinTimestamp,
  microsPerSecond,
  secondsPerDay,
  splitTimestamp,
  unixSecondsOfEpoch,
} from './civil.ts';
import { decodeDateTime } from './decode.ts';
import { datetimeOutOfRange, reporting } from './errors.ts';
import { fastTimestamp } from './fast-parse.ts';
import { timestamptzText, timestampText } from './format.ts';
import { roundMicrosBig } from './precision.ts';
import { findZone, offsetOfLocal, utcZone } from './zone.ts';
import type { Zone } from './zone.ts';

const unixEpoch = BigInt(-unixSecondsOfEpoch) * BigInt(microsPerSecond);

export function isFiniteTimestamp(value: bigint): boolean {
  return value !== timestampInfinity && value !== timestampMinusInfinity;
}

/** The session's zone; UTC when its name means nothing, which the session has prevented. */
export function zoneOf(context: TypeContext): Zone {
  return findZone(context.timeZone) ?? utcZone;
}

/** Offset of a local day and time in `zone`, seconds east. */
export function localOffset(zone: Zone, days: number, micros: number): number {
  return offsetOfLocal(zone, days * secondsPerDay + Math.floor(micros / microsPerSecond));
}

function applyPrecision(value: bigint, typmod: number): bigint {
  if (typmod < 0 || !isFiniteTimestamp(value)) return value;
  const rounded = roundMicrosBig(value, typmod);
  if (!isTimestampInRange(rounded)) throw datetimeOutOfRange('timestamp');
  return rounded;
}

function parseSlow(text: string, context: TypeContext, withZone: boolean): bigint {
  const typeName = withZone ? 'timestamp with time zone' : 'timestamp';
  const decoded = reporting(typeName, text, () => decodeDateTime(text, context));
  switch (decoded.kind) {
    case 'infinity':
      return timestampInfinity;
    case '-infinity':
      return timestampMinusInfinity;
    case 'epoch':
      return unixEpoch;
    case 'datetime': {
      const { days, micros } = decoded;
      if (days < dateDaysMin - 1 || days >= dateDaysEnd)
        throw datetimeOutOfRange('timestamp', text);
      const offset = withZone ? (decoded.offset ?? localOffset(zoneOf(context), days, micros)) : 0;
      const value = joinTimestamp(days, micros - offset * microsPerSecond);
      if (!isTimestampInRange(value)) throw datetimeOutOfRange('timestamp', text);
      return value;
    }
  }
}

function parseTimestamp(text: string, context: TypeContext): bigint {
  return fastTimestamp(text, false) ?? parseSlow(text, context, false);
}

function parseTimestamptz(text: string, context: TypeContext): bigint {
  const withSuffix = fastTimestamp(text, true);
  if (withSuffix !== undefined) return withSuffix;
  const plain = fastTimestamp(text, false);
  if (plain !== undefined) {
    if (context.timeZone === 'UTC') return plain;
    const { days, micros } = splitTimestamp(plain);
    return joinTimestamp(
      days,
      micros - localOffset(zoneOf(context), days, micros) * microsPerSecond,
    );
  }
  return parseSlow(text, context, true);
}

const infinityText = (value: bigint): string => (value > 0n ? 'infinity' : '-infinity');

const shared: Pick<
  TypeDefinition<bigint>,
  'size' | 'decode' | 'encode' | 'applyTypmod' | 'compare' | 'encodeKey'
> = {
  size: 8,
  decode(bytes, typmod) {
    const value = decodeInt64(bytes);
    if (isFiniteTimestamp(value) && !isTimestampInRange(value))
      throw datetimeOutOfRange('timestamp');
    return applyPrecision(value, typmod);
  },
  encode: encodeInt64,
  applyTypmod: applyPrecision,
  compare: (left, right) => (left < right ? -1 : left > right ? 1 : 0),
  encodeKey: writeKeyInt64,
};

export const timestampType = defineType<bigint>({
  oid: Oid.timestamp,
  name: 'timestamp',
  sqlName: 'timestamp without time zone',
  ...shared,
  parse(text, typmod, context) {
    const value = parseTimestamp(text, context);
    return typmod < 0 ? value : applyPrecision(value, typmod);
  },
  format: (value, context) =>
    isFiniteTimestamp(value) ? timestampText(value, context) : infinityText(value),
});

export const timestamptzType = defineType<bigint>({
  oid: Oid.timestamptz,
  name: 'timestamptz',
  sqlName: 'timestamp with time zone',
  ...shared,
  parse(text, typmod, context) {
    const value = parseTimestamptz(text, context);
    return typmod < 0 ? value : applyPrecision(value, typmod);
  },
  format: (value, context) =>
    isFiniteTimestamp(value)
      ? timestamptzText(value, context, zoneOf(context))
      : infinityText(value),
});
