import { assert } from '../../base/index.ts';
import { Oid, arrayOidOf } from '../../types/oid.ts';

/** How a value lies in a tuple. */
export type Physical =
  | 'bool'
  | 'i16'
  | 'i32'
  | 'u32'
  | 'i64'
  | 'f32'
  | 'f64'
  | 'string'
  | 'bytes'
  | 'micros'
  | 'timetz'
  | 'interval'
  | 'uuid'
  | 'array';

const physicalOf: ReadonlyMap<number, Physical> = new Map<number, Physical>([
  [Oid.bool, 'bool'],
  [Oid.bytea, 'bytes'],
  [Oid.char, 'string'],
  [Oid.name, 'string'],
  [Oid.int8, 'i64'],
  [Oid.int2, 'i16'],
  [Oid.int4, 'i32'],
  [Oid.regproc, 'u32'],
  [Oid.regclass, 'u32'],
  [Oid.oid, 'u32'],
  [Oid.text, 'string'],
  [Oid.json, 'string'],
  [Oid.jsonb, 'string'],
  [Oid.unknown, 'string'],
  [Oid.bpchar, 'string'],
  [Oid.varchar, 'string'],
  [Oid.numeric, 'string'],
  [Oid.float4, 'f32'],
  [Oid.float8, 'f64'],
  [Oid.date, 'i32'],
  [Oid.time, 'micros'],
  [Oid.timestamp, 'i64'],
  [Oid.timestamptz, 'i64'],
  [Oid.interval, 'interval'],
  [Oid.timetz, 'timetz'],
  [Oid.uuid, 'uuid'],
  [Oid.anyenum, 'string'],
]);

const elementOfArray: ReadonlyMap<number, number> = new Map(
  [...arrayOidOf].map(([element, array]) => [array, element]),
);

export function physicalType(typeOid: number): Physical {
  if (elementOfArray.has(typeOid)) return 'array';
  const physical = physicalOf.get(typeOid);
  assert(physical !== undefined, `no tuple form for the type with OID ${typeOid}`);
  return physical;
}

export function elementOid(arrayOid: number): number {
  const element = elementOfArray.get(arrayOid);
  assert(element !== undefined, `OID ${arrayOid} is not an array type`);
  return element;
}
