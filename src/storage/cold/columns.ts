import { assert, pgEpochUnixMicros } from '../../base/index.ts';
import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DATE,
  DOUBLE,
  DuckDBBlobValue,
  DuckDBListValue,
  FLOAT,
  INTEGER,
  LIST,
  SMALLINT,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
  UINTEGER,
  VARCHAR,
} from '../../duckdb/index.ts';
import type { DuckDBType, DuckDBValue, DuckDBVector } from '../../duckdb/index.ts';
import { Oid } from '../../types/oid.ts';
import { requirePgType } from '../../types/registry.ts';
import { defaultTypeContext } from '../../types/type.ts';
import type { PgArray, Row, Value } from '../../types/value.ts';
import { dateInfinity, dateMinusInfinity } from '../../types/value.ts';
import { elementOid, physicalType } from '../tuple/physical.ts';

/** Days between the Unix epoch and PostgreSQL's. */
export const pgEpochUnixDays = 10_957;
/** Timestamps beyond these do not fit DuckDB's, or mean infinity there. */
const unixMicrosMax = 9_223_000_000_000_000_000n;
const unixMicrosMin = -9_223_000_000_000_000_000n;
/** DuckDB's greatest DECIMAL. */
const decimalDigitsMax = 38;

/** How a column's values get into a Parquet file and back. */
export interface ColumnForm {
  /** Type of the column in the file, as DuckDB's SQL says it. */
  readonly parquetType: string;
  /** Type that values are handed to DuckDB in. */
  readonly stage: DuckDBType;
  /** False for a value that the file could not give back exactly; the row stays hot. Undefined: all can. */
  readonly carries?: (value: Exclude<Value, null>) => boolean;
  /** SQL from the stage's column to the file's. */
  toParquet(column: string): string;
  /** SQL from the file's column to the type that `read` takes (the stage's). */
  fromParquet(column: string): string;
  write(vector: DuckDBVector, rows: readonly Row[], position: number): void;
  read(vector: DuckDBVector, count: number, into: readonly Row[], position: number): void;
  /** Whether DuckDB's order of the file's values is PostgreSQL's, so that its min and max may prune. */
  readonly ordered: boolean;
}

/** The raw parts of DuckDB's vectors. */
interface RawVector {
  readonly items: { [index: number]: number | bigint };
  readonly itemCount: number;
  readonly validity: {
    readonly data: BigUint64Array | null;
    readonly offset: number;
    setItemValid(index: number, valid: boolean): void;
  };
  getItem(index: number): unknown;
  setItem(index: number, value: unknown): void;
  flush(): void;
}

const raw = (vector: DuckDBVector): RawVector => vector as unknown as RawVector;
const same = (column: string): string => column;

export function columnForm(typeOid: number, typmod: number): ColumnForm {
  const direct = { toParquet: same, fromParquet: same, ordered: true };
  switch (physicalType(typeOid)) {
    case 'bool':
      return { ...direct, parquetType: 'BOOLEAN', stage: BOOLEAN, ...byItem() };
    case 'i16':
      return { ...direct, parquetType: 'SMALLINT', stage: SMALLINT, ...byRaw() };
    case 'u32':
      return { ...direct, parquetType: 'UINTEGER', stage: UINTEGER, ...byRaw() };
    case 'f32':
      return { ...direct, parquetType: 'FLOAT', stage: FLOAT, ...byRaw() };
    case 'f64':
      return { ...direct, parquetType: 'DOUBLE', stage: DOUBLE, ...byRaw() };
    case 'i32':
      if (typeOid !== Oid.date)
        return { ...direct, parquetType: 'INTEGER', stage: INTEGER, ...byRaw() };
      return {
        ...direct,
        parquetType: 'DATE',
        stage: DATE,
        carries: carriesDate,
        ...byRaw(
          (value) => (value as number) + pgEpochUnixDays,
          (item) => (item as number) - pgEpochUnixDays,
        ),
      };
    case 'i64': {
      if (typeOid === Oid.int8)
        return { ...direct, parquetType: 'BIGINT', stage: BIGINT, ...byRaw() };
      const zoned = typeOid === Oid.timestamptz;
      return {
        ...direct,
        parquetType: zoned ? 'TIMESTAMPTZ' : 'TIMESTAMP',
        stage: zoned ? TIMESTAMPTZ : TIMESTAMP,
        carries: carriesTimestamp,
        ...byRaw(
          (value) => (value as bigint) + pgEpochUnixMicros,
          (item) => (item as bigint) - pgEpochUnixMicros,
        ),
      };
    }
    case 'micros':
      return {
        ...direct,
        parquetType: 'TIME',
        stage: TIME,
        carries: (value) => (value as number) < 86_400_000_000,
        ...byRaw(
          (value) => BigInt(value as number),
          (item) => Number(item),
        ),
      };
    case 'bytes':
      return {
        ...direct,
        parquetType: 'BLOB',
        stage: BLOB,
        ...byItem(
          (value) => new DuckDBBlobValue(value as Uint8Array),
          (item) => Uint8Array.from((item as DuckDBBlobValue).bytes),
        ),
      };
    case 'uuid':
      return { ...text('UUID'), ordered: true };
    case 'string': {
      const decimal = typeOid === Oid.numeric ? decimalType(typmod) : undefined;
      if (decimal !== undefined)
        return { ...text(decimal), ordered: true, carries: (value) => value !== 'NaN' };
      const ordered = typeOid === Oid.text || typeOid === Oid.varchar || typeOid === Oid.name;
      return { ...direct, parquetType: 'VARCHAR', stage: VARCHAR, ordered, ...byItem() };
    }
    case 'interval':
    case 'timetz': {
      const type = requirePgType(typeOid);
      return {
        ...direct,
        parquetType: 'VARCHAR',
        stage: VARCHAR,
        ordered: false,
        ...byItem(
          (value) => type.format(value, defaultTypeContext),
          (item) => type.parse(item as string, typmod, defaultTypeContext),
        ),
      };
    }
    case 'array':
      return arrayForm(elementOid(typeOid), typmod);
  }
}

