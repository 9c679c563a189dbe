import { crc32 } from 'node:zlib';
import { PgError, SqlState } from '../base/index.ts';

/** What the table as a whole has beside its rows; absent until first needed. */
export interface TableRecord {
  /** Rows of any scope with a smaller seq are gone (TRUNCATE). */
  readonly truncatedBefore: number;
  /**
   * The table has been truncated once. A row inserted again before the clean-up keeps its former index entries alive, which
   * readers see through by the row's values; so a missing row is then no sign of corruption.
   */
  readonly truncated: boolean;
  /** A truncate's rows are still being removed. */
  readonly cleaning: boolean;
  /** Hot keys of flushed rows are still being removed. */
  readonly moving: boolean;
  /** Rises with each change of any of the table's manifest entries. */
  readonly manifestVersion: number;
}

/** The same for one scope of the table. */
export interface ScopeRecord {
  /** Hot rows at or below are in the cold tier now, unless pinned. */
  readonly watermark: number;
  readonly truncatedBefore: number;
  readonly manifestVersion: number;
}

/** A bulk transaction whose rows are (partly) in the hot store already. */
export interface BulkRecord {
  readonly tables: readonly number[];
  /** Index builds that spilled: [table, index]. */
  readonly indexes: readonly (readonly [number, number])[];
  /** The commit's seq; null: not committed, so its rows are not there. */
  readonly committed: number | null;
}

export const noTableRecord: TableRecord = {
  truncatedBefore: 0,
  truncated: false,
  cleaning: false,
  moving: false,
  manifestVersion: 0,
};
export const noScopeRecord: ScopeRecord = { watermark: 0, truncatedBefore: 0, manifestVersion: 0 };

/** JSON after its CRC-32: small records that are rarely written. */
export function encodeRecord(record: object): Buffer {
  const json = Buffer.from(JSON.stringify(record), 'utf8');
  const out = Buffer.allocUnsafe(4 + json.length);
  out.writeUInt32LE(crc32(json), 0);
  json.copy(out, 4);
  return out;
}

/** XX001 naming `what` when the checksum is wrong. */
export function decodeRecord<T extends object>(bytes: Buffer, what: string): T {
  const json = bytes.subarray(4);
  if (bytes.length < 5 || crc32(json) !== bytes.readUInt32LE(0))
    throw new PgError(SqlState.dataCorrupted, `${what} is corrupted: wrong checksum`);
  return JSON.parse(json.toString('utf8')) as T;
}
