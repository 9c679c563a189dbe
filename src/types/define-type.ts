import { arrayOidOf } from './oid.ts';
import type { KeyWriter, PgType, TypeContext } from './type.ts';
import type { Value } from './value.ts';

/** What a type's file states; `V` is the type's shape in value.ts, so that the file itself needs no casts. */
export interface TypeDefinition<V> {
  readonly oid: number;
  readonly name: string;
  readonly sqlName: string;
  readonly size: number;
  parse(text: string, typmod: number, context: TypeContext): V;
  format(value: V, context: TypeContext): string;
  decode(bytes: Uint8Array, typmod: number): V;
  encode(value: V): Uint8Array;
  applyTypmod?(value: V, typmod: number, explicit: boolean): V;
  readonly compare?: (left: V, right: V) => number;
  readonly encodeKey?: (writer: KeyWriter, value: V) => void;
}

/** Erases `V`: from here on, that value and type belong together is the caller's promise. */
export function defineType<V extends Value>(definition: TypeDefinition<V>): PgType {
  const erased = {
    applyTypmod: (value: V) => value,
    ...definition,
    arrayOid: arrayOidOf.get(definition.oid) ?? 0,
    elementOid: 0,
  };
  return erased as unknown as PgType;
}
