import { defineType } from '../define-type.ts';
import { checkSize } from '../input-error.ts';
import { Oid } from '../oid.ts';
import type { Interval } from '../value.ts';
import { reporting } from './errors.ts';
import { decodeInterval } from './interval-decode.ts';
import { intervalText } from './interval-format.ts';
import { applyIntervalTypmod } from './interval-typmod.ts';
import { intervalSpan, makeInterval } from './interval.ts';

function compareIntervals(left: Interval, right: Interval): number {
  const l = intervalSpan(left);
  const r = intervalSpan(right);
  return l < r ? -1 : l > r ? 1 : 0;
}

/** A span needs 73 bits and its sign: ten bytes, biased so that they order. */
const keyBytes = 10;
const keyBias = 1n << 79n;

export const intervalType = defineType<Interval>({
  oid: Oid.interval,
  name: 'interval',
  sqlName: 'interval',
  size: 16,
  parse: (text, typmod, context) =>
    applyIntervalTypmod(
      reporting('interval', text, () => decodeInterval(text, typmod, context)),
      typmod,
    ),
  format: (value, context) => intervalText(value, context.intervalStyle),
  decode(bytes, typmod) {
    checkSize(bytes, 16);
    const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
    const value = makeInterval(view.getInt32(12), view.getInt32(8), view.getBigInt64(0));
    return applyIntervalTypmod(value, typmod);
  },
  encode(value) {
    const bytes = Buffer.allocUnsafe(16);
    bytes.writeBigInt64BE(value.micros);
    bytes.writeInt32BE(value.days, 8);
    bytes.writeInt32BE(value.months, 12);
    return bytes;
  },
  applyTypmod: applyIntervalTypmod,
  compare: compareIntervals,
  encodeKey(writer, value) {
    const hex = (intervalSpan(value) + keyBias).toString(16).padStart(keyBytes * 2, '0');
    writer.bytes(Buffer.from(hex, 'hex'));
  },
});
