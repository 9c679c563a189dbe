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
export * from './datetime/civil.ts';
export * from './datetime/extract.ts';
export * from './datetime/interval-typmod.ts';
export * from './datetime/interval.ts';
export * from './datetime/trunc.ts';
export { findZone } from './datetime/zone.ts';
export type { Zone } from './datetime/zone.ts';
export * from './enum-type.ts';
export type { JsonNode, JsonPair } from './json.ts';
export * from './key-writer.ts';
export * from './numeric.ts';
export * from './oid.ts';
export * from './registry.ts';
export * from './type.ts';
export * from './utf8.ts';
export * from './value.ts';
