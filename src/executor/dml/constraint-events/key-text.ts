import { encodeKeyValues } from '../../../types/key-writer.ts';
import { Oid } from '../../../types/oid.ts';
import type { PgType } from '../../../types/type.ts';
import type { Row } from '../../../types/value.ts';

/** Types whose values are equal exactly when their texts are. */
const plainTypes: ReadonlySet<number> = new Set([
  Oid.bool,
  Oid.int2,
  Oid.int4,
  Oid.int8,
  Oid.oid,
  Oid.text,
  Oid.varchar,
  Oid.uuid,
]);

/** A text for a key, the same for keys that are equal by their types' comparison and no others. */
export function keyTextOf(types: readonly PgType[], key: Row): string {
  const [first] = types;
  if (types.length === 1 && plainTypes.has(first!.oid)) {
    const value = key[0];
    return value === null ? '' : `=${String(value as string | number | bigint | boolean)}`;
  }
  return Buffer.from(encodeKeyValues(types, key)).toString('latin1');
}

/** Whether two keys are equal; null is equal to null. */
export function sameKey(types: readonly PgType[], left: Row, right: Row): boolean {
  for (let i = 0; i < types.length; i++) {
    const a = left[i] ?? null;
    const b = right[i] ?? null;
    if (a === null || b === null) {
      if (a !== b) return false;
    } else if (a !== b && types[i]!.compare?.(a, b) !== 0) return false;
  }
  return true;
}

export const hasNull = (key: Row): boolean => key.includes(null);
