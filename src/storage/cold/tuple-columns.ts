import { pgEpochUnixMicros } from '../../base/index.ts';
import { writeNumbers, writeStrings, writeValidity } from '../../duckdb/index.ts';
import type { DuckDBDataChunk, DuckDBType } from '../../duckdb/index.ts';
import { Oid } from '../../types/oid.ts';
import type { PgArray, Value } from '../../types/value.ts';
import { dateInfinity, dateMinusInfinity } from '../../types/value.ts';
import { compile } from '../tuple/encoder.ts';
import { headerBytes } from '../tuple/header.ts';
import { physicalType } from '../tuple/physical.ts';
import {
  readInt64,
  readInterval,
  readTimeTz,
  readValue,
  readVarint,
  varintEnd,
} from '../tuple/value-codec.ts';
import type { StoredColumn } from '../types.ts';
import type { ColumnForm } from './columns.ts';
import { columnForm, pgEpochUnixDays } from './columns.ts';
import type { TextCells } from './text-cells.ts';
import { textCells } from './text-cells.ts';

/** Rows that gather before they are handed to DuckDB: the size of its vectors. */
export const chunkRows = 2048;

/** How a column's values gather. */
type Gathered =
  | { readonly kind: 'numbers'; readonly bytes: Uint8Array; readonly itemBytes: number }
  | { readonly kind: 'strings'; readonly cells: TextCells }
  /** Types that are seldom large: as values, which DuckDB's wrapper writes. */
  | { readonly kind: 'values'; readonly rows: [Value][]; readonly form: ColumnForm };

/**
 * Rows on their way from tuples to DuckDB's vectors, without a JavaScript value for each field: the bytes of a tuple are put where
 * a vector has them.
 */
export interface TupleColumns {
  readonly types: readonly DuckDBType[];
  /**
   * Takes an intact tuple of the table's present layout as row `row` (below chunkRows). False: the file could not give a value back
   * exactly; the row is then not there.
   */
  put(tuple: Buffer, row: number): boolean;
  /** Whether any float so far was -0.0; see copySql. */
  hasNegativeZero(): boolean;
  /** Writes the first `rows` rows to the first columns of a chunk; the next chunk begins. */
  write(chunk: DuckDBDataChunk, rows: number): void;
}

/** 64-bit halves of what is added to a timestamp. */
const epochLow = Number(pgEpochUnixMicros & 0xffffffffn);
const epochHigh = Number(pgEpochUnixMicros >> 32n);
/** Timestamps whose upper half is beyond are looked at closely. */
const timestampHighMax = 0x7ffe0000;

/** The code is made for the layout, as that of tuple/decoder.ts is. */
export function tupleColumns(columns: readonly StoredColumn[]): TupleColumns {
  const forms = columns.map((column) => columnForm(column.typeOid, column.typmod));
  const gathered = columns.map((column, i) => gather(column, forms[i]!));
  const bitmapBytes = Math.ceil(columns.length / 8);
  const valid = columns.map(() => new Uint8Array(chunkRows / 8).fill(0xff));
  /** 1: the column has a null in this chunk. */
  const nulls = new Uint8Array(columns.length);
  /** The only item is 1 when a float was -0.0. */
  const negativeZero = new Uint8Array(1);

  const helpers: Record<string, unknown> = { valid, nulls, negativeZero, readVarint, varintEnd };
  Object.assign(helpers, { hasZero, readInt64, readInterval, readTimeTz, readValue });
  const lines = columns.map((column, i) => {
    const to = gathered[i]!;
    if (to.kind === 'numbers') helpers[`c${i}`] = wordsOf(column, to.bytes);
    else helpers[`c${i}`] = to.kind === 'strings' ? to.cells : to.rows;
    helpers[`carries${i}`] = forms[i]!.carries;
    return (
      `if ((b[${headerBytes + (i >> 3)}] & ${1 << (i & 7)}) !== 0) { ${onNull(i, to)} }` +
      ` else { ${onValue(column, i, forms[i]!)} }`
    );
  });
  const put = compile(
    `return function putTuple(b, r) {
      let o = ${headerBytes + bitmapBytes}, h = 0, x = 0, y = 0;
      ${lines.join('\n')}
      return true;
    }`,
    helpers,
  ) as (tuple: Buffer, row: number) => boolean;

  return {
    types: forms.map((form) => form.stage),
    put(tuple, row) {
      if (put(tuple, row)) return true;
      for (const bits of valid) bits[row >> 3]! |= 1 << (row & 7);
      return false;
    },
    hasNegativeZero: () => negativeZero[0] === 1,
    write(chunk, rows) {
      gathered.forEach((column, i) => {
        switch (column.kind) {
          case 'numbers':
            writeNumbers(chunk, i, column.bytes, rows * column.itemBytes);
            break;
          case 'strings':
            writeStrings(chunk, i, column.cells.cells, rows, column.cells.takeHeap());
            break;
          case 'values':
            column.form.write(chunk.getColumnVector(i), column.rows.slice(0, rows), 0);
            return;
        }
        if (nulls[i] === 0) return;
        writeValidity(chunk, i, valid[i]!);
        valid[i]!.fill(0xff);
        nulls[i] = 0;
      });
    },
  };
}

