/** Rows as they are read, and what a scan may be told. */
import type { Row, Value } from '../../types/value.ts';
import type { Scope } from './table.ts';

/** One version of a row, as read. */
export interface StoredRow {
  /** The row's key in the hot store without the table prefix: scope, then primary key or row id. Identity of the row. */
  readonly key: Uint8Array;
  readonly userId: string;
  /** Parallel to the table's columns. */
  readonly values: Row;
  /** Commit sequence number. */
  readonly seq: number;
  /** Microseconds since 2000-01-01 UTC. */
  readonly updated: bigint;
  readonly deleted: boolean;
  readonly tier: 'hot' | 'cold' | 'overlay';
}

/** A simple predicate that a scan may use to skip files, key ranges and rows early; the caller still filters. */
export interface ScanPredicate {
  readonly columnId: number;
  readonly op: '=' | '<' | '<=' | '>' | '>=' | 'in';
  /** One value, or several for `in`. Never null. Of the column's own type. */
  readonly values: readonly Value[];
}

export interface ScanOptions {
  readonly scope: Scope;
  /** Conjunction. */
  readonly predicates?: readonly ScanPredicate[];
  /** Column ids that are needed; others may come back as null. Default: all. */
  readonly columns?: readonly number[];
  readonly includeDeleted?: boolean;
  /** Rows in primary-key order (or its reverse); default: any order. */
  readonly order?: 'asc' | 'desc';
  /** Stop after this many rows (only meaningful when the caller filters nothing more). */
  readonly limit?: number;
  readonly signal?: AbortSignal;
  /** Filled in by the scan, for EXPLAIN ANALYZE. */
  readonly stats?: ScanStats;
}

export interface ScanStats {
  hotRows: number;
  coldRows: number;
  filesKnown: number;
  filesOpened: number;
}

/** One Parquet file, as the manifest lists it. */
export interface ManifestFile {
  readonly fileId: number;
  readonly tableId: number;
  readonly userId: string;
  /** Relative to the root of its tablespace's location, or to the data folder's `cold/`. */
  readonly path: string;
  /** undefined: below the data folder's `cold/`. The file may be elsewhere than new ones of its table go. */
  readonly tablespaceId?: number;
  readonly rows: number;
  readonly bytes: number;
  /** CRC-32 of the whole file, hexadecimal. */
  readonly checksum: string;
  readonly minSeq: number;
  readonly maxSeq: number;
  /** Rows marked deleted; undefined: not counted, by a version that wrote no such figure. */
  readonly deletedRows?: number;
  readonly schemaVersion: number;
  /** By column id; min and max in memcomparable form, absent when the column has no non-null value. */
  readonly statistics: ReadonlyMap<
    number,
    { readonly min?: Uint8Array; readonly max?: Uint8Array; readonly nulls: number }
  >;
}

/**
 * What the columnar executor needs to read a scan's cold part in place: files after pruning, and the keys whose cold
 * versions are superseded.
 */
export interface ColdScan {
  readonly files: readonly ManifestFile[];
  readonly filesKnown: number;
  /** Absolute paths, parallel to files. */
  readonly paths: readonly string[];
  /** Cold rows with one of these keys and a smaller `_seq` are superseded. Key values parallel to primaryKey, or the row id. */
  readonly superseded: readonly {
    readonly userId: string;
    readonly key: readonly Value[];
    readonly seq: number;
  }[];
  /** To be called once, when the files have been read: until then they stay. */
  release(): void;
}
