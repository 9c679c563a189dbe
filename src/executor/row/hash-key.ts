import { Oid } from '../../types/oid.ts';
import { createKeyWriter } from '../../types/key-writer.ts';
import { trimBpchar } from '../../types/text.ts';
import type { Value } from '../../types/value.ts';
import { typeOf } from './type-of.ts';
import { unsupported } from './unsupported.ts';

/** A primitive that is the same (as a Map key) for exactly the values that the type's `=` holds equal. */
export type HashKey = string | number | bigint | boolean;

const direct: ReadonlySet<number> = new Set([
  Oid.bool,
  Oid.int2,
  Oid.int4,
  Oid.int8,
  Oid.oid,
  Oid.text,
  Oid.varchar,
  Oid.name,
  Oid.float4,
  Oid.float8,
  Oid.date,
  Oid.time,
  Oid.timestamp,
  Oid.timestamptz,
  Oid.uuid,
  Oid.anyenum,
]);

/** Maps treat NaN as equal to NaN and -0 as 0, as PostgreSQL does. */
const identity = (value: Value): HashKey => value as HashKey;

export function hashKeyOf(typeOid: number): (value: Value) => HashKey {
  if (direct.has(typeOid)) return identity;
  if (typeOid === Oid.bpchar) return (value) => trimBpchar(value as string);
  if (typeOid === Oid.numeric) return (value) => plainNumeric(value as string);
  const { encodeKey } = typeOf(typeOid);
  if (!encodeKey) unsupported(`equality of type ${typeOid}`);
  const writer = createKeyWriter();
  return (value) => {
    writer.reset();
    encodeKey(writer, value);
    return Buffer.from(writer.finish()).toString('latin1');
  };
}

/** 1.50 and 1.5 are equal: the text without trailing zeros after the point. */
function plainNumeric(value: string): string {
  if (!value.includes('.')) return value;
  let end = value.length;
  while (value.charCodeAt(end - 1) === 48) end--;
  if (value.charCodeAt(end - 1) === 46) end--;
  return value.slice(0, end);
}

/** Families whose members' keys are comparable after `widen`: int4 = int8 joins. */
export function sharedHashKey(
  left: number,
  right: number,
): readonly [(value: Value) => HashKey, (value: Value) => HashKey] | undefined {
  if (left === right) return [hashKeyOf(left), hashKeyOf(right)];
  const small = (oid: number): boolean => oid === Oid.int2 || oid === Oid.int4;
  const widen = (value: Value): HashKey => BigInt(value as number);
  if (small(left) && small(right)) return [identity, identity];
  if (small(left) && right === Oid.int8) return [widen, identity];
  if (left === Oid.int8 && small(right)) return [identity, widen];
  const text = (oid: number): boolean =>
    oid === Oid.text || oid === Oid.varchar || oid === Oid.name;
  const float = (oid: number): boolean => oid === Oid.float4 || oid === Oid.float8;
  if ((text(left) && text(right)) || (float(left) && float(right))) return [identity, identity];
  return undefined;
}

/** One key for several values; NULLs equal each other (GROUP BY, DISTINCT). */
export function compositeKeyOf(
  typeOids: readonly number[],
): (values: readonly Value[]) => HashKey | null {
  const keys = typeOids.map(hashKeyOf);
  const [only] = keys;
  if (only && keys.length === 1) {
    return (values) => {
      const value = values[0]!;
      return value === null ? null : only(value);
    };
  }
  return (values) => {
    let text = '';
    for (let i = 0; i < keys.length; i++) {
      const value = values[i]!;
      if (value === null) text += '~';
      else {
        const part = String(keys[i]!(value));
        text += `${part.length}:${part}`;
      }
    }
    return text;
  };
}
