/**
 * types: PostgreSQL's types as pgtide stores and computes with them. A value is plain JavaScript data (value.ts) that does
 * not know its type; a PgType (type.ts) reads and writes it as text and on the wire, orders it, and turns it into a
 * memcomparable key. Everything here is pure: no clock, no session; settings come in as a TypeContext.
 *
 * Start at `pgType(oid)`. Arithmetic on numerics is in numeric.ts, calendars and zones in datetime/, casts in cast.ts.
 * To debug a difference from PostgreSQL, add the literal to tests/differential/types.test.ts, which asks PostgreSQL itself.
 */
export * from './array.ts';
export * from './cast.ts';
export {
  dateToTimestamp,
  dateToTimestamptz,
  timestampToDate,
  timestampToTimestamptz,
  timestamptzToTimestamp,
} from './cast-datetime.ts';
export * from './datetime/civil.ts';
export * from './datetime/extract.ts';
export { intervalText } from './datetime/interval-format.ts';
export * from './datetime/interval-typmod.ts';
export * from './datetime/interval.ts';
export { isoWeek } from './datetime/iso-week.ts';
export * from './datetime/trunc.ts';
export { canonicalZoneName, findZone, offsetOfLocal, utcZone } from './datetime/zone.ts';
export type { Zone } from './datetime/zone.ts';
export { compareFloats, formatFloat4, formatFloat8, parseFloat4, parseFloat8 } from './float.ts';
export { int2Max, int2Min, int4Max, int4Min, int8Max, int8Min } from './integer.ts';
export { parseJson, validateJson } from './json.ts';
export type { JsonNode, JsonPair } from './json.ts';
export { canonicalJson, jsonbText, parseJsonb, quoteJson } from './jsonb.ts';
export * from './key-writer.ts';
export * from './numeric.ts';
export * from './oid.ts';
export { parseNumeric } from './numeric-type.ts';
export * from './registry.ts';
export { trimBpchar, truncateName } from './text.ts';
export * from './type.ts';
export * from './utf8.ts';
export * from './value.ts';
