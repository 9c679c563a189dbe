/**
 * How a PostgreSQL value looks inside pgtide. A value never carries its type; plans and schemas do.
 *
 * | type | in JavaScript |
 * | --- | --- |
 * | bool | boolean |
 * | int2, int4, oid, float4, float8 | number (float4 already rounded to single precision) |
 * | int8 | bigint |
 * | numeric | string, PostgreSQL's own output text: `12.50`, `NaN`, `Infinity`, `-Infinity` |
 * | text, varchar, bpchar (padded), name, json (as written), jsonb (PostgreSQL's output text) | string |
 * | bytea | Uint8Array |
 * | date | number, days since 2000-01-01; ±infinity are 2147483647 and -2147483648 |
 * | time | number, microseconds of the day, 0 to 86400000000 |
 * | timetz | TimeTz |
 * | timestamp, timestamptz | bigint, microseconds since 2000-01-01 (UTC for tz); ±infinity are int64's ends |
 * | interval | Interval |
 * | uuid | string, lower case with dashes |
 * | arrays | PgArray |
 */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | TimeTz
  | Interval
  | PgArray;

export type Row = Value[];

export interface TimeTz {
  readonly kind: 'timetz';
  /** Microseconds of the day, local. */
  readonly micros: number;
  /** Seconds west of UTC, PostgreSQL's sign. */
  readonly zone: number;
}

export interface Interval {
  readonly kind: 'interval';
  readonly months: number;
  readonly days: number;
  readonly micros: bigint;
}

export interface PgArray {
  readonly kind: 'array';
  /** Row-major; length is the product of dims, 0 when dims is empty. */
  readonly elements: readonly Value[];
  readonly dims: readonly number[];
  readonly lowerBounds: readonly number[];
}

export const dateInfinity = 2147483647;
export const dateMinusInfinity = -2147483648;
export const timestampInfinity = 9223372036854775807n;
export const timestampMinusInfinity = -9223372036854775808n;
