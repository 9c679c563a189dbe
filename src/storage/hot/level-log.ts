/**
 * LevelDB's write-ahead log, read before LevelDB does. Its own recovery passes over a damaged record and goes on with what
 * follows, so that after a power loss a late write could survive an earlier one that was lost. Here the log ends at its first
 * damaged record, as PostgreSQL's does: what is left is always a beginning of what was written.
 *
 * Format (leveldb/doc/log_format.md): blocks of 32 KiB with fragments, each headed by its masked CRC-32C (4 bytes), length (2) and
 * type (1). A record is one fragment (full) or several (first, middle …, last).
 */
const blockBytes = 32_768;
const headerBytes = 7;
const fullType = 1;
const firstType = 2;
const lastType = 4;

const [t0, t1, t2, t3] = tables();

function tables(): [Int32Array, Int32Array, Int32Array, Int32Array] {
  const made = [0, 1, 2, 3].map(() => new Int32Array(256));
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
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

/** CRC-32C (Castagnoli) of the bytes from `start` to `end`, unsigned. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1;
  let at = start;
  for (const last = end - 3; at < last; at += 4) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc = t3[crc & 0xff]! ^ t2[(crc >>> 8) & 0xff]! ^ t1[(crc >>> 16) & 0xff]! ^ t0[crc >>> 24]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}

/** LevelDB stores checksums rotated and shifted, as they may lie in data that is checksummed again. */
function unmask(masked: number): number {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}

interface Fragment {
  readonly type: number;
  /** Where its payload starts and ends. */
  readonly start: number;
  readonly end: number;
}

/** The fragment at `at`; undefined where there is no sound one. */
function fragmentAt(log: Buffer, at: number): Fragment | undefined {
  if (at + headerBytes > log.length) return undefined;
  const length = log.readUInt16LE(at + 4);
  const type = log[at + 6]!;
  const start = at + headerBytes;
  const end = start + length;
  if (end > log.length || (at % blockBytes) + headerBytes + length > blockBytes) return undefined;
  if (type < fullType || type > lastType) return undefined;
  if (crc32c(log, at + 6, end) !== unmask(log.readUInt32LE(at))) return undefined;
  return { type, start, end };
}

/** Where the next fragment may start: a block's end too short for a header is filled with zeros. */
function nextStart(at: number): number {
  const left = blockBytes - (at % blockBytes);
  return left < headerBytes ? at + left : at;
}

export interface LogRecord {
  /** The payload's pieces: a write batch. */
  readonly batch: Buffer;
  /** Where the record ends in the file. */
  readonly end: number;
}

/** The record that starts at `at`; undefined where there is no sound one. */
function recordAt(log: Buffer, at: number): LogRecord | undefined {
  const pieces: Buffer[] = [];
  for (let from = nextStart(at); ;) {
    const fragment = fragmentAt(log, from);
    if (fragment === undefined) return undefined;
    const { type, start, end } = fragment;
    const begins = type === fullType || type === firstType;
    if (begins !== (pieces.length === 0)) return undefined;
    pieces.push(log.subarray(start, end));
    if (type === fullType || type === lastType)
      return { batch: pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces), end };
    from = nextStart(end);
  }
}

/** The sound records from the log's start up to the first that is not. */
export function soundEnd(log: Buffer): number {
  let end = 0;
  for (;;) {
    const record = recordAt(log, end);
    if (record === undefined) return end;
    ({ end } = record);
  }
}

/** Sound records that stand in blocks after `from`, where LevelDB would go on after damage. */
export function* laterRecords(log: Buffer, from: number): Generator<LogRecord> {
  const firstBlock = (Math.floor(from / blockBytes) + 1) * blockBytes;
  for (let block = firstBlock; block < log.length; block += blockBytes) {
    for (let at = block; at < block + blockBytes;) {
      const fragment = fragmentAt(log, nextStart(at));
      if (fragment === undefined) break;
      const record = recordAt(log, at);
      if (record !== undefined) yield record;
      at = fragment.end;
    }
  }
}
