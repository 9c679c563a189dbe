import { cellBytesMax, cellWords } from '../../duckdb/index.ts';

/** Strings of one column of a chunk in DuckDB's form: short ones in their cells, the bytes of longer ones in a heap. */
export interface TextCells {
  readonly cells: Uint32Array;
  put(from: Buffer, at: number, length: number, row: number): void;
  /** The 16 bytes as a uuid's text. */
  putUuid(from: Buffer, at: number, row: number): void;
  clear(row: number): void;
  /** What this row and those after it have in the heap is one string, put once. Ends with `takeHeap`. */
  repeat(row: number, of: number): void;
  /** The heap as it is, until the next `put`; the next chunk begins. */
  takeHeap(): Uint8Array;
}

/** Up to here a loop beats the call into the copying function. */
const loopBytesMax = 40;
const uuidChars = 36;
const hex = Buffer.from('0123456789abcdef');
const uuid = Buffer.alloc(uuidChars, '-');

export function textCells(rows: number): TextCells {
  const cells = new Uint32Array(rows * cellWords);
  const bytes = new Uint8Array(cells.buffer);
  let heap = Buffer.allocUnsafeSlow(16 * 1024);
  let used = 0;

  const put = (from: Buffer, at: number, length: number, row: number): void => {
    const cell = row * cellWords;
    cells[cell] = length;
    if (length <= cellBytesMax) {
      cells[cell + 1] = 0;
      cells[cell + 2] = 0;
      cells[cell + 3] = 0;
      const to = cell * 4 + 4;
      for (let i = 0; i < length; i++) bytes[to + i] = from[at + i]!;
      return;
    }
    if (used + length > heap.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(heap.length * 2, used + length));
      heap.copy(larger, 0, 0, used);
      heap = larger;
    }
    cells[cell + 1] =
      from[at]! | (from[at + 1]! << 8) | (from[at + 2]! << 16) | (from[at + 3]! << 24);
    cells[cell + 2] = used;
    if (length <= loopBytesMax) for (let i = 0; i < length; i++) heap[used + i] = from[at + i]!;
    else from.copy(heap, used, at, at + length);
    used += length;
  };

  return {
    cells,
    put,
    putUuid(from, at, row) {
      let to = 0;
      for (let i = 0; i < 16; i++) {
        if (to === 8 || to === 13 || to === 18 || to === 23) to++;
        const byte = from[at + i]!;
        uuid[to++] = hex[byte >> 4]!;
        uuid[to++] = hex[byte & 15]!;
      }
      put(uuid, 0, uuidChars, row);
    },
    clear(row) {
      cells[row * cellWords] = 0;
    },
    repeat(row, of) {
      cells.copyWithin(row * cellWords, of * cellWords, (of + 1) * cellWords);
    },
    takeHeap() {
      const taken = heap.subarray(0, used);
      used = 0;
      return taken;
    },
  };
}