function gather(column: StoredColumn, form: ColumnForm): Gathered {
  const numbers = (itemBytes: number): Gathered => ({
    kind: 'numbers',
    bytes: new Uint8Array(new ArrayBuffer(chunkRows * itemBytes)),
    itemBytes,
  });
  switch (physicalType(column.typeOid)) {
    case 'bool':
      return numbers(1);
    case 'i16':
      return numbers(2);
    case 'i32':
    case 'u32':
    case 'f32':
      return numbers(4);
    case 'i64':
    case 'f64':
    case 'micros':
      return numbers(8);
    case 'string':
    case 'bytes':
    case 'uuid':
      return { kind: 'strings', cells: textCells(chunkRows) };
    case 'timetz':
    case 'interval':
    case 'array':
      return { kind: 'values', rows: Array.from({ length: chunkRows }, () => [null]), form };
  }
}

/** The bytes as what the code below writes: 32-bit words where an item is 4 or 8 bytes. */
function wordsOf(column: StoredColumn, { buffer }: Uint8Array): unknown {
  switch (physicalType(column.typeOid)) {
    case 'bool':
      return new Uint8Array(buffer);
    case 'i16':
      return new Int16Array(buffer);
    default:
      return new Int32Array(buffer);
  }
}

function onNull(i: number, to: Gathered): string {
  if (to.kind === 'values') return `c${i}[r][0] = null;`;
  const empty = to.kind === 'strings' ? `c${i}.clear(r);` : '';
  return `valid[${i}][r >> 3] &= ~(1 << (r & 7)); nulls[${i}] = 1; ${empty}`;
}

const signBit = -0x80000000;

function hasZero({ elements }: PgArray): boolean {
  return elements.some((element) => Object.is(element, -0));
}

const low = '(b[o] | (b[o + 1] << 8) | (b[o + 2] << 16) | (b[o + 3] << 24))';
const high = '(b[o + 4] | (b[o + 5] << 8) | (b[o + 6] << 16) | (b[o + 7] << 24))';
const header = 'h = b[o++]; if (h > 127) { h = readVarint(b, o - 1); o = varintEnd(); }';

function onValue(column: StoredColumn, i: number, form: ColumnForm): string {
  const c = `c${i}`;
  const carried = (value: string): string =>
    form.carries === undefined ? '' : `if (!carries${i}(${value})) return false;`;
  const value = (read: string, end: string): string =>
    `const v = ${read}; ${carried('v')} ${c}[r][0] = v; ${end}`;
  switch (physicalType(column.typeOid)) {
    case 'bool':
      return `${c}[r] = b[o]; o += 1;`;
    case 'i16':
      return `${c}[r] = b[o] | (b[o + 1] << 8); o += 2;`;
    case 'i32':
      if (column.typeOid !== Oid.date) return `${c}[r] = ${low}; o += 4;`;
      return `x = ${low}; if (x === ${dateInfinity} || x === ${dateMinusInfinity}) return false; ${c}[r] = x + ${pgEpochUnixDays}; o += 4;`;
    case 'u32':
      return `${c}[r] = ${low}; o += 4;`;
    case 'f32':
      return `x = ${low}; if (x === ${signBit}) negativeZero[0] = 1; ${c}[r] = x; o += 4;`;
    case 'f64':
      return (
        `x = ${low}; y = ${high}; if (y === ${signBit} && x === 0) negativeZero[0] = 1;` +
        `${c}[r * 2] = x; ${c}[r * 2 + 1] = y; o += 8;`
      );
    case 'i64':
      if (column.typeOid === Oid.int8)
        return `${c}[r * 2] = ${low}; ${c}[r * 2 + 1] = ${high}; o += 8;`;
      return (
        `x = ${low} >>> 0; y = ${high}; o += 8;` +
        `if ((y > ${timestampHighMax} || y < -${timestampHighMax}) && !carries${i}(readInt64(b, o - 8))) return false;` +
        `x += ${epochLow}; ${c}[r * 2] = x; ${c}[r * 2 + 1] = y + ${epochHigh} + (x > 0xffffffff ? 1 : 0);`
      );
    case 'micros':
      return (
        `x = ${low}; y = b[o + 4] | (b[o + 5] << 8); o += 6;` +
        `${carried('(x >>> 0) + y * 4294967296')} ${c}[r * 2] = x; ${c}[r * 2 + 1] = y;`
      );
    case 'uuid':
      return `${c}.putUuid(b, o, r); o += 16;`;
    case 'string': {
      // A numeric's column has no place for NaN.
      const isNaN =
        form.carries === undefined
          ? ''
          : 'if (h === 3 && b[o] === 78 && b[o + 1] === 97 && b[o + 2] === 78) return false;';
      return `${header} h >>>= 1; ${isNaN} ${c}.put(b, o, h, r); o += h;`;
    }
    case 'bytes':
      return `${header} ${c}.put(b, o, h, r); o += h;`;
    case 'timetz':
      return value('readTimeTz(b, o)', 'o += 10;');
    case 'interval':
      return value('readInterval(b, o)', 'o += 16;');
    case 'array':
      return value(
        `readValue(b, o, ${column.typeOid})`,
        'o = varintEnd(); if (hasZero(v)) negativeZero[0] = 1;',
      );
  }
}
