import type { KeyWriter } from '../../types/type.ts';
import type { NativeBuffer } from '../tuple/native-buffer.ts';

/** A growing byte buffer for keys; one is reused for many keys, `take` copies out. */
export interface KeyBuffer extends KeyWriter {
  reset(): void;
  u32(value: number): void;
  u48(value: number): void;
  readonly length: number;
  /** A copy of what has been written. */
  take(): Buffer;
  /** Copies what has been written to `target` at `offset`, which has room. */
  copyTo(target: Buffer, offset: number): void;
  /** Whether what has been written comes after bytes `start` to `end` of `other`; both begin with the same `common` bytes. */
  isAfter(other: Buffer, start: number, end: number, common: number): boolean;
}

/** Up to here a loop beats the call into the copying function. */
const loopBytesMax = 24;

export function keyBuffer(initialBytes = 256): KeyBuffer {
  let bytes = Buffer.allocUnsafe(initialBytes);
  let at = 0;
  const grow = (need: number): void => {
    const larger = Buffer.allocUnsafe(Math.max(bytes.length * 2, at + need));
    bytes.copy(larger, 0, 0, at);
    bytes = larger;
  };
  return {
    reset() {
      at = 0;
    },
    byte(value) {
      if (at === bytes.length) grow(1);
      bytes[at++] = value;
    },
    bytes(value) {
      const { length } = value;
      if (at + length > bytes.length) grow(length);
      if (length <= loopBytesMax) for (let i = 0; i < length; i++) bytes[at + i] = value[i]!;
      else bytes.set(value, at);
      at += length;
    },
    u32(value) {
      if (at + 4 > bytes.length) grow(4);
      at = bytes.writeUInt32BE(value, at);
    },
    u48(value) {
      if (at + 6 > bytes.length) grow(6);
      at = bytes.writeUIntBE(value, at, 6);
    },
    get length() {
      return at;
    },
    take() {
      const copy = Buffer.allocUnsafe(at);
      bytes.copy(copy, 0, 0, at);
      return copy;
    },
    copyTo(target, offset) {
      if (at <= loopBytesMax) for (let i = 0; i < at; i++) target[offset + i] = bytes[i]!;
      else bytes.copy(target, offset, 0, at);
    },
    isAfter(other, start, end, common) {
      const length = end - start;
      const shared = at < length ? at : length;
      for (let i = common; i < shared; i++) {
        const difference = bytes[i]! - other[start + i]!;
        if (difference !== 0) return difference > 0;
      }
      return at > length;
    },
  };
}

/** The smallest key greater than every key that starts with `prefix`. */
export function prefixEnd(prefix: Uint8Array): Buffer {
  for (let i = prefix.length - 1; i >= 0; i--) {
    if (prefix[i]! < 0xff) {
      const end = Buffer.from(prefix.subarray(0, i + 1));
      end[i] = end[i]! + 1;
      return end;
    }
  }
  return Buffer.alloc(64, 0xff);
}

/** A key as a string whose JavaScript order is the byte order; for maps and sorting. */
export function keyText(key: Uint8Array): string {
  const bytes = Buffer.isBuffer(key) ? key : Buffer.from(key.buffer, key.byteOffset, key.length);
  return (bytes as NativeBuffer).latin1Slice(0, bytes.length);
}

export function keyFromText(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
