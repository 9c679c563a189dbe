import { assert } from '../../base/index.ts';
import type { Row } from '../../types/value.ts';
import type { StoredColumn } from '../types.ts';
import { checksumBytes, headerBytes, tupleFormat } from './header.ts';
import { physicalType } from './physical.ts';
import type { Slab } from './value-codec.ts';
import {
  reserve,
  valueBytesMax,
  writeString,
  writeUuid,
  writeValue,
  writeVarint,
} from './value-codec.ts';

/** Writes a tuple of `row`, not yet sealed, at the end of the slab. Returns where it starts; it ends at the slab's `at`. */
export type TupleEncoder = (slab: Slab, row: Row, flags: number, updated: bigint) => number;

/**
 * An encoder for one layout. The code is made for the layout (as a database compiles its tuple forms), because a general loop
 * over column types costs several times as much for each row of a large COPY.
 */
export function tupleEncoder(
  columns: readonly StoredColumn[],
  schemaVersion: number,
): TupleEncoder {
  assert(schemaVersion >= 0 && schemaVersion <= 0xffff, 'a schema version fits two bytes');
  const bitmapBytes = Math.ceil(columns.length / 8);
  const sizes: string[] = [];
  const writes: string[] = [];
  let fixed = headerBytes + bitmapBytes + checksumBytes;
  columns.forEach((column, i) => {
    const v = `v${i}`;
    const variable = (code: string): void => void sizes.push(`if (${v} !== null) need += ${code};`);
    const put = (bytes: number, code: string): string => {
      fixed += bytes;
      return `${code} o += ${bytes};`;
    };
    let write: string;
    const physical = physicalType(column.typeOid);
    switch (physical) {
      case 'bool':
        write = put(1, `b[o] = ${v} ? 1 : 0;`);
        break;
      case 'i16':
        write = put(2, `view.setInt16(o, ${v}, true);`);
        break;
      case 'i32':
        write = put(4, `view.setInt32(o, ${v}, true);`);
        break;
      case 'u32':
        write = put(4, `view.setUint32(o, ${v}, true);`);
        break;
      case 'i64':
        write = put(8, `view.setBigInt64(o, ${v}, true);`);
        break;
      case 'f32':
        write = put(4, `view.setFloat32(o, ${v}, true);`);
        break;
      case 'f64':
        write = put(8, `view.setFloat64(o, ${v}, true);`);
        break;
      case 'micros':
        write = put(
          6,
          `view.setUint32(o, ${v} >>> 0, true); view.setUint16(o + 4, Math.floor(${v} / 4294967296), true);`,
        );
        break;
      case 'uuid':
        write = put(16, `writeUuid(b, o, ${v});`);
        break;
      case 'string':
        variable(`${v}.length * 3 + 8`);
        write = `o = writeString(b, o, ${v});`;
        break;
      case 'bytes':
        variable(`${v}.length + 8`);
        write = `o = writeVarint(b, o, ${v}.length); b.set(${v}, o); o += ${v}.length;`;
        break;
      case 'timetz':
      case 'interval':
      case 'array':
        variable(`valueBytesMax(${column.typeOid}, ${v})`);
        write = `o = writeValue(slab, o, ${column.typeOid}, ${v});`;
        break;
    }
    writes.push(
      `if (${v} === null) b[start + ${headerBytes + (i >> 3)}] |= ${1 << (i & 7)}; else { ${write} }`,
    );
  });
  const bitmap = Array.from(
    { length: bitmapBytes },
    (_, i) => `b[start + ${headerBytes + i}] = 0;`,
  );
  const code = `
    return function encodeTuple(slab, row, flags, updated) {
      ${columns.map((_, i) => `const v${i} = row[${i}];`).join('\n')}
      let need = ${fixed};
      ${sizes.join('\n')}
      reserve(slab, need);
      const b = slab.buffer, view = slab.view, start = slab.at;
      b[start] = ${tupleFormat};
      b[start + 1] = flags;
      b[start + 2] = ${schemaVersion >> 8};
      b[start + 3] = ${schemaVersion & 0xff};
      view.setBigInt64(start + 10, updated, true);
      ${bitmap.join('\n')}
      let o = start + ${headerBytes + bitmapBytes};
      ${writes.join('\n')}
      const end = o + ${checksumBytes};
      slab.at = end;
      return start;
    }`;
  const helpers = { reserve, valueBytesMax, writeString, writeUuid, writeValue, writeVarint };
  return compile(code, helpers) as TupleEncoder;
}

/** Compiles `code` with `helpers` in scope. The code holds only numbers that this module computed, never outside text. */
export function compile(code: string, helpers: Readonly<Record<string, unknown>>): unknown {
  // oxlint-disable-next-line no-implied-eval -- one function per layout; see above
  return new Function(...Object.keys(helpers), code)(...Object.values(helpers));
}
