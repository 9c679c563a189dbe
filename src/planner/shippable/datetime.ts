import type { ColumnarType } from '../../executor/print/index.ts';
import { Unprintable } from '../../executor/print/index.ts';
import type { Argument, CallFacts, ShippableRow, Translation } from './shippable.ts';
import { constantText, raise, simple } from './shippable.ts';

type Stamp = 'DATE' | 'TIMESTAMP' | 'TIMESTAMPTZ';

/** Units that mean the same in date_trunc. Left out: those over years, whose first years differ. */
const truncUnits: ReadonlySet<string> = new Set([
  'microseconds',
  'milliseconds',
  'second',
  'minute',
  'hour',
  'day',
  'week',
  'month',
  'quarter',
  'year',
]);

/** extract's whole-numbered fields. */
const wholeFields: ReadonlySet<string> = new Set([
  'year',
  'quarter',
  'month',
  'week',
  'day',
  'hour',
  'minute',
  'dow',
  'isodow',
  'doy',
  'isoyear',
]);

const dateFields: ReadonlySet<string> = new Set(
  [...wholeFields].filter((field) => field !== 'hour' && field !== 'minute'),
);

function requireUtc(facts: CallFacts): void {
  if (!facts.utc) throw new Unprintable('a TimeZone other than UTC');
}

/** timestamptz as the local time in UTC. */
const local = (arg: Argument, from: Stamp): string =>
  from === 'TIMESTAMPTZ' ? `CAST(${arg.sql} AS TIMESTAMP)` : arg.sql;

/** Ordinary times only: infinities, years before Christ and after the last timestamp are left to PostgreSQL. */
const ordinary = (at: string, value: string, type: 'DATE' | 'TIMESTAMP'): string =>
  `CASE WHEN NOT isfinite(${at}) OR ${at} < ${type} '0001-01-01' OR ${at} > ${type} '294246-12-31' THEN ${raise('timestamp out of range')} ELSE ${value} END`;

const trunc =
  (type: 'TIMESTAMP' | 'TIMESTAMPTZ'): Translation =>
  ([unit, value], facts) => {
    if (type === 'TIMESTAMPTZ') requireUtc(facts);
    const name = constantText(unit, 'a unit of date_trunc').toLowerCase();
    if (!truncUnits.has(name)) throw new Unprintable(`date_trunc('${name}')`);
    const at = local(value!, type);
    const sql = `date_trunc('${name}', ${at})`;
    return {
      sql: type === 'TIMESTAMPTZ' ? `CAST(${sql} AS TIMESTAMPTZ)` : sql,
      type: simple(type),
    };
  };

const decimal = (precision: number, scale: number): ColumnarType => ({
  name: 'DECIMAL',
  precision,
  scale,
});

/** Microseconds as seconds of display scale 6. */
const seconds = (micros: string): string =>
  `(CAST(${micros} AS DECIMAL(20,0)) * CAST('0.000001' AS DECIMAL(6,6)))`;

const extract =
  (from: Stamp): Translation =>
  ([field, value], facts) => {
    const name = constantText(field, 'a field of extract').toLowerCase();
    if (from === 'TIMESTAMPTZ' && name !== 'epoch') requireUtc(facts);
    const at = local(value!, from);
    const plain = from === 'DATE' ? 'DATE' : 'TIMESTAMP';
    if (value!.finite && (name === 'hour' || name === 'minute') && from !== 'DATE') {
      const field = `date_part('${name}', ${at})`;
      return { sql: `CAST(${field} AS DECIMAL(10,0))`, type: decimal(10, 0), groupKey: field };
    }
    if ((from === 'DATE' ? dateFields : wholeFields).has(name)) {
      return {
        sql: ordinary(at, `CAST(date_part('${name}', ${at}) AS DECIMAL(10,0))`, plain),
        type: decimal(10, 0),
      };
    }
    if (name === 'epoch' && from === 'DATE') {
      return {
        sql: ordinary(
          at,
          `CAST(date_diff('day', DATE '1970-01-01', ${at}) * 86400 AS DECIMAL(20,0))`,
          plain,
        ),
        type: decimal(20, 0),
      };
    }
    if (name === 'epoch') {
      return { sql: ordinary(at, seconds(`epoch_us(${at})`), plain), type: decimal(26, 6) };
    }
    if (name === 'second' && from !== 'DATE') {
      return {
        sql: ordinary(at, seconds(`date_part('microseconds', ${at})`), plain),
        type: decimal(26, 6),
      };
    }
    throw new Unprintable(`extract(${name})`);
  };

/** date_part is extract as double precision. */
const datePart =
  (from: Stamp): Translation =>
  (args, facts) => ({
    sql: `CAST(CAST(${extract(from)(args, facts).sql} AS VARCHAR) AS DOUBLE)`,
    type: simple('DOUBLE'),
  });

/** PostgreSQL's calendar is the narrower one at both ends of dates and at the lower end of timestamps. */
const dateRange = (value: string): string =>
  `${value} > DATE '5874897-12-31' OR ${value} < DATE '4713-11-24 (BC)'`;

const datePlus =
  (operator: '+' | '-'): Translation =>
  ([date, days]) => {
    const value = `(${date!.sql} ${operator} ${days!.sql})`;
    return {
      sql: `CASE WHEN NOT isfinite(${date!.sql}) OR ${dateRange(value)} THEN ${raise('date out of range')} ELSE CAST(${value} AS DATE) END`,
      type: simple('DATE'),
    };
  };

