import { crcOf } from './crc.ts';

/**
 * A tuple: format (1 byte), flags (1), schema version (2, BE), seq (6, BE), updated (8, LE, µs since 2000-01-01 UTC), null
 * bitmap (bit set: null), the values that are not null, CRC-32 of all before it (4, LE). Seq and checksum are filled in when
 * the tuple is sealed, at commit.
 */
export const tupleFormat = 1;
export const headerBytes = 18;
export const checksumBytes = 4;

export const TupleFlag = {
  /** Soft-deleted. */
  deleted: 0x01,
  /** Parquet can't carry this row exactly; the watermark does not hide it. */
  pinned: 0x02,
  /** seq holds a bulk transaction's id. */
  provisional: 0x04,
} as const;

export function sealTuple(tuple: Buffer, seq: number, provisional: boolean): void {
  sealTupleAt(tuple, 0, tuple.length, seq, provisional);
}

/** The same for the tuple at `start` to `tupleEnd` of a larger buffer. */
export function sealTupleAt(
  tuple: Buffer,
  start: number,
  tupleEnd: number,
  seq: number,
  provisional: boolean,
): void {
  if (provisional) tuple[start + 1] = tuple[start + 1]! | TupleFlag.provisional;
  tuple[start + 4] = (seq / 0x10000000000) & 0xff;
  tuple[start + 5] = (seq / 0x100000000) & 0xff;
  const low = seq >>> 0;
  tuple[start + 6] = low >>> 24;
  tuple[start + 7] = (low >>> 16) & 0xff;
  tuple[start + 8] = (low >>> 8) & 0xff;
  tuple[start + 9] = low & 0xff;
  const end = tupleEnd - checksumBytes;
  const crc = crcOf(tuple, start, end);
  tuple[end] = crc & 0xff;
  tuple[end + 1] = (crc >>> 8) & 0xff;
  tuple[end + 2] = (crc >>> 16) & 0xff;
  tuple[end + 3] = crc >>> 24;
}

/** Whether format and checksum are right. */
export function tupleIntact(tuple: Buffer): boolean {
  const end = tuple.length - checksumBytes;
  if (end < headerBytes || tuple[0] !== tupleFormat) return false;
  const stored =
    (tuple[end]! | (tuple[end + 1]! << 8) | (tuple[end + 2]! << 16) | (tuple[end + 3]! << 24)) >>>
    0;
  return crcOf(tuple, 0, end) === stored;
}

export function tupleFlags(tuple: Buffer): number {
  return tuple[1]!;
}

export function tupleSchemaVersion(tuple: Buffer): number {
  return (tuple[2]! << 8) | tuple[3]!;
}

export function tupleSeq(tuple: Buffer): number {
  return (
    (tuple[4]! * 256 + tuple[5]!) * 0x100000000 +
    ((tuple[6]! << 24) | (tuple[7]! << 16) | (tuple[8]! << 8) | tuple[9]!) +
    (tuple[6]! & 0x80 ? 0x100000000 : 0)
  );
}

export function tupleUpdated(tuple: Buffer): bigint {
  return tuple.readBigInt64LE(10);
}
