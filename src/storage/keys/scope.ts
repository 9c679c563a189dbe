import { assert } from '../../base/index.ts';

/**
 * A user id inside a key: its UTF-8 bytes with 0x00 written as 00 FF, closed by 00 01. Byte order is the order of the ids,
 * and no id's form is a prefix of another's.
 */
export function encodeScope(userId: string): Buffer {
  const bytes = Buffer.from(userId, 'utf8');
  if (!bytes.includes(0)) return Buffer.concat([bytes, scopeEnd]);
  const out: number[] = [];
  for (const byte of bytes) {
    out.push(byte);
    if (byte === 0) out.push(0xff);
  }
  return Buffer.concat([Buffer.from(out), scopeEnd]);
}

const scopeEnd = Buffer.from([0, 1]);

/** Where the scope that starts at `from` ends (exclusive). */
export function scopeLength(key: Uint8Array, from: number): number {
  for (let i = from; i + 1 < key.length; i++) {
    if (key[i] !== 0) continue;
    if (key[i + 1] === 1) return i + 2;
    i++;
  }
  assert(false, 'a key without the end of its scope');
}

/** Whose row it is, by a key as CommitEvent has it: without the table, '' in shared tables. */
export function userOfRowKey(key: Uint8Array): string {
  return decodeScope(key, 0, scopeLength(key, 0));
}

export function decodeScope(key: Uint8Array, from: number, end: number): string {
  const body = Buffer.from(key.subarray(from, end - 2));
  if (!body.includes(0)) return body.toString('utf8');
  const out: number[] = [];
  for (let i = 0; i < body.length; i++) {
    out.push(body[i]!);
    if (body[i] === 0) i++;
  }
  return Buffer.from(out).toString('utf8');
}
