import { Oid } from '../../types/oid.ts';
import type { Value } from '../../types/value.ts';
import { newSlab, readValue, valueBytesMax, varintEnd, writeValue } from '../tuple/value-codec.ts';
import type { StoredTable } from '../types.ts';

/** A mark's value: the seq below which cold versions are superseded (6 bytes, LE), then the key's values. */
export function encodeMark(table: StoredTable, seq: number, keyValues: readonly Value[]): Buffer {
  const types = keyTypes(table);
  let bytes = 6;
  keyValues.forEach((value, i) => (bytes += valueBytesMax(types[i]!, value)));
  const slab = newSlab(bytes);
  let at = slab.buffer.writeUIntLE(seq, 0, 6);
  keyValues.forEach((value, i) => {
    at = writeValue(slab, at, types[i]!, value!);
  });
  return slab.buffer.subarray(0, at);
}

export function markKeyValues(table: StoredTable, mark: Buffer): Value[] {
  let at = 6;
  return keyTypes(table).map((type) => {
    const value = readValue(mark, at, type);
    at = varintEnd();
    return value;
  });
}

function keyTypes(table: StoredTable): number[] {
  if (table.primaryKey.length === 0) return [Oid.int8];
  return table.primaryKey.map((id) => table.columns.find((column) => column.id === id)!.typeOid);
}
