import { PgError, SqlState } from '../base/index.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * UTF-8 to text with PostgreSQL's checks: 22021 `invalid byte sequence for encoding "UTF8": 0xff` for malformed bytes
 * and for a zero byte.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  if (bytes.includes(0)) throw invalidSequence(bytes);
  try {
    return decoder.decode(bytes);
  } catch {
    throw invalidSequence(bytes);
  }
}

export function encodeUtf8(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

/** Bytes that a sequence starting with `lead` should have; 1 for a byte that cannot start one. */
function sequenceLength(lead: number): number {
  if (lead >= 0xf0 && lead < 0xf8) return 4;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  return lead >= 0xc0 && lead < 0xe0 ? 2 : 1;
}

function isLegal(bytes: Uint8Array, at: number, length: number): boolean {
  const lead = bytes[at]!;
  if (length === 1) return lead > 0 && lead < 0x80;
  for (let i = 1; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return false;
  const second = bytes[at + 1]!;
  if (lead < 0xc2 || lead > 0xf4) return false;
  if (lead === 0xe0) return second >= 0xa0;
  if (lead === 0xed) return second <= 0x9f;
  if (lead === 0xf0) return second >= 0x90;
  return lead !== 0xf4 || second <= 0x8f;
}

function invalidSequence(bytes: Uint8Array): PgError {
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes[at]!);
    if (at + length > bytes.length || !isLegal(bytes, at, length)) break;
    at += length;
  }
  const shown = bytes.subarray(at, Math.min(at + sequenceLength(bytes[at] ?? 0), bytes.length));
  const hex = Array.from(shown, (byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ');
  return new PgError(
    SqlState.characterNotInRepertoire,
    `invalid byte sequence for encoding "UTF8": ${hex}`,
  );
}

/** Order of the UTF-8 bytes (the C collation) without encoding: UTF-16 order, but surrogates sort above U+FFFF. */
export function compareUtf8(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const l = left.charCodeAt(i);
    const r = right.charCodeAt(i);
    if (l === r) continue;
    if (l >= 0xd800 && r >= 0xd800) {
      const leftHigh = l <= 0xdfff;
      const rightHigh = r <= 0xdfff;
      if (leftHigh !== rightHigh) return leftHigh ? 1 : -1;
    }
    return l < r ? -1 : 1;
  }
  return left.length < right.length ? -1 : left.length > right.length ? 1 : 0;
}

/** Characters as PostgreSQL counts them: code points, not UTF-16 units. */
export function characterCount(text: string): number {
  let count = text.length;
  for (let i = 1; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xdc00 && unit <= 0xdfff) count--;
  }
  return count;
}

/** Index in UTF-16 units just after the first `characters` characters. */
export function characterOffset(text: string, characters: number): number {
  let at = 0;
  for (let n = 0; n < characters && at < text.length; n++) {
    at += text.codePointAt(at)! > 0xffff ? 2 : 1;
  }
  return at;
}