/** `DECIMAL(p,s)` of a numeric's typmod; undefined where DuckDB has no such type. */
export function decimalType(typmod: number): string | undefined {
  if (typmod < 4) return undefined;
  const precision = ((typmod - 4) >> 16) & 0xffff;
  // Eleven bits with sign.
  const scale = (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
  if (precision > decimalDigitsMax || scale < 0 || scale > precision) return undefined;
  return `DECIMAL(${precision},${scale})`;
}

function carriesDate(value: Exclude<Value, null>): boolean {
  return value !== dateInfinity && value !== dateMinusInfinity;
}

function carriesTimestamp(value: Exclude<Value, null>): boolean {
  const unix = (value as bigint) + pgEpochUnixMicros;
  return unix < unixMicrosMax && unix > unixMicrosMin;
}

/** Types that DuckDB converts itself: values travel as text. */
function text(parquetType: string): Omit<ColumnForm, 'ordered'> {
  return {
    parquetType,
    stage: VARCHAR,
    toParquet: (column) => `CAST(${column} AS ${parquetType})`,
    fromParquet: (column) => `CAST(${column} AS VARCHAR)`,
    ...byItem(),
  };
}

type Codec = Pick<ColumnForm, 'write' | 'read'>;

/** Values that are numbers in the vector's typed array. */
function byRaw(
  encode?: (value: Exclude<Value, null>) => number | bigint,
  decode?: (item: number | bigint) => Value,
): Codec {
  return {
    write(vector, rows, position) {
      const { items, validity } = raw(vector);
      for (let i = 0; i < rows.length; i++) {
        const value = rows[i]![position]!;
        if (value === null) validity.setItemValid(i, false);
        else items[i] = encode === undefined ? (value as number | bigint) : encode(value);
      }
      raw(vector).flush();
    },
    read(vector, count, into, position) {
      const { items, validity } = raw(vector);
      const bits = validityBits(validity);
      for (let i = 0; i < count; i++) {
        const item = items[i]!;
        into[i]![position] =
          bits !== undefined && !isValid(bits, validity.offset + i)
            ? null
            : decode === undefined
              ? item
              : decode(item);
      }
    },
  };
}

function byItem(
  encode?: (value: Exclude<Value, null>) => DuckDBValue,
  decode?: (item: NonNullable<DuckDBValue>) => Value,
): Codec {
  return {
    write(vector, rows, position) {
      const to = raw(vector);
      for (let i = 0; i < rows.length; i++) {
        const value = rows[i]![position]!;
        to.setItem(i, value === null || encode === undefined ? value : encode(value));
      }
      to.flush();
    },
    read(vector, count, into, position) {
      const from = raw(vector);
      for (let i = 0; i < count; i++) {
        const item = from.getItem(i) as DuckDBValue;
        into[i]![position] = item === null || decode === undefined ? (item as Value) : decode(item);
      }
    },
  };
}

function validityBits(validity: RawVector['validity']): Uint8Array | undefined {
  const { data } = validity;
  return data === null ? undefined : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function isValid(bits: Uint8Array, index: number): boolean {
  return ((bits[index >> 3]! >> (index & 7)) & 1) === 1;
}

/** One-dimensional arrays are LISTs; elements travel in a type that needs no conversion in JavaScript. */
function arrayForm(element: number, typmod: number): ColumnForm {
  const form = columnForm(element, typmod);
  const item = elementForm(element, form);
  return {
    parquetType: `${form.parquetType}[]`,
    stage: LIST(item.stage),
    ordered: false,
    carries(value) {
      const array = value as PgArray;
      if (array.dims.length > 1 || (array.dims.length === 1 && array.lowerBounds[0] !== 1))
        return false;
      const carries = form.carries;
      return carries === undefined || array.elements.every((e) => e === null || carries(e));
    },
    toParquet: (column) => item.toParquet(column),
    fromParquet: (column) => item.fromParquet(column),
    ...byItem(
      (value) =>
        new DuckDBListValue(
          (value as PgArray).elements.map((e) => (e === null ? null : item.encode(e))),
        ),
      (list) => {
        const elements = (list as DuckDBListValue).items.map((e) =>
          e === null ? null : item.decode(e),
        );
        const some = elements.length > 0;
        return {
          kind: 'array',
          elements,
          dims: some ? [elements.length] : [],
          lowerBounds: some ? [1] : [],
        };
      },
    ),
  };
}

interface ElementForm {
  readonly stage: DuckDBType;
  toParquet(column: string): string;
  fromParquet(column: string): string;
  encode(value: Exclude<Value, null>): DuckDBValue;
  decode(item: NonNullable<DuckDBValue>): Value;
}

function elementForm(element: number, form: ColumnForm): ElementForm {
  const each = (column: string, body: string): string =>
    `list_transform(${column}, lambda x: ${body})`;
  const plain = {
    stage: form.stage,
    toParquet: same,
    fromParquet: same,
    encode: (value: Exclude<Value, null>) => value as DuckDBValue,
    decode: (item: NonNullable<DuckDBValue>) => item as Value,
  };
  switch (element) {
    case Oid.date:
      return {
        ...plain,
        stage: INTEGER,
        toParquet: (column) => each(column, `CAST('1970-01-01' AS DATE) + x`),
        fromParquet: (column) => each(column, `CAST(x - CAST('1970-01-01' AS DATE) AS INTEGER)`),
        encode: (value) => (value as number) + pgEpochUnixDays,
        decode: (item) => (item as number) - pgEpochUnixDays,
      };
    case Oid.timestamp:
    case Oid.timestamptz:
      return {
        ...plain,
        stage: BIGINT,
        toParquet: (column) =>
          each(column, element === Oid.timestamp ? 'make_timestamp(x)' : 'make_timestamptz(x)'),
        fromParquet: (column) => each(column, 'epoch_us(x)'),
        encode: (value) => (value as bigint) + pgEpochUnixMicros,
        decode: (item) => (item as bigint) - pgEpochUnixMicros,
      };
    case Oid.time:
      return {
        ...plain,
        stage: BIGINT,
        toParquet: (column) =>
          each(column, `CAST(CAST('1970-01-01' AS TIMESTAMP) + to_microseconds(x) AS TIME)`),
        fromParquet: (column) => each(column, 'epoch_us(x)'),
        encode: (value) => BigInt(value as number),
        decode: (item) => Number(item),
      };
    case Oid.bytea:
      return {
        ...plain,
        encode: (value) => new DuckDBBlobValue(value as Uint8Array),
        decode: (item) => Uint8Array.from((item as DuckDBBlobValue).bytes),
      };
    case Oid.interval:
    case Oid.timetz: {
      const type = requirePgType(element);
      return {
        ...plain,
        encode: (value) => type.format(value, defaultTypeContext),
        decode: (item) => type.parse(item as string, -1, defaultTypeContext),
      };
    }
    default:
      assert(form.stage !== TIME, 'times are converted above');
      return form.parquetType === 'VARCHAR' || form.stage !== VARCHAR
        ? plain
        : {
            ...plain,
            toParquet: (column) => `CAST(${column} AS ${form.parquetType}[])`,
            fromParquet: (column) => `CAST(${column} AS VARCHAR[])`,
          };
  }
}
