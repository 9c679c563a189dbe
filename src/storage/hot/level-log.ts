/**
 * LevelDB's write-ahead log, read before LevelDB does. Its own recovery passes over a damaged record and goes on with what
 * follows, so that after a power loss a late write could survive an earlier one that was lost. Here the log ends at its first
 * damaged record, as PostgreSQL's does: what is left is always a beginning of what was written.
 *
 * Format (leveldb/doc/log_format.md): blocks of 32 KiB with fragments, each headed by its masked CRC-32C (4 bytes), length (2) and
 * type (1). A record is one fragment (full) or several (first, middle …, last).
 */
import { crc32c, unmask } from './check/crc32c.ts';

const blockBytes = 32_768;
const headerBytes = 7;
const fullType = 1;
const firstType = 2;
const lastType = 4;

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
export function* soundRecords(log: Buffer): Generator<LogRecord> {
  for (let end = 0; ;) {
    const record = recordAt(log, end);
    if (record === undefined) return;
    ({ end } = record);
    yield record;
  }
}

/** Where they end. */
export function soundEnd(log: Buffer): number {
  let end = 0;
  for (const record of soundRecords(log)) ({ end } = record);
  return end;
}

/** Sound records after the damage at `from`, wherever they start: where it ends is not known, and no length in it can be trusted. */
export function* laterRecords(log: Buffer, from: number): Generator<LogRecord> {
  for (let at = from + 1; at < log.length;) {
    const fragment = fragmentAt(log, at);
    if (fragment === undefined) {
      at++;
      continue;
    }
    const record = recordAt(log, at);
    if (record !== undefined) yield record;
    at = fragment.end;
  }
}