const dateMinusDate: Translation = ([left, right]) => ({
  sql: `CASE WHEN NOT isfinite(${left!.sql}) OR NOT isfinite(${right!.sql}) THEN ${raise('cannot subtract infinite dates')} ELSE CAST(date_diff('day', ${right!.sql}, ${left!.sql}) AS INTEGER) END`,
  type: simple('INTEGER'),
});

const plusInterval =
  (operator: '+' | '-', from: Stamp): Translation =>
  ([value, interval], facts) => {
    if (from === 'TIMESTAMPTZ') requireUtc(facts);
    if (interval!.constant === undefined) throw new Unprintable('an interval that is no constant');
    const at = from === 'TIMESTAMP' ? value!.sql : `CAST(${value!.sql} AS TIMESTAMP)`;
    const sum = `(${at} ${operator} ${interval!.sql})`;
    const checked = `CASE WHEN ${sum} < TIMESTAMP '4713-11-24 (BC) 00:00:00' AND isfinite(${at}) THEN ${raise('timestamp out of range')} ELSE ${sum} END`;
    const result = from === 'TIMESTAMPTZ' ? 'TIMESTAMPTZ' : 'TIMESTAMP';
    return {
      sql: from === 'TIMESTAMPTZ' ? `CAST(${checked} AS TIMESTAMPTZ)` : checked,
      type: simple(result),
    };
  };

/** Days and the time left, as interval_justify_hours leaves it; both finite. */
const minus =
  (from: 'TIMESTAMP' | 'TIMESTAMPTZ'): Translation =>
  ([left, right]) => {
    const l = `CAST(${left!.sql} AS TIMESTAMP)`;
    const r = `CAST(${right!.sql} AS TIMESTAMP)`;
    const value = from === 'TIMESTAMP' ? `(${left!.sql} - ${right!.sql})` : `(${l} - ${r})`;
    return {
      sql: `CASE WHEN NOT isfinite(${left!.sql}) OR NOT isfinite(${right!.sql}) THEN ${raise('interval out of range')} ELSE ${value} END`,
      type: simple('INTERVAL'),
    };
  };

const cast =
  (to: Stamp, dependsOnZone: boolean): Translation =>
  ([value], facts) => {
    if (dependsOnZone) requireUtc(facts);
    return { sql: `CAST(${value!.sql} AS ${to})`, type: simple(to) };
  };

const finite: Translation = ([value]) => ({
  sql: `isfinite(${value!.sql})`,
  type: simple('BOOLEAN'),
});

/** Dates and times. What depends on TimeZone is shippable under UTC only. Left out: age, to_char, time zones by name. */
export const datetime: readonly ShippableRow[] = [
  [2020, 'date_trunc(text, timestamp)', trunc('TIMESTAMP')],
  [1217, 'date_trunc(text, timestamptz)', trunc('TIMESTAMPTZ')],
  [6202, 'extract(text, timestamp)', extract('TIMESTAMP')],
  [6203, 'extract(text, timestamptz)', extract('TIMESTAMPTZ')],
  [6199, 'extract(text, date)', extract('DATE')],
  [2021, 'date_part(text, timestamp)', datePart('TIMESTAMP')],
  [1171, 'date_part(text, timestamptz)', datePart('TIMESTAMPTZ')],
  [1384, 'date_part(text, date)', datePart('DATE')],
  [1141, 'date_pli(date, integer)', datePlus('+')],
  [1142, 'date_mii(date, integer)', datePlus('-')],
  [1140, 'date_mi(date, date)', dateMinusDate],
  [2032, 'timestamp_pl_interval(timestamp, interval)', plusInterval('+', 'TIMESTAMP')],
  [2033, 'timestamp_mi_interval(timestamp, interval)', plusInterval('-', 'TIMESTAMP')],
  [1189, 'timestamptz_pl_interval(timestamptz, interval)', plusInterval('+', 'TIMESTAMPTZ')],
  [1190, 'timestamptz_mi_interval(timestamptz, interval)', plusInterval('-', 'TIMESTAMPTZ')],
  [2071, 'date_pl_interval(date, interval)', plusInterval('+', 'DATE')],
  [2072, 'date_mi_interval(date, interval)', plusInterval('-', 'DATE')],
  [2031, 'timestamp_mi(timestamp, timestamp)', minus('TIMESTAMP')],
  [1188, 'timestamptz_mi(timestamptz, timestamptz)', minus('TIMESTAMPTZ')],
  [2024, 'timestamp(date)', cast('TIMESTAMP', false)],
  [2029, 'date(timestamp)', cast('DATE', false)],
  [1178, 'date(timestamptz)', cast('DATE', true)],
  [1174, 'timestamptz(date)', cast('TIMESTAMPTZ', true)],
  [2027, 'timestamp(timestamptz)', cast('TIMESTAMP', true)],
  [2028, 'timestamptz(timestamp)', cast('TIMESTAMPTZ', true)],
  [1373, 'isfinite(date)', finite],
  [2048, 'isfinite(timestamp)', finite],
  [1389, 'isfinite(timestamptz)', finite],
];
