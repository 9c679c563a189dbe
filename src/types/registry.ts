import { notSupported } from '../base/index.ts';
import { arrayType } from './array.ts';
import { boolType } from './bool.ts';
import { byteaType } from './bytea.ts';
import { dateType } from './datetime/date-type.ts';
import { intervalType } from './datetime/interval-type.ts';
import { timestampType, timestamptzType } from './datetime/timestamp-type.ts';
import { timetzType, timeType } from './datetime/time-type.ts';
import { enumLabelListType, enumLabelType } from './enum-type.ts';
import { float4Type, float8Type } from './float.ts';
import { int2Type, int4Type, int8Type, oidType } from './integer.ts';
import { jsonType } from './json.ts';
import { jsonbType } from './jsonb.ts';
import { numericType } from './numeric-type.ts';
import { bpcharType, nameType, textType, varcharType } from './text.ts';
import type { PgType } from './type.ts';
import { uuidType } from './uuid.ts';

const scalarTypes: readonly PgType[] = [
  boolType,
  byteaType,
  nameType,
  int8Type,
  int2Type,
  int4Type,
  textType,
  oidType,
  jsonType,
  float4Type,
  float8Type,
  bpcharType,
  varcharType,
  dateType,
  timeType,
  timestampType,
  timestamptzType,
  intervalType,
  timetzType,
  numericType,
  uuidType,
  jsonbType,
];

/** Every type that pgtide stores and computes with: the scalars, then the arrays over them. */
export const allTypes: readonly PgType[] = [...scalarTypes, ...scalarTypes.map(arrayType)];

const byOid: ReadonlyMap<number, PgType> = new Map(
  [...allTypes, enumLabelType, enumLabelListType].map((type) => [type.oid, type]),
);

export function pgType(oid: number): PgType | undefined {
  return byOid.get(oid);
}

/** 0A000 naming the OID when pgtide does not have the type. */
export function requirePgType(oid: number): PgType {
  const type = byOid.get(oid);
  if (!type) throw notSupported(`the type with OID ${oid}`);
  return type;
}
