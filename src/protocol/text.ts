/** Text on the wire: UTF-8, checked. */
import { isUtf8 } from 'node:buffer';
import { PgError, SqlState } from '../base/index.ts';

/** Bytes start to end of `buffer` as text; 22021 with PostgreSQL's words when they are not UTF-8 or one is zero. */
export function decodeText(buffer: Buffer, start = 0, end = buffer.length): string {
  const text = buffer.toString('utf8', start, end);
  // A replacement character is either the sender's own or the mark of invalid bytes; only then is a second look needed.
  if (text.includes('\uFFFD') && !isUtf8(buffer.subarray(start, end))) {
    throw invalidUtf8(buffer.subarray(start, end));
  }
  // Valid UTF-8, and yet no text of PostgreSQL's.
  if (text.includes('\0')) throw invalidSequence(Buffer.of(0));
  return text;
}

/** Blocks of this size are judged whole before the first wrong byte is searched one character at a time. */
const blockBytes = 4096;

function invalidUtf8(bytes: Uint8Array): PgError {
  const at = firstInvalid(bytes);
  return invalidSequence(bytes.subarray(at, at + announcedLength(bytes[at]!)));
}

function invalidSequence(shown: Uint8Array): PgError {
  const hex = Array.from(shown, (byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ');
  return new PgError(
    SqlState.characterNotInRepertoire,
    `invalid byte sequence for encoding "UTF8": ${hex}`,
  );
}

function firstInvalid(bytes: Uint8Array): number {
  let at = 0;
  for (;;) {
    let end = Math.min(at + blockBytes, bytes.length);
    // Do not cut a character in two: step back over at most three continuation bytes.
    for (let i = 0; i < 3 && end < bytes.length && (bytes[end]! & 0xc0) === 0x80; i++) end--;
    if (end <= at || !isUtf8(bytes.subarray(at, end))) break;
    at = end;
  }
  for (;;) {
    const length = announcedLength(bytes[at]!);
    if (at + length > bytes.length || !isUtf8(bytes.subarray(at, at + length))) return at;
    at += length;
  }
}

/** How long the sequence is that starts with `first` (pg_utf_mblen). */
function announcedLength(first: number): number {
  if ((first & 0xe0) === 0xc0) return 2;
  if ((first & 0xf0) === 0xe0) return 3;
  if ((first & 0xf8) === 0xf0) return 4;
  return 1;
}
