import type { ColumnarType } from '../../executor/print/index.ts';
import { decimalPrecisionMax } from '../../executor/print/index.ts';
import { Oid, arrayOidOf } from '../../types/oid.ts';

const types: ReadonlyMap<number, ColumnarType> = new Map<number, ColumnarType>([
  [Oid.bool, { name: 'BOOLEAN' }],
  [Oid.bytea, { name: 'BLOB' }],
  [Oid.char, { name: 'TEXT_FORM' }],
  [Oid.name, { name: 'VARCHAR' }],
  [Oid.int8, { name: 'BIGINT' }],
  [Oid.int2, { name: 'SMALLINT' }],
  [Oid.int4, { name: 'INTEGER' }],
  [Oid.text, { name: 'VARCHAR' }],
  [Oid.varchar, { name: 'VARCHAR' }],
  [Oid.unknown, { name: 'VARCHAR' }],
  [Oid.oid, { name: 'UINTEGER' }],
  [Oid.json, { name: 'TEXT_FORM' }],
  [Oid.jsonb, { name: 'TEXT_FORM' }],
  [Oid.float4, { name: 'FLOAT' }],
  [Oid.float8, { name: 'DOUBLE' }],
  [Oid.date, { name: 'DATE' }],
  [Oid.time, { name: 'TIME' }],
  [Oid.timestamp, { name: 'TIMESTAMP' }],
  [Oid.timestamptz, { name: 'TIMESTAMPTZ' }],
  [Oid.interval, { name: 'INTERVAL' }],
  [Oid.timetz, { name: 'TEXT_FORM' }],
  [Oid.uuid, { name: 'UUID' }],
]);

const arrays: ReadonlySet<number> = new Set(arrayOidOf.values());

/** Precision and scale of a numeric typmod; undefined without one. */
export function numericTypmod(typmod: number): { precision: number; scale: number } | undefined {
  if (typmod < 4) return undefined;
  const packed = typmod - 4;
  return { precision: (packed >> 16) & 0xffff, scale: ((packed & 0x7ff) ^ 1024) - 1024 };
}

/** How a column or value of a PostgreSQL type lies in DuckDB; undefined: not at all. */
export function columnarTypeOf(typeOid: number, typmod: number): ColumnarType | undefined {
  if (typeOid === Oid.numeric) {
    const declared = numericTypmod(typmod);
    if (!declared) return { name: 'TEXT_FORM' };
    const { precision, scale } = declared;
    return precision <= decimalPrecisionMax && scale >= 0 && scale <= precision
      ? { name: 'DECIMAL', precision, scale }
      : { name: 'TEXT_FORM' };
  }
  if (typeOid === Oid.bpchar) {
    // Of one length, values compare as they are; of many, equal ones may differ.
    return typmod >= 4 ? { name: 'BPCHAR' } : { name: 'TEXT_FORM' };
  }
  if (arrays.has(typeOid)) return { name: 'TEXT_FORM' };
  return types.get(typeOid);
}
