import { assert, pgEpochUnixMicros } from '../../base/index.ts';
import {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBTimeValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTypeId,
  DuckDBUUIDValue,
} from '../../duckdb/index.ts';
import type { DuckDBListValue, DuckDBValue, DuckDBVector } from '../../duckdb/index.ts';
import { pgEpochUnixDays } from '../../planner/shippable/index.ts';
import { Oid } from '../../types/oid.ts';
import { pgType } from '../../types/registry.ts';
import { defaultTypeContext } from '../../types/type.ts';
import {
  dateInfinity,
  dateMinusInfinity,
  timestampInfinity,
  timestampMinusInfinity,
} from '../../types/value.ts';
import type { PgArray, Value } from '../../types/value.ts';

/** What the vector classes have in common with us: their raw parts (DuckDB's storage formats). */
interface RawVector {
  readonly items?: ArrayLike<number | bigint>;
  readonly dataView?: DataView;
  readonly validity: { readonly data: BigUint64Array | null; readonly offset: number };
  getItem(index: number): unknown;
}

/** Fills `into[i]` for each row: the values of one column. */
export type DecodeColumn = (vector: DuckDBVector, count: number, into: Value[]) => void;

const int64Max = 9223372036854775807n;

/** NULLs, from the validity bits; everything else by `read`. */
function eachValid(
  raw: RawVector,
  count: number,
  into: Value[],
  read: (at: number) => Value,
): void {
  const { data, offset } = raw.validity;
  if (!data) {
    for (let at = 0; at < count; at++) into[at] = read(at);
    return;
  }
  const bits = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  for (let at = 0; at < count; at++) {
    const bit = offset + at;
    into[at] = (bits[bit >> 3]! >> (bit & 7)) & 1 ? read(at) : null;
  }
}

/** A scaled integer as PostgreSQL writes it, with all of its scale's digits. */
function decimalText(scaled: bigint | number, scale: number): string {
  const text = String(scaled);
  if (scale === 0) return text;
  const negative = text.startsWith('-');
  const digits = (negative ? text.slice(1) : text).padStart(scale + 1, '0');
  const point = digits.length - scale;
  return `${negative ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}

const int128 = (view: DataView, at: number): bigint =>
  (view.getBigInt64(at + 8, true) << 64n) | view.getBigUint64(at, true);

function decodeDate(days: number): number {
  if (days === 2147483647) return dateInfinity;
  if (days === -2147483647) return dateMinusInfinity;
  return days - pgEpochUnixDays;
}

function decodeTimestamp(micros: bigint): bigint {
  if (micros === int64Max) return timestampInfinity;
  if (micros === -int64Max) return timestampMinusInfinity;
  return micros - pgEpochUnixMicros;
}

const hexDigits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** DuckDB keeps UUIDs as 128-bit integers with the top bit flipped. */
function decodeUuid(view: DataView, at: number): string {
  let text = '';
  for (let byte = 15; byte >= 0; byte--) {
    const value = view.getUint8(at + byte) ^ (byte === 15 ? 0x80 : 0);
    text += hexDigits[value]!;
    if (byte === 12 || byte === 10 || byte === 8 || byte === 6) text += '-';
  }
  return text;
}

/** How a result column of a DuckDB type becomes values of a PostgreSQL type. */
export function columnDecoder(
  duck: { readonly typeId: number; readonly width?: number; readonly scale?: number },
  typeOid: number,
): DecodeColumn {
  const read = (make: (raw: RawVector) => (at: number) => Value): DecodeColumn => {
    return (vector, count, into) => {
      const raw = vector as unknown as RawVector;
      eachValid(raw, count, into, make(raw));
    };
  };
  const items = read((raw) => (at) => raw.items![at] as Value);
  switch (duck.typeId) {
    case DuckDBTypeId.BOOLEAN:
      return read((raw) => (at) => raw.dataView!.getUint8(at) !== 0);
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.UINTEGER:
    case DuckDBTypeId.FLOAT:
    case DuckDBTypeId.DOUBLE:
    case DuckDBTypeId.BIGINT:
      return items;
    case DuckDBTypeId.DATE:
      return read((raw) => (at) => decodeDate(raw.items![at] as number));
    case DuckDBTypeId.TIME:
      return read((raw) => (at) => Number(raw.items![at]));
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_TZ:
      return read((raw) => (at) => decodeTimestamp(raw.items![at] as bigint));
    case DuckDBTypeId.INTERVAL:
      return read((raw) => (at) => ({
        kind: 'interval',
        months: raw.dataView!.getInt32(at * 16, true),
        days: raw.dataView!.getInt32(at * 16 + 4, true),
        micros: raw.dataView!.getBigInt64(at * 16 + 8, true),
      }));
    case DuckDBTypeId.UUID:
      return read((raw) => (at) => decodeUuid(raw.dataView!, at * 16));
    case DuckDBTypeId.DECIMAL:
      return decimalDecoder(duck.width ?? 0, duck.scale ?? 0, read);
    case DuckDBTypeId.BLOB:
      return read(
        (raw) => (at) => Uint8Array.from((raw.getItem(at) as { bytes: Uint8Array }).bytes),
      );
    case DuckDBTypeId.VARCHAR:
      return textDecoder(typeOid, read);
    case DuckDBTypeId.LIST:
      return read((raw) => (at) => arrayOf(raw.getItem(at) as DuckDBListValue));
    case DuckDBTypeId.SQLNULL:
      return (_vector, count, into) => into.fill(null, 0, count);
    default:
      assert(false, `DuckDB's type ${duck.typeId} for the type with OID ${typeOid}`);
  }
}

