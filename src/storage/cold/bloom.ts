import { crc32 } from 'node:zlib';
import { PgError, SqlState } from '../../base/index.ts';

/** About 1 % of the keys that are not in the file pass. */
const bitsPerKey = 10;
const probes = 7;

/** Hashes of a file's keys, gathered while it is written. */
export interface BloomBuilder {
  add(key: Uint8Array, from: number): void;
  /** CRC-32, then the bits. */
  finish(): Buffer;
}

export function bloomBuilder(): BloomBuilder {
  let hashes = new Uint32Array(2048);
  let count = 0;
  return {
    add(key, from) {
      if (count + 2 > hashes.length) {
        const larger = new Uint32Array(hashes.length * 2);
        larger.set(hashes);
        hashes = larger;
      }
      hashes[count++] = hash(key, from, 0x9747b28c);
      hashes[count++] = hash(key, from, 0x1b873593);
    },
    finish() {
      const bytes = Math.max(8, Math.ceil(((count / 2) * bitsPerKey) / 8));
      const out = Buffer.alloc(4 + bytes);
      const bits = bytes * 8;
      for (let i = 0; i < count; i += 2) {
        let at = hashes[i]!;
        const step = hashes[i + 1]!;
        for (let probe = 0; probe < probes; probe++) {
          const bit = at % bits;
          out[4 + (bit >>> 3)]! |= 1 << (bit & 7);
          at = (at + step) >>> 0;
        }
      }
      out.writeUInt32LE(crc32(out.subarray(4)), 0);
      return out;
    },
  };
}

/** Whether the file may have the key. */
export type Bloom = (key: Uint8Array, from: number) => boolean;

/** XX001 naming the file when the filter's checksum is wrong. */
export function readBloom(bytes: Buffer, path: string): Bloom {
  const bits = bytes.subarray(4);
  if (bytes.length < 12 || crc32(bits) !== bytes.readUInt32LE(0))
    throw new PgError(SqlState.dataCorrupted, `the key filter of file "${path}" is corrupted`);
  return (key, from) =>
    each(
      hash(key, from, 0x9747b28c),
      hash(key, from, 0x1b873593),
      bits.length * 8,
      (bit) => (bits[bit >>> 3]! & (1 << (bit & 7))) !== 0,
    );
}

function each(a: number, b: number, bits: number, visit: (bit: number) => boolean): boolean {
  let at = a;
  for (let i = 0; i < probes; i++) {
    if (!visit(at % bits)) return false;
    at = (at + b) >>> 0;
  }
  return true;
}

/** FNV-1a with a seed and a final mix. */
function hash(key: Uint8Array, from: number, seed: number): number {
  let h = seed;
  for (let i = from; i < key.length; i++) h = Math.imul(h ^ key[i]!, 0x01000193);
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
