/**
 * Fills the vectors of a data chunk from memory that is laid out as DuckDB wants it: one copy for each column, where the wrapper's own
 * vectors make a call for each string and a BigInt for each 64-bit number.
 */
import duckdb from '@duckdb/node-bindings';
import type { DuckDBDataChunk } from '@duckdb/node-api';
import { assert } from '../base/index.ts';

/** 32-bit words of a string's cell: length, then up to 12 bytes; or length, first 4 bytes, and where in the heap it is (64 bits). */
export const cellWords = 4;
/** Strings up to this many bytes lie in their cell. */
export const cellBytesMax = 12;

/** Copies the first `bytes` bytes of `items` into a column of numbers. */
export function writeNumbers(
  chunk: DuckDBDataChunk,
  column: number,
  items: Uint8Array,
  bytes: number,
): void {
  duckdb.copy_data_to_vector(
    duckdb.data_chunk_get_vector(chunk.chunk, column),
    0,
    items.buffer as ArrayBuffer,
    items.byteOffset,
    bytes,
  );
}

/** `valid` has a bit for each row, lowest first: 1 where it is not null. Its length is a multiple of 8. */
export function writeValidity(chunk: DuckDBDataChunk, column: number, valid: Uint8Array): void {
  const vector = duckdb.data_chunk_get_vector(chunk.chunk, column);
  duckdb.vector_ensure_validity_writable(vector);
  duckdb.copy_data_to_vector_validity(
    vector,
    0,
    valid.buffer as ArrayBuffer,
    valid.byteOffset,
    valid.byteLength,
  );
}

/**
 * Writes a column of strings or blobs: `rows` cells, those of long strings with an offset in `heap` as their place. The heap becomes the
 * vector's as if it were one long string, and the offsets addresses in it; `cells` is changed by that.
 */
export function writeStrings(
  chunk: DuckDBDataChunk,
  column: number,
  cells: Uint32Array,
  rows: number,
  heap: Uint8Array,
): void {
  const vector = duckdb.data_chunk_get_vector(chunk.chunk, column);
  if (heap.length > 0) {
    assert(heap.length > cellBytesMax, 'a heap of one long string or more');
    duckdb.vector_assign_string_element_len(vector, 0, heap);
    const first = Buffer.from(duckdb.vector_get_data(vector, cellWords * 4));
    assert(first.readUInt32LE(0) === heap.length, 'the heap was copied whole');
    const low = first.readUInt32LE(8);
    const high = first.readUInt32LE(12);
    for (let at = 0; at < rows * cellWords; at += cellWords) {
      if (cells[at]! <= cellBytesMax) continue;
      const sum = low + cells[at + 2]!;
      cells[at + 2] = sum;
      cells[at + 3] = sum > 0xffffffff ? high + 1 : high;
    }
  }
  duckdb.copy_data_to_vector(
    vector,
    0,
    cells.buffer as ArrayBuffer,
    cells.byteOffset,
    rows * cellWords * 4,
  );
}
