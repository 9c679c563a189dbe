import type { Value } from './value.ts';

/** Session settings that change how values are read and written as text. */
export interface TypeContext {
  readonly timeZone: string;
  /** Output style. */
  readonly dateStyle: 'ISO' | 'SQL' | 'Postgres' | 'German';
  readonly dateOrder: 'MDY' | 'DMY' | 'YMD';
  readonly intervalStyle: 'postgres' | 'postgres_verbose' | 'sql_standard' | 'iso_8601';
  readonly byteaOutput: 'hex' | 'escape';
  readonly extraFloatDigits: number;
  /** Microseconds since 2000-01-01 UTC: what `now`, `today`, … mean in a date or time literal. */
  readonly transactionTime: bigint;
}

export const defaultTypeContext: TypeContext = {
  timeZone: 'UTC',
  dateStyle: 'ISO',
  dateOrder: 'MDY',
  intervalStyle: 'postgres',
  byteaOutput: 'hex',
  extraFloatDigits: 1,
  transactionTime: 0n,
};

/** Where a memcomparable key is being built; grows as needed. */
export interface KeyWriter {
  byte(value: number): void;
  bytes(value: Uint8Array): void;
}

/**
 * One PostgreSQL type that pgtide stores and computes with. Errors are PgErrors with PostgreSQL's SQLSTATE and text
 * (`invalid input syntax for type integer: "x"`, 22P02). No method takes or returns null: NULL is the caller's.
 */
export interface PgType {
  readonly oid: number;
  /** pg_type.typname: `int4`. */
  readonly name: string;
  /** format_type without a typmod: `integer`. */
  readonly sqlName: string;
  /** OID of the array over this type, 0 for arrays. */
  readonly arrayOid: number;
  /** OID of the element for arrays, else 0. */
  readonly elementOid: number;
  /** pg_type.typlen: bytes, -1 for varlena. */
  readonly size: number;
  /** The type's input function, typmod applied (a too long varchar is 22001). */
  parse(text: string, typmod: number, context: TypeContext): Value;
  /** The type's output function. */
  format(value: Value, context: TypeContext): string;
  /** The type's receive function: `bytes` is exactly the value. Malformed: 22P03 or 08P01 as PostgreSQL says. */
  decode(bytes: Uint8Array, typmod: number): Value;
  /** The type's send function. */
  encode(value: Value): Uint8Array;
  /** Explicit or assignment cast to a typmod within the type (varchar(3), numeric(10,2), timestamp(3), bpchar(5)). */
  applyTypmod(value: Value, typmod: number, explicit: boolean): Value;
  /** The default btree operator class; undefined where PostgreSQL has none (json). */
  readonly compare?: (left: Value, right: Value) => number;
  /** Memcomparable form, self-delimiting: byte order equals compare's. Undefined where compare is. */
  readonly encodeKey?: (writer: KeyWriter, value: Value) => void;
}