type MakeDecoder = (make: (raw: RawVector) => (at: number) => Value) => DecodeColumn;

function decimalDecoder(width: number, scale: number, read: MakeDecoder): DecodeColumn {
  if (width <= 4) {
    return read((raw) => (at) => decimalText(raw.dataView!.getInt16(at * 2, true), scale));
  }
  if (width <= 9) {
    return read((raw) => (at) => decimalText(raw.dataView!.getInt32(at * 4, true), scale));
  }
  if (width <= 18) {
    return read((raw) => (at) => decimalText(raw.dataView!.getBigInt64(at * 8, true), scale));
  }
  return read((raw) => (at) => decimalText(int128(raw.dataView!, at * 16), scale));
}

const stringTypes: ReadonlySet<number> = new Set([
  Oid.text,
  Oid.varchar,
  Oid.bpchar,
  Oid.name,
  Oid.json,
  Oid.jsonb,
  Oid.numeric,
  Oid.char,
  Oid.unknown,
]);

/** Text itself, or a type carried as PostgreSQL's text (TEXT_FORM). */
function textDecoder(typeOid: number, read: MakeDecoder): DecodeColumn {
  if (stringTypes.has(typeOid)) return read((raw) => (at) => raw.getItem(at) as string);
  const type = pgType(typeOid);
  // Enum types are no others that DuckDB is handed: a value is its label.
  if (type === undefined) return read((raw) => (at) => raw.getItem(at) as string);
  return read((raw) => (at) => type.parse(raw.getItem(at) as string, -1, defaultTypeContext));
}

/** One-dimensional arrays lie in DuckDB as lists. Element by element: arrays are passed on, not computed with. */
function arrayOf(list: DuckDBListValue): PgArray {
  const elements = list.items.map(elementOf);
  return elements.length === 0
    ? { kind: 'array', elements, dims: [], lowerBounds: [] }
    : { kind: 'array', elements, dims: [elements.length], lowerBounds: [1] };
}

function elementOf(item: DuckDBValue): Value {
  if (item === null || typeof item !== 'object') return item;
  if (item instanceof DuckDBDecimalValue) return decimalText(item.value, item.scale);
  if (item instanceof DuckDBDateValue) return decodeDate(item.days);
  if (item instanceof DuckDBTimestampValue || item instanceof DuckDBTimestampTZValue) {
    return decodeTimestamp(item.micros);
  }
  if (item instanceof DuckDBTimeValue) return Number(item.micros);
  if (item instanceof DuckDBBlobValue) return Uint8Array.from(item.bytes);
  if (item instanceof DuckDBUUIDValue) return item.toString();
  assert(false, `an array element of DuckDB's ${item.constructor.name}`);
}
