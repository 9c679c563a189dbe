import { PgError, SqlState } from '../../../base/index.ts';
import { roundHalfEven } from '../../../types/cast.ts';
import { timestampEnd, timestampMin, unixSecondsOfEpoch } from '../../../types/datetime/civil.ts';
import {
  extractDate,
  extractInterval,
  extractTime,
  extractTimestamp,
  extractTimestamptz,
} from '../../../types/datetime/extract.ts';
import { dateTrunc, dateTruncTimestamptz } from '../../../types/datetime/trunc.ts';
import { findZone } from '../../../types/datetime/zone.ts';
import { parseFloat8 } from '../../../types/float.ts';
import { timestampInfinity, timestampMinusInfinity } from '../../../types/value.ts';
import type { Interval } from '../../../types/value.ts';
import type { Environment } from '../frame.ts';
import { strictFunctions } from './definition.ts';
import type { FunctionEntry } from './definition.ts';
import { checkTimestamp, dateToTimestamp, sessionZone } from './zone-time.ts';

/** date_part() is extract() as float8. */
const asFloat = (value: string | null): number | null =>
  value === null ? null : parseFloat8(value);

const extractTz = (text: string, instant: bigint, environment: Environment): string | null =>
  extractTimestamptz(text, instant, sessionZone(environment));

function truncateNamed(text: string, at: bigint, zoneName: string): bigint {
  const zone = findZone(zoneName);
  if (!zone) {
    throw new PgError(SqlState.invalidParameterValue, `time zone "${zoneName}" not recognized`);
  }
  return dateTruncTimestamptz(text, at, zone);
}

/** C's %g. */
function shortFloat(value: number): string {
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  if (exponent >= -4 && exponent < 6) return String(Number(value.toPrecision(6)));
  const [digits, power] = value.toExponential(5).split('e');
  const sign = power!.startsWith('-') ? '-' : '+';
  return `${Number(digits)}e${sign}${power!.slice(1).padStart(2, '0')}`;
}

const unixTimestampMin = Number(timestampMin) / 1e6 + unixSecondsOfEpoch;
const unixTimestampEnd = Number(timestampEnd) / 1e6 + unixSecondsOfEpoch;

/** to_timestamp(seconds since 1970). */
function fromEpoch(seconds: number): bigint {
  if (Number.isNaN(seconds)) {
    throw new PgError(SqlState.datetimeFieldOverflow, 'timestamp cannot be NaN');
  }
  if (seconds === Infinity) return timestampInfinity;
  if (seconds === -Infinity) return timestampMinusInfinity;
  if (seconds < unixTimestampMin || seconds >= unixTimestampEnd) {
    throw new PgError(
      SqlState.datetimeFieldOverflow,
      `timestamp out of range: "${shortFloat(seconds)}"`,
    );
  }
  return checkTimestamp(BigInt(roundHalfEven((seconds - unixSecondsOfEpoch) * 1e6)));
}

export const datePartFunctions: readonly FunctionEntry[] = strictFunctions([
  [6199, 'extract(text,date)', extractDate],
  [6200, 'extract(text,time)', extractTime],
  [6202, 'extract(text,timestamp)', extractTimestamp],
  [6203, 'extract(text,timestamptz)', extractTz],
  [6204, 'extract(text,interval)', extractInterval],
  [
    1384,
    'date_part(text,date)',
    (text: string, date: number) => asFloat(extractTimestamp(text, dateToTimestamp(date))),
  ],
  [1385, 'date_part(text,time)', (text: string, time: number) => asFloat(extractTime(text, time))],
  [
    2021,
    'date_part(text,timestamp)',
    (text: string, at: bigint) => asFloat(extractTimestamp(text, at)),
  ],
  [
    1171,
    'date_part(text,timestamptz)',
    (text: string, at: bigint, environment: Environment) =>
      asFloat(extractTz(text, at, environment)),
  ],
  [
    1172,
    'date_part(text,interval)',
    (text: string, span: Interval) => asFloat(extractInterval(text, span)),
  ],
  [2020, 'date_trunc(text,timestamp)', dateTrunc],
  [
    1217,
    'date_trunc(text,timestamptz)',
    (text: string, at: bigint, environment: Environment) =>
      dateTruncTimestamptz(text, at, sessionZone(environment)),
  ],
  [1284, 'date_trunc(text,timestamptz,text)', truncateNamed],
  [1158, 'to_timestamp(float8)', fromEpoch],
]);
