import { PgError, SqlState } from '../../base/index.ts';

/** PostgreSQL's own bound on one line or row (MaxAllocSize). */
const recordBytesMax = 0x3fff_ffff;

/** Bytes that have come and are not parsed: joined only when it is worth trying, so that a long record costs no square of its length. */
export interface PendingBytes {
  /** Takes `bytes`; the answer is everything pending when it should be parsed now. A copy, or `bytes` itself when nothing was pending. */
  add(bytes: Uint8Array, worthTrying: boolean): Buffer | undefined;
  /** Keeps a copy of what was not used; parsing is not tried again below `wakeBytes` bytes in all. */
  keep(rest: Buffer, wakeBytes: number): void;
  /** Everything pending, to the end of the data. */
  takeAll(): Buffer;
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export function createPendingBytes(): PendingBytes {
  let parts: Buffer[] = [];
  let total = 0;
  let wake = 0;
  function takeAll(): Buffer {
    const [only] = parts;
    const all = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts, total);
    parts = [];
    total = 0;
    return all;
  }
  return {
    add(bytes, worthTrying) {
      const length = total + bytes.length;
      const tryNow = worthTrying && length >= wake;
      // Kept ones are copied: the caller's buffer is the network's.
      const nothingPending = parts.length === 0;
      if (tryNow && nothingPending) return asBuffer(bytes);
      if (length > recordBytesMax) {
        throw new PgError(
          SqlState.programLimitExceeded,
          `string buffer exceeds maximum allowed length (${recordBytesMax} bytes)`,
          {
            detail: `Cannot enlarge string buffer containing ${total} bytes by ${bytes.length} more bytes.`,
          },
        );
      }
      parts.push(tryNow ? asBuffer(bytes) : Buffer.from(bytes));
      total = length;
      return tryNow ? takeAll() : undefined;
    },
    keep(rest, wakeBytes) {
      wake = wakeBytes;
      if (rest.length === 0) return;
      parts = [Buffer.from(rest)];
      total = rest.length;
    },
    takeAll,
  };
}
