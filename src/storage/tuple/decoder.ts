import type { Row, Value } from '../../types/value.ts';
import type { StoredColumn } from '../types.ts';
import { compile } from './encoder.ts';
import { headerBytes } from './header.ts';
import { physicalType } from './physical.ts';
import {
  readBytes,
  readFloat32,
  readFloat64,
  readInt64,
  readInterval,
  readString,
  readTimeTz,
  readUuid,
  readValue,
  readVarint,
  varintEnd,
} from './value-codec.ts';

/** Values parallel to the wanted columns. The tuple must be intact. */
export type TupleDecoder = (tuple: Buffer) => Row;

/** Bytes of a fixed-size value. */
const fixedBytes = {
  bool: 1,
  i16: 2,
  i32: 4,
  u32: 4,
  i64: 8,
  f32: 4,
  f64: 8,
  micros: 6,
  timetz: 10,
  interval: 16,
  uuid: 16,
} as const;

/**
 * A decoder of tuples written with the layout `stored` into rows parallel to `wanted`. Columns outside `needed` (default: all)
 * come back as null; those that the layout lacks as their `missing`. Generated, as the encoder is and for the same reason.
 */
export function tupleDecoder(
  stored: readonly StoredColumn[],
  wanted: readonly StoredColumn[],
  needed?: ReadonlySet<number>,
): TupleDecoder {
  const storedIds = new Map(stored.map((column, i) => [column.id, i]));
  const isWanted = (id: number): boolean =>
    (needed === undefined || needed.has(id)) && wanted.some((column) => column.id === id);
  const last = stored.reduce((end, column, i) => (isWanted(column.id) ? i : end), -1);
  const bitmapBytes = Math.ceil(stored.length / 8);
  const lines: string[] = [];
  for (let i = 0; i <= last; i++) {
    const column = stored[i]!;
    const body = isWanted(column.id) ? read(column, `v${i}`) : skip(column);
    lines.push(`let v${i} = null; if ((n${i >> 3} & ${1 << (i & 7)}) === 0) { ${body} }`);
  }
  const missing: Value[] = [];
  const results = wanted.map((column) => {
    if (needed !== undefined && !needed.has(column.id)) return 'null';
    const i = storedIds.get(column.id);
    if (i !== undefined) return `v${i}`;
    missing.push(column.missing);
    return `missing[${missing.length - 1}]`;
  });
  const bitmap = Array.from(
    { length: bitmapBytes },
    (_, i) => `const n${i} = b[${headerBytes + i}];`,
  );
  const code = `
    return function decodeTuple(b) {
      ${bitmap.join(' ')}
      let o = ${headerBytes + bitmapBytes}, h = 0;
      ${lines.join('\n')}
      return [${results.join(', ')}];
    }`;
  return compile(code, {
    missing,
    readBytes,
    readFloat32,
    readFloat64,
    readInt64,
    readInterval,
    readString,
    readTimeTz,
    readUuid,
    readValue,
    readVarint,
    varintEnd,
  }) as TupleDecoder;
}

const header = 'h = b[o++]; if (h > 127) { h = readVarint(b, o - 1); o = varintEnd(); }';

function read(column: StoredColumn, v: string): string {
  const physical = physicalType(column.typeOid);
  switch (physical) {
    case 'bool':
      return `${v} = b[o] === 1; o += 1;`;
    case 'i16':
      return `${v} = (b[o] | (b[o + 1] << 8)) << 16 >> 16; o += 2;`;
    case 'i32':
      return `${v} = b[o] | (b[o + 1] << 8) | (b[o + 2] << 16) | (b[o + 3] << 24); o += 4;`;
    case 'u32':
      return `${v} = (b[o] | (b[o + 1] << 8) | (b[o + 2] << 16) | (b[o + 3] << 24)) >>> 0; o += 4;`;
    case 'i64':
      return `${v} = readInt64(b, o); o += 8;`;
    case 'f32':
      return `${v} = readFloat32(b, o); o += 4;`;
    case 'f64':
      return `${v} = readFloat64(b, o); o += 8;`;
    case 'micros':
      return `${v} = ((b[o] | (b[o + 1] << 8) | (b[o + 2] << 16) | (b[o + 3] << 24)) >>> 0) + (b[o + 4] | (b[o + 5] << 8)) * 4294967296; o += 6;`;
    case 'timetz':
      return `${v} = readTimeTz(b, o); o += 10;`;
    case 'interval':
      return `${v} = readInterval(b, o); o += 16;`;
    case 'uuid':
      return `${v} = readUuid(b, o); o += 16;`;
    case 'string':
      return `${header} ${v} = readString(b, o, h); o += h >>> 1;`;
    case 'bytes':
      return `${header} ${v} = readBytes(b, o, h); o += h;`;
    case 'array':
      return `${v} = readValue(b, o, ${column.typeOid}); o = varintEnd();`;
  }
}

function skip(column: StoredColumn): string {
  const physical = physicalType(column.typeOid);
  switch (physical) {
    case 'string':
      return `${header} o += h >>> 1;`;
    case 'bytes':
      return `${header} o += h;`;
    case 'array':
      return `readValue(b, o, ${column.typeOid}); o = varintEnd();`;
    default:
      return `o += ${fixedBytes[physical]};`;
  }
}
