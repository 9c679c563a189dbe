/**
 * Enum types. A value is its label, everywhere: in memory, in tuples, in files, on the wire. What the labels are and how they are
 * ordered is in the catalog and differs from type to type; storage knows of none of that and keeps them all as `anyenum`,
 * arrays of them as `anyarray`.
 */
import { PgError, SqlState } from '../base/index.ts';
import { arrayType } from './array.ts';
import { defineType } from './define-type.ts';
import { writeKeyText } from './key-writer.ts';
import { Oid } from './oid.ts';
import type { KeyWriter, PgType } from './type.ts';
import { compareUtf8, decodeUtf8, encodeUtf8 } from './utf8.ts';

/**
 * How storage keeps the values of enum columns. Equal labels are equal values, so that keys and unique indexes are exact; their
 * order is that of the labels' bytes, not the type's: PostgreSQL may put a new value between two others at any time.
 */
export const enumLabelType = defineType<string>({
  oid: Oid.anyenum,
  name: 'anyenum',
  sqlName: 'anyenum',
  size: 4,
  parse: (text) => text,
  format: (value) => value,
  decode: decodeUtf8,
  encode: encodeUtf8,
  compare: compareUtf8,
  encodeKey: writeKeyText,
});

/** Arrays of labels, whatever type they are of; equal ones are equal values. */
export const enumLabelListType: PgType = arrayType(enumLabelType);

export interface EnumLabel {
  /** OID of its row in pg_enum. */
  readonly oid: number;
  readonly label: string;
}

export interface EnumDescription {
  readonly oid: number;
  readonly arrayOid: number;
  readonly namespace: string;
  readonly name: string;
  /** In the type's order. */
  readonly labels: readonly EnumLabel[];
}

export interface EnumType extends EnumDescription {
  /** Ordered as the type is. Errors name the type without its schema. */
  readonly type: PgType;
  /** Arrays of it. */
  readonly listType: PgType;
}

/** enum_in's error. `shown` is the type's name, qualified where the search path does not lead to it. */
export function invalidLabel(shown: string, label: string): PgError {
  return new PgError(
    SqlState.invalidTextRepresentation,
    `invalid input value for enum ${shown}: "${label}"`,
  );
}

export function enumType(description: EnumDescription): EnumType {
  const { oid, arrayOid, name, labels } = description;
  const ranks = new Map(labels.map(({ label }, rank) => [label, rank]));
  const known = (label: string): string => {
    if (!ranks.has(label)) throw invalidLabel(name, label);
    return label;
  };
  // A label that has gone meanwhile: none does.
  const rank = (label: string): number => ranks.get(label) ?? -1;
  const type = defineType<string>({
    oid,
    name,
    sqlName: name,
    size: 4,
    parse: known,
    format: (value) => value,
    decode: (bytes) => known(decodeUtf8(bytes)),
    encode: encodeUtf8,
    compare: (left, right) => rank(left) - rank(right),
    encodeKey: (writer: KeyWriter, value: string) => writeKeyText(writer, value),
  });
  return Object.freeze({ ...description, type, listType: arrayType({ ...type, arrayOid }) });
}

/** The enum type whose arrays have this OID. */
export function enumOfList(
  enums: ReadonlyMap<number, EnumType>,
  typeOid: number,
): EnumType | undefined {
  for (const type of enums.values()) if (type.arrayOid === typeOid) return type;
  return undefined;
}

/** An enum type, or arrays of one. */
export function enumOrList(
  enums: ReadonlyMap<number, EnumType>,
  typeOid: number,
): PgType | undefined {
  return enums.get(typeOid)?.type ?? enumOfList(enums, typeOid)?.listType;
}
