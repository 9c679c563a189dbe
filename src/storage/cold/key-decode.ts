import { pgEpochUnixMicros } from '../../base/index.ts';
import { Oid } from '../../types/oid.ts';
import { dateInfinity, dateMinusInfinity } from '../../types/value.ts';
import type { Value } from '../../types/value.ts';
import { pgEpochUnixDays } from './columns.ts';
import { quoteText } from './layout.ts';

/**
 * The leading values of a memcomparable key, as far as their types can be read back (a numeric's or a bpchar's form does not
 * tell how it was written).
 */
export function decodeKeyPrefix(key: Buffer, typeOids: readonly number[]): Value[] {
  const values: Value[] = [];
  let at = 0;
  for (const typeOid of typeOids) {
    switch (typeOid) {
      case Oid.bool:
        values.push(key[at] !== 0);
        at += 1;
        break;
      case Oid.int2:
        values.push(key.readUInt16BE(at) - 0x8000);
        at += 2;
        break;
      case Oid.int4:
      case Oid.date:
        values.push((key.readUInt32BE(at) ^ 0x80000000) | 0);
        at += 4;
        break;
      case Oid.int8:
      case Oid.timestamp:
      case Oid.timestamptz:
        values.push(BigInt.asIntN(64, key.readBigUInt64BE(at) ^ (1n << 63n)));
        at += 8;
        break;
      case Oid.uuid: {
        const hex = key.toString('hex', at, at + 16);
        values.push(
          `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`,
        );
        at += 16;
        break;
      }
      case Oid.text:
      case Oid.varchar:
      case Oid.name:
      case Oid.anyenum: {
        // No text holds a zero byte, so the first one ends it.
        const end = key.indexOf(0, at);
        values.push(key.toString('utf8', at, end));
        at = end + 2;
        break;
      }
      default:
        return values;
    }
  }
  return values;
}

/** A value as a constant of DuckDB's SQL with the type its column has in a file; undefined where there is no exact one. */
export function duckLiteral(typeOid: number, value: Value): string | undefined {
  if (value === null) return undefined;
  switch (typeOid) {
    case Oid.bool:
      return value === true ? 'true' : 'false';
    case Oid.int2:
      return `CAST(${String(value as number)} AS SMALLINT)`;
    case Oid.int4:
      return `CAST(${String(value as number)} AS INTEGER)`;
    case Oid.oid:
      return `CAST(${String(value as number)} AS UINTEGER)`;
    case Oid.int8:
      return `CAST(${String(value as bigint)} AS BIGINT)`;
    case Oid.float8:
      return `CAST('${String(value as number)}' AS DOUBLE)`;
    case Oid.text:
    case Oid.varchar:
    case Oid.name:
    case Oid.anyenum:
      return quoteText(value as string);
    case Oid.uuid:
      return `CAST(${quoteText(value as string)} AS UUID)`;
    case Oid.date: {
      const days = value as number;
      if (days === dateInfinity || days === dateMinusInfinity) return undefined;
      return `(CAST('1970-01-01' AS DATE) + ${days + pgEpochUnixDays})`;
    }
    case Oid.timestamp:
    case Oid.timestamptz: {
      const unix = (value as bigint) + pgEpochUnixMicros;
      // Far beyond any file's values DuckDB's constructors fail; no file has such a row.
      if (unix > 9_000_000_000_000_000_000n || unix < -200_000_000_000_000_000n) return undefined;
      return typeOid === Oid.timestamp
        ? `make_timestamp(CAST(${unix} AS BIGINT))`
        : `make_timestamptz(CAST(${unix} AS BIGINT))`;
    }
    default:
      return undefined;
  }
}
