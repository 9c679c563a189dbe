/** Arrays over any element type: PostgreSQL's text form with its quoting, dimensions and lower bounds, and its wire form. */
import { PgError, SqlState } from '../base/index.ts';
import { parseArrayText, shapeText } from './array-text.ts';
import { insufficientData, invalidBinary } from './input-error.ts';
import { writeKeyInt32 } from './key-writer.ts';
import type { KeyWriter, PgType, TypeContext } from './type.ts';
import type { PgArray, Value } from './value.ts';

/** Most dimensions (MAXDIM). */
export const dimensionsMax = 6;
/** Most elements (MaxArraySize). */
const elementsMax = 134_217_727;
const int32Max = 2147483647;

export function makeArray(
  elements: readonly Value[],
  dims: readonly number[] = elements.length === 0 ? [] : [elements.length],
  lowerBounds: readonly number[] = dims.map(() => 1),
): PgArray {
  return { kind: 'array', elements, dims, lowerBounds };
}

/** array_out quotes what could be read otherwise. */
const needsQuotes = /^$|^null$|["\\{}, \t\n\v\f\r]/i;

function quoteElement(text: string): string {
  if (!needsQuotes.test(text)) return text;
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function formatArray(element: PgType, value: PgArray, context: TypeContext): string {
  if (value.dims.length === 0) return '{}';
  const { elements, dims } = value;
  let next = 0;
  const level = (depth: number): string => {
    const parts: string[] = [];
    for (let i = 0; i < dims[depth]!; i++) {
      if (depth < dims.length - 1) parts.push(level(depth + 1));
      else {
        const item = elements[next++]!;
        parts.push(item === null ? 'NULL' : quoteElement(element.format(item, context)));
      }
    }
    return `{${parts.join(',')}}`;
  };
  const body = level(0);
  return value.lowerBounds.every((bound) => bound === 1) ? body : `${shapeText(value)}=${body}`;
}

function parseArray(element: PgType, text: string, typmod: number, context: TypeContext): PgArray {
  const { items, dims, lowerBounds } = parseArrayText(text, (item) =>
    element.parse(item, typmod, context),
  );
  return makeArray(items, dims, lowerBounds);
}

const headerBytes = 12;

function decodeArray(element: PgType, bytes: Uint8Array, typmod: number): PgArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const need = (at: number, count: number): void => {
    if (at + count > bytes.length) throw insufficientData();
  };
  need(0, headerBytes);
  const dimensionCount = view.getInt32(0);
  if (dimensionCount < 0) throw invalidBinary(`invalid number of dimensions: ${dimensionCount}`);
  if (dimensionCount > dimensionsMax) {
    throw new PgError(
      SqlState.programLimitExceeded,
      `number of array dimensions (${dimensionCount}) exceeds the maximum allowed (${dimensionsMax})`,
    );
  }
  const flags = view.getInt32(4);
  if (flags !== 0 && flags !== 1) throw invalidBinary('invalid array flags');
  const elementOid = view.getUint32(8);
  if (elementOid !== element.oid) {
    throw new PgError(
      SqlState.datatypeMismatch,
      `binary data has array element type ${elementOid} instead of expected ${element.oid} (${element.sqlName})`,
    );
  }
  let at = headerBytes;
  const dims: number[] = [];
  const lowerBounds: number[] = [];
  let count = dimensionCount === 0 ? 0 : 1;
  for (let i = 0; i < dimensionCount; i++) {
    need(at, 8);
    const size = view.getInt32(at);
    const bound = view.getInt32(at + 4);
    at += 8;
    if (bound + size - 1 > int32Max) {
      throw new PgError(SqlState.programLimitExceeded, `array lower bound is too large: ${bound}`);
    }
    count *= size;
    if (size < 0 || count > elementsMax) {
      throw new PgError(
        SqlState.programLimitExceeded,
        `array size exceeds the maximum allowed (${elementsMax})`,
      );
    }
    dims.push(size);
    lowerBounds.push(bound);
  }
  const elements: Value[] = [];
  for (let i = 0; i < count; i++) {
    need(at, 4);
    const length = view.getInt32(at);
    at += 4;
    if (length === -1) {
      elements.push(null);
      continue;
    }
    if (length < -1) throw insufficientData();
    need(at, length);
    elements.push(element.decode(bytes.subarray(at, at + length), typmod));
    at += length;
  }
  if (at !== bytes.length) throw invalidBinary();
  return count === 0 ? makeArray([]) : makeArray(elements, dims, lowerBounds);
}

function encodeArray(element: PgType, value: PgArray): Uint8Array {
  const { elements, dims, lowerBounds } = value;
  const head = Buffer.alloc(headerBytes + dims.length * 8);
  head.writeInt32BE(dims.length, 0);
  head.writeInt32BE(elements.includes(null) ? 1 : 0, 4);
  head.writeUInt32BE(element.oid, 8);
  dims.forEach((size, i) => {
    head.writeInt32BE(size, headerBytes + i * 8);
    head.writeInt32BE(lowerBounds[i]!, headerBytes + i * 8 + 4);
  });
  const parts: Uint8Array[] = [head];
  for (const item of elements) {
    const length = Buffer.alloc(4);
    const bytes = item === null ? undefined : element.encode(item);
    length.writeInt32BE(bytes?.length ?? -1);
    parts.push(length);
    if (bytes) parts.push(bytes);
  }
  return Buffer.concat(parts);
}

const order = (left: number, right: number): number => (left < right ? -1 : left > right ? 1 : 0);

function firstDifference(left: readonly number[], right: readonly number[]): number {
  for (let i = 0; i < left.length; i++) {
    const difference = order(left[i]!, right[i]!);
    if (difference !== 0) return difference;
  }
  return 0;
}

type Compare = (left: Value, right: Value) => number;

/** Element by element, NULL above all; then fewer elements, fewer dimensions, dimensions, bounds. */
function compareArrays(compare: Compare, left: PgArray, right: PgArray): number {
  const common = Math.min(left.elements.length, right.elements.length);
  for (let i = 0; i < common; i++) {
    const l = left.elements[i]!;
    const r = right.elements[i]!;
    if (l === null || r === null) {
      if (l === r) continue;
      return l === null ? 1 : -1;
    }
    const difference = compare(l, r);
    if (difference !== 0) return difference;
  }
  return (
    order(left.elements.length, right.elements.length) ||
    order(left.dims.length, right.dims.length) ||
    firstDifference(left.dims, right.dims) ||
    firstDifference(left.lowerBounds, right.lowerBounds)
  );
}

const endTag = 0x00;
const presentTag = 0x01;
const nullTag = 0x02;

function writeKeyArray(element: PgType, writer: KeyWriter, value: PgArray): void {
  for (const item of value.elements) {
    writer.byte(item === null ? nullTag : presentTag);
    if (item !== null) element.encodeKey!(writer, item);
  }
  writer.byte(endTag);
  writer.byte(value.dims.length);
  for (const size of value.dims) writeKeyInt32(writer, size);
  for (const bound of value.lowerBounds) writeKeyInt32(writer, bound);
}

/** The array type over `element`; its typmod is the element's. */
export function arrayType(element: PgType): PgType {
  const asArray = (value: Value): PgArray => value as PgArray;
  const { compare } = element;
  const ordered =
    compare && element.encodeKey
      ? {
          compare: (left: Value, right: Value) =>
            compareArrays(compare, asArray(left), asArray(right)),
          encodeKey: (writer: KeyWriter, value: Value) =>
            writeKeyArray(element, writer, asArray(value)),
        }
      : {};
  return {
    oid: element.arrayOid,
    name: `_${element.name}`,
    sqlName: `${element.sqlName}[]`,
    arrayOid: 0,
    elementOid: element.oid,
    size: -1,
    parse: (text, typmod, context) => parseArray(element, text, typmod, context),
    format: (value, context) => formatArray(element, asArray(value), context),
    decode: (bytes, typmod) => decodeArray(element, bytes, typmod),
    encode: (value) => encodeArray(element, asArray(value)),
    applyTypmod(value, typmod, explicit) {
      const array = asArray(value);
      const elements = array.elements.map((item) =>
        item === null ? null : element.applyTypmod(item, typmod, explicit),
      );
      return makeArray(elements, array.dims, array.lowerBounds);
    },
    ...ordered,
  };
}
