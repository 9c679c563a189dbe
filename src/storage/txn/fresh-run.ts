import { keyText } from '../keys/buffer.ts';
import type { KeyBuffer } from '../keys/buffer.ts';
import { sealTupleAt } from '../tuple/header.ts';
import type { Slab } from '../tuple/value-codec.ts';
import { newSlab } from '../tuple/value-codec.ts';
import type { StoredTable } from '../types.ts';
import type { TableOverlay } from './overlay.ts';
import { putOverlayRow, tableOverlay } from './overlay.ts';

/** First block of tuples; later ones are as large as a slab. */
const firstBlockBytes = 16 * 1024;
const firstRows = 256;

/**
 * Rows that a bulk insert has appended to one scope of a table: plain inserts with rising keys, each greater than every key of
 * the scope that was known when it came. They are kept as bytes alone, because an overlay's objects for each row of a large
 * COPY cost more than all the rest of it.
 */
export interface FreshRun {
  readonly table: StoredTable;
  readonly userId: string;
  /** All commits up to this seq were seen when the first key was checked. */
  seenSeq: number;
  count: number;
  /** Of keys and tuples. */
  bytes: number;
  keys: Buffer;
  /** Where each key ends in `keys`. */
  keyEnds: Uint32Array;
  readonly slab: Slab;
  readonly blocks: Buffer[];
  /** Index of the first row of each block. */
  readonly blockRows: number[];
  /** Where each tuple ends in its block. */
  tupleEnds: Uint32Array;
}

export function freshRun(table: StoredTable, userId: string, seenSeq: number): FreshRun {
  const slab = newSlab(firstBlockBytes);
  return {
    table,
    userId,
    seenSeq,
    count: 0,
    bytes: 0,
    keys: Buffer.allocUnsafeSlow(firstRows * 24),
    keyEnds: new Uint32Array(firstRows),
    slab,
    blocks: [slab.buffer],
    blockRows: [0],
    tupleEnds: new Uint32Array(firstRows),
  };
}

function doubled(ends: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(ends.length * 2);
  larger.set(ends);
  return larger;
}

/** Appends a row whose tuple has just been encoded into the run's slab, from `tupleStart` to the slab's end. */
export function appendToRun(run: FreshRun, key: KeyBuffer, tupleStart: number): void {
  const { slab, count } = run;
  if (count === run.keyEnds.length) {
    run.keyEnds = doubled(run.keyEnds);
    run.tupleEnds = doubled(run.tupleEnds);
  }
  if (slab.buffer !== run.blocks.at(-1)) {
    run.blocks.push(slab.buffer);
    run.blockRows.push(count);
  }
  const at = count === 0 ? 0 : run.keyEnds[count - 1]!;
  const end = at + key.length;
  if (end > run.keys.length) {
    const larger = Buffer.allocUnsafeSlow(Math.max(run.keys.length * 2, end));
    run.keys.copy(larger, 0, 0, at);
    run.keys = larger;
  }
  key.copyTo(run.keys, at);
  run.keyEnds[count] = end;
  run.tupleEnds[count] = slab.at;
  run.count = count + 1;
  run.bytes += key.length + slab.at - tupleStart;
}

export function lastKey(run: FreshRun): Buffer {
  return Buffer.from(keyAt(run, run.count - 1));
}

function keyAt(run: FreshRun, row: number): Buffer {
  return run.keys.subarray(row === 0 ? 0 : run.keyEnds[row - 1]!, run.keyEnds[row]);
}

function tupleAt(run: FreshRun, row: number): Buffer {
  let block = run.blocks.length - 1;
  while (run.blockRows[block]! > row) block--;
  const start = run.blockRows[block] === row ? 0 : run.tupleEnds[row - 1]!;
  return run.blocks[block]!.subarray(start, run.tupleEnds[row]);
}

/** The sealed tuple of a key; undefined when the run has no such key. */
export function findInRun(run: FreshRun, key: Buffer): Buffer | undefined {
  let low = 0;
  let high = run.count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keyAt(run, middle).compare(key) < 0) low = middle + 1;
    else high = middle;
  }
  return low < run.count && keyAt(run, low).equals(key) ? tupleAt(run, low) : undefined;
}

/** Keys and tuples up to this length are handed to the store through buffers that are used again. */
const scratchBytes = 1024;
const scratchKey = Buffer.allocUnsafeSlow(scratchBytes);
const scratchTuple = Buffer.allocUnsafeSlow(scratchBytes);
const keyViews: Buffer[] = [];
const tupleViews: Buffer[] = [];

/** The bytes in a buffer of their length that the next call overwrites: making one for each row costs more than copying. */
function passing(
  bytes: Buffer,
  start: number,
  end: number,
  scratch: Buffer,
  views: Buffer[],
): Buffer {
  const length = end - start;
  if (length > scratchBytes) return bytes.subarray(start, end);
  bytes.copy(scratch, 0, start, end);
  return (views[length] ??= scratch.subarray(0, length));
}

/** Seals all rows and hands them to `put`, which must copy what it wants to keep. */
export function writeRun(
  run: FreshRun,
  seq: number,
  provisional: boolean,
  put: (key: Buffer, tuple: Buffer) => void,
): void {
  const { keys, keyEnds, tupleEnds } = run;
  let keyStart = 0;
  for (let block = 0; block < run.blocks.length; block++) {
    const bytes = run.blocks[block]!;
    const stop = run.blockRows[block + 1] ?? run.count;
    let start = 0;
    for (let row = run.blockRows[block]!; row < stop; row++) {
      const end = tupleEnds[row]!;
      const keyEnd = keyEnds[row]!;
      sealTupleAt(bytes, start, end, seq, provisional);
      put(
        passing(keys, keyStart, keyEnd, scratchKey, keyViews),
        passing(bytes, start, end, scratchTuple, tupleViews),
      );
      start = end;
      keyStart = keyEnd;
    }
  }
}

/** Makes overlay rows of the run's rows, which share its memory; returns their keys as texts. */
export function addRunToOverlay(run: FreshRun, overlay: TableOverlay): string[] {
  const texts: string[] = [];
  for (let row = 0; row < run.count; row++) {
    const key = keyAt(run, row);
    const text = keyText(key);
    texts.push(text);
    putOverlayRow(overlay, text, {
      key,
      tuple: tupleAt(run, row),
      baseSeq: 0,
      seenSeq: run.seenSeq,
      keyValues: null,
      locked: false,
    });
  }
  return texts;
}

/** An overlay of the run's rows alone. */
export function overlayOfRun(run: FreshRun): TableOverlay {
  const overlay = tableOverlay(run.table);
  addRunToOverlay(run, overlay);
  return overlay;
}
