import { decodeRecord, encodeRecord } from '../records.ts';
import type { ManifestFile } from '../types.ts';

/** A manifest entry as it is stored: the file, and the keys it spans. */
export interface ManifestEntry extends ManifestFile {
  /** Least and greatest row key (without the table prefix). */
  readonly minKey: Buffer;
  readonly maxKey: Buffer;
  /** Of a compaction: the rows that marks up to this seq supersede have been left out. */
  readonly markedUpTo?: number;
}

type Statistics = [id: number, min: string | null, max: string | null, nulls: number][];

export function encodeManifestEntry(entry: ManifestEntry): Buffer {
  const statistics: Statistics = [...entry.statistics].map(([id, { min, max, nulls }]) => [
    id,
    min === undefined ? null : base64(min),
    max === undefined ? null : base64(max),
    nulls,
  ]);
  return encodeRecord({
    ...entry,
    statistics,
    minKey: base64(entry.minKey),
    maxKey: base64(entry.maxKey),
  });
}

export function decodeManifestEntry(bytes: Buffer, what: string): ManifestEntry {
  const stored = decodeRecord<
    Omit<ManifestEntry, 'statistics' | 'minKey' | 'maxKey'> & {
      statistics: Statistics;
      minKey: string;
      maxKey: string;
    }
  >(bytes, what);
  return {
    ...stored,
    statistics: new Map(
      stored.statistics.map(([id, min, max, nulls]) => [
        id,
        {
          ...(min === null ? {} : { min: Buffer.from(min, 'base64') }),
          ...(max === null ? {} : { max: Buffer.from(max, 'base64') }),
          nulls,
        },
      ]),
    ),
    minKey: Buffer.from(stored.minKey, 'base64'),
    maxKey: Buffer.from(stored.maxKey, 'base64'),
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}
