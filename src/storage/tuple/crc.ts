import { crc32 } from 'node:zlib';

/** Up to here the loop below beats the call into zlib with its own view of the bytes. */
const inlineBytesMax = 300;

/** CRC-32's tables for four bytes at a time. */
const [t0, t1, t2, t3] = tables();

function tables(): [Int32Array, Int32Array, Int32Array, Int32Array] {
  const made = [0, 1, 2, 3].map(() => new Int32Array(256));
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    made[0]![byte] = crc;
  }
  for (let byte = 0; byte < 256; byte++) {
    for (let i = 1; i < 4; i++) {
      const before = made[i - 1]![byte]!;
      made[i]![byte] = (before >>> 8) ^ made[0]![before & 0xff]!;
    }
  }
  return made as [Int32Array, Int32Array, Int32Array, Int32Array];
}

/** zlib's crc32 of the bytes from `start` to `end`, unsigned. */
export function crcOf(bytes: Buffer, start: number, end: number): number {
  if (end - start > inlineBytesMax) return crc32(bytes.subarray(start, end));
  let crc = -1;
  let at = start;
  for (const last = end - 3; at < last; at += 4) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc = t3[crc & 0xff]! ^ t2[(crc >>> 8) & 0xff]! ^ t1[(crc >>> 16) & 0xff]! ^ t0[crc >>> 24]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}
