import { assert, pgEpochUnixMicros } from '../../base/index.ts';
import type { ColumnarType, Printed } from '../../executor/print/index.ts';
import {
  Unprintable,
  decimalPrecisionMax,
  duckTypeName,
  valueText,
} from '../../executor/print/index.ts';
import { Oid } from '../../types/oid.ts';
import {
  dateInfinity,
  dateMinusInfinity,
  timestampInfinity,
  timestampMinusInfinity,
} from '../../types/value.ts';
import type { Value } from '../../types/value.ts';
import { columnarTypeOf } from './column-type.ts';

/** Days between the Unix epoch and 2000-01-01. */
export const pgEpochUnixDays = 10957;

const int64Max = 9223372036854775807n;

/** A string literal of DuckDB: backslashes mean themselves. */
export const duckText = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** A decoded value as a constant of DuckDB, typed. */
export function duckConstant(value: Value, typeOid: number, typmod: number): Printed {
  const declared = columnarTypeOf(typeOid, typmod);
  if (!declared) throw new Unprintable(`a constant of the type with OID ${typeOid}`);
  if (value === null) {
    // A numeric NULL fits every scale.
    if (typeOid === Oid.numeric) return { sql: 'NULL' };
    return { sql: `CAST(NULL AS ${duckTypeName(declared)})`, type: declared };
  }
  if (typeOid === Oid.numeric) return decimal(value as string);
  const type: ColumnarType =
    typeOid === Oid.bpchar && declared.name === 'TEXT_FORM' ? { name: 'BPCHAR' } : declared;
  return { sql: literal(value, type, typeOid), type };
}

function decimal(text: string): Printed {
  if (!/^-?\d/.test(text)) throw new Unprintable(`the numeric ${text}`);
  const [whole = '', fraction = ''] = text.replace('-', '').split('.');
  const digits = whole.replace(/^0+/, '').length + fraction.length;
  if (digits > decimalPrecisionMax) throw new Unprintable(`a numeric of ${digits} digits`);
  const type: ColumnarType = {
    name: 'DECIMAL',
    precision: Math.max(digits, 1),
    scale: fraction.length,
  };
  return { sql: `CAST('${text}' AS ${duckTypeName(type)})`, type };
}

function literal(value: Exclude<Value, null>, type: ColumnarType, typeOid: number): string {
  switch (type.name) {
    case 'BOOLEAN':
      return value === true ? 'TRUE' : 'FALSE';
    case 'SMALLINT':
    case 'INTEGER':
    case 'BIGINT':
    case 'UINTEGER':
      return `CAST(${String(value as number | bigint)} AS ${type.name})`;
    case 'FLOAT':
    case 'DOUBLE':
      return `CAST('${Object.is(value, -0) ? '-0' : String(value as number)}' AS ${type.name})`;
    case 'DATE': {
      const days = value as number;
      if (days === dateInfinity) return `CAST('infinity' AS DATE)`;
      if (days === dateMinusInfinity) return `CAST('-infinity' AS DATE)`;
      return `(DATE '1970-01-01' + CAST(${days + pgEpochUnixDays} AS INTEGER))`;
    }
    case 'TIMESTAMP':
    case 'TIMESTAMPTZ': {
      const micros = value as bigint;
      if (micros === timestampInfinity) return `CAST('infinity' AS ${type.name})`;
      if (micros === timestampMinusInfinity) return `CAST('-infinity' AS ${type.name})`;
      const unix = micros + pgEpochUnixMicros;
      if (unix >= int64Max) throw new Unprintable('a timestamp after the year 294246');
      const make = type.name === 'TIMESTAMP' ? 'make_timestamp' : 'make_timestamptz';
      return `${make}(CAST(${unix} AS BIGINT))`;
    }
    case 'INTERVAL': {
      assert(typeof value === 'object' && 'months' in value, 'an interval');
      if (Math.abs(value.months) === 2147483647 || value.months === -2147483648) {
        throw new Unprintable('an infinite interval');
      }
      return `(to_months(CAST(${value.months} AS INTEGER)) + to_days(CAST(${value.days} AS INTEGER)) + to_microseconds(CAST(${value.micros} AS BIGINT)))`;
    }
    case 'BLOB':
      return `from_hex('${Buffer.from(value as Uint8Array).toString('hex')}')`;
    case 'TIME':
    case 'UUID':
      return `CAST('${valueText(value, typeOid)}' AS ${type.name})`;
    case 'BPCHAR':
    case 'VARCHAR':
      return `CAST(${duckText(value as string)} AS VARCHAR)`;
    case 'TEXT_FORM':
      return `CAST(${duckText(valueText(value, typeOid))} AS VARCHAR)`;
    case 'DECIMAL':
      return decimal(value as string).sql;
  }
}
