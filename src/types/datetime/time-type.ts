import { PgError, SqlState } from '../../base/index.ts';
import { defineType } from '../define-type.ts';
import { checkSize } from '../input-error.ts';
import { writeKeyInt32, writeKeyInt64 } from '../key-writer.ts';
import { Oid } from '../oid.ts';
import type { TimeTz } from '../value.ts';
import { microsPerDay, microsPerSecond } from './civil.ts';
import { decodeTimeOfDay } from './decode.ts';
import { datetimeOutOfRange, reporting } from './errors.ts';
import { fastTime } from './fast-parse.ts';
import { timeText } from './format.ts';
import { roundMicros } from './precision.ts';
import { offsetText } from './zone.ts';

/** Zones are less than this many seconds from UTC (TZDISP_LIMIT). */
const zoneSecondsLimit = 16 * 3600;

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

function decodeMicros(bytes: Uint8Array): number {
  const micros = Number(viewOf(bytes).getBigInt64(0));
  if (micros < 0 || micros > microsPerDay) throw datetimeOutOfRange('time');
  return micros;
}

export const timeType = defineType<number>({
  oid: Oid.time,
  name: 'time',
  sqlName: 'time without time zone',
  size: 8,
  parse(text, typmod, context) {
    const micros =
      fastTime(text) ?? reporting('time', text, () => decodeTimeOfDay(text, context)).micros;
    return roundMicros(micros, typmod);
  },
  format: timeText,
  decode(bytes, typmod) {
    checkSize(bytes, 8);
    return roundMicros(decodeMicros(bytes), typmod);
  },
  encode(value) {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeBigInt64BE(BigInt(value));
    return bytes;
  },
  applyTypmod: roundMicros,
  compare: (left, right) => (left < right ? -1 : left > right ? 1 : 0),
  encodeKey: (writer, value) => writeKeyInt64(writer, BigInt(value)),
});

/** Microseconds of the day in UTC, unwrapped: what timetz is ordered by first. */
const utcMicros = (value: TimeTz): number => value.micros + value.zone * microsPerSecond;

function roundTimeTz(value: TimeTz, typmod: number): TimeTz {
  const micros = roundMicros(value.micros, typmod);
  return micros === value.micros ? value : { kind: 'timetz', micros, zone: value.zone };
}

export const timetzType = defineType<TimeTz>({
  oid: Oid.timetz,
  name: 'timetz',
  sqlName: 'time with time zone',
  size: 12,
  parse(text, typmod, context) {
    const { micros, offset } = reporting('time with time zone', text, () =>
      decodeTimeOfDay(text, context),
    );
    return roundTimeTz({ kind: 'timetz', micros, zone: 0 - offset }, typmod);
  },
  format: (value) => timeText(value.micros) + offsetText(0 - value.zone),
  decode(bytes, typmod) {
    checkSize(bytes, 12);
    const micros = decodeMicros(bytes);
    const zone = viewOf(bytes).getInt32(8);
    if (Math.abs(zone) >= zoneSecondsLimit) {
      throw new PgError(
        SqlState.invalidTimeZoneDisplacementValue,
        'time zone displacement out of range',
      );
    }
    return roundTimeTz({ kind: 'timetz', micros, zone }, typmod);
  },
  encode(value) {
    const bytes = Buffer.allocUnsafe(12);
    bytes.writeBigInt64BE(BigInt(value.micros));
    bytes.writeInt32BE(value.zone, 8);
    return bytes;
  },
  applyTypmod: roundTimeTz,
  compare(left, right) {
    const byInstant = utcMicros(left) - utcMicros(right);
    const difference = byInstant === 0 ? left.zone - right.zone : byInstant;
    return difference < 0 ? -1 : difference > 0 ? 1 : 0;
  },
  encodeKey(writer, value) {
    writeKeyInt64(writer, BigInt(utcMicros(value)));
    writeKeyInt32(writer, value.zone);
  },
});
