import type { StoredColumn } from '../storage/types.ts';
import { Oid } from '../types/oid.ts';

type ColumnType = Pick<StoredColumn, 'typeOid' | 'typmod'>;

const textTypes: ReadonlySet<number> = new Set([Oid.text, Oid.varchar]);
const timeTypes: ReadonlySet<number> = new Set([
  Oid.time,
  Oid.timetz,
  Oid.timestamp,
  Oid.timestamptz,
]);
/** Digits of a second that PostgreSQL keeps. */
const secondDigitsMax = 6;

const precisionOf = (typmod: number): number => ((typmod - 4) >> 16) & 0xffff;
const scaleOf = (typmod: number): number => (typmod - 4) & 0x7ff;

/**
 * Whether each value written under the type `from` is the same value under `to`, in tuples, keys, index entries, statistics and
 * files alike: then ALTER COLUMN … TYPE leaves rows as they are. This is what PostgreSQL does without a rewrite
 * (ATColumnChangeRequiresRewrite: binary-coercible types, and length coercions that its planner finds to be no-ops), less the
 * types that are stored differently here.
 */
export function readsAs(from: ColumnType, to: ColumnType): boolean {
  if (from.typeOid === to.typeOid && from.typmod === to.typmod) return true;
  if (textTypes.has(from.typeOid) && textTypes.has(to.typeOid)) {
    return to.typmod < 0 || (from.typmod >= 0 && to.typmod >= from.typmod);
  }
  if (from.typeOid !== to.typeOid) return false;
  if (from.typeOid === Oid.numeric) {
    if (to.typmod < 0) return true;
    if (from.typmod < 0 || scaleOf(from.typmod) !== scaleOf(to.typmod)) return false;
    return precisionOf(to.typmod) >= precisionOf(from.typmod);
  }
  if (timeTypes.has(from.typeOid)) {
    if (to.typmod < 0 || to.typmod === secondDigitsMax) return true;
    return from.typmod >= 0 && to.typmod >= from.typmod;
  }
  return from.typeOid === Oid.interval && to.typmod < 0;
}
