/** What the storage holds, counted. */

/** What the storage does and holds; since it was opened. */
export interface StorageMetrics {
  /** Number of the last commit, ever. */
  readonly lastSeq: number;
  /** Group commit: batches written, of those synced, commits and internal changes in them, most in one, bytes of keys and values. */
  readonly groups: {
    readonly written: number;
    readonly synced: number;
    readonly members: number;
    readonly membersMax: number;
    readonly bytes: number;
  };
  /** The hot store's caches and memtables; undefined: it can't tell. */
  readonly hotMemoryBytes: number | undefined;
  /** Of the DuckDB that reads and writes files; undefined: it has not been needed yet. */
  readonly duckdbMemoryBytes: number | undefined;
}

/** What a table holds, counted. Bytes of the hot store are those of keys and values, before it compresses them. */
export interface StorageStats {
  /** Soft-deleted ones included. */
  readonly hotRows: number;
  readonly hotDeletedRows: number;
  /** Of rows; those that wait for their removal included. */
  readonly hotBytes: number;
  /** Of index entries, by indexId: indexes are in the hot store, whichever tier a row is in. */
  readonly indexBytes: ReadonlyMap<number, number>;
  /** Rows in files, superseded and soft-deleted ones included. */
  readonly coldRows: number;
  /** Undefined: a file was written by a version that did not count them. */
  readonly coldDeletedRows: number | undefined;
  readonly coldBytes: number;
  readonly files: number;
  /** Keys of which a file's version is superseded by a later one. */
  readonly supersededKeys: number;
  /** Of the manifest, of files' filters and of marks. */
  readonly metadataBytes: number;
  /** User ids with rows; 0 for tables that have none. */
  readonly users: number;
}
