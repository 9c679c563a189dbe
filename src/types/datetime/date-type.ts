import { defineType } from '../define-type.ts';
import { decodeInt32, encodeInt32 } from '../integer.ts';
import { writeKeyInt32 } from '../key-writer.ts';
import { Oid } from '../oid.ts';
import type { TypeContext } from '../type.ts';
import { dateInfinity, dateMinusInfinity } from '../value.ts';
import { decodeDateTime, isDateInRange } from './decode.ts';
import { datetimeOutOfRange, reporting } from './errors.ts';
import { fastDate } from './fast-parse.ts';
import { dateText } from './format.ts';

/** Days from 2000-01-01 to the Unix epoch. */
const unixEpochDays = -10_957;

function parseDate(text: string, context: TypeContext): number {
  const fast = fastDate(text);
  if (fast !== undefined) return fast;
  const decoded = reporting('date', text, () => decodeDateTime(text, context));
  switch (decoded.kind) {
    case 'infinity':
      return dateInfinity;
    case '-infinity':
      return dateMinusInfinity;
    case 'epoch':
      return unixEpochDays;
    case 'datetime':
      if (!isDateInRange(decoded.days)) throw datetimeOutOfRange('date', text);
      return decoded.days;
  }
}

export function isFiniteDate(days: number): boolean {
  return days !== dateInfinity && days !== dateMinusInfinity;
}

export const dateType = defineType<number>({
  oid: Oid.date,
  name: 'date',
  sqlName: 'date',
  size: 4,
  parse: (text, _typmod, context) => parseDate(text, context),
  format(value, context) {
    if (isFiniteDate(value)) return dateText(value, context);
    return value > 0 ? 'infinity' : '-infinity';
  },
  decode(bytes) {
    const days = decodeInt32(bytes);
    if (isFiniteDate(days) && !isDateInRange(days)) throw datetimeOutOfRange('date');
    return days;
  },
  encode: encodeInt32,
  compare: (left, right) => (left < right ? -1 : left > right ? 1 : 0),
  encodeKey: writeKeyInt32,
});
