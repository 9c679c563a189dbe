import type { PgError } from '../base/index.ts';
import type { LockManager, LockOwner, LockWait, RowLockMode } from '../locks/index.ts';
import type { Row, Value } from '../types/value.ts';

export type TableKind = 'user' | 'shared' | 'stream';

/** A column as storage knows it. `id` is pg_attribute.attnum: never reused within a table, so Parquet fields carry it. */
export interface StoredColumn {
  readonly id: number;
  readonly name: string;
  readonly typeOid: number;
  readonly typmod: number;
  /** What rows written before the column existed read as (PostgreSQL's attmissingval). */
  readonly missing: Value;
}

export interface StoredIndex {
  /** Unique in the whole server, as table ids are. */
  readonly indexId: number;
  readonly name: string;
  /** Column ids. Expression and partial indexes are not stored. */
  readonly columns: readonly number[];
  readonly unique: boolean;
  readonly nullsNotDistinct: boolean;
}

/**
 * Everything storage needs to know of a table; frozen, replaced by each DDL. Rows handed to and from storage are arrays
 * parallel to `columns`.
 */
export interface StoredTable {
  /** Never reused. Keys and files go by it, not by name. */
  readonly tableId: number;
  readonly namespace: string;
  readonly name: string;
  readonly kind: TableKind;
  /** Streams only: microseconds a row lives. */
  readonly ttlMicros?: bigint;
  readonly schemaVersion: number;
  readonly columns: readonly StoredColumn[];
  /** Layouts of earlier versions (version → columns), so that older tuples and files can still be read. */
  readonly layouts: ReadonlyMap<number, readonly StoredColumn[]>;
  /** Column ids of the primary key, in key order; empty: a hidden row id. Streams are keyed by time and row id always. */
  readonly primaryKey: readonly number[];
  readonly primaryKeyName?: string;
  /** Secondary indexes; a stream's primary key is one of them. */
  readonly indexes: readonly StoredIndex[];
  /** Where files that are written from now on go; undefined: below the data folder's `cold/`. */
  readonly tablespaceId?: number;
}

/** What is left to know of a table that is dropped. */
export type DroppedTable = Pick<StoredTable, 'tableId' | 'namespace' | 'name' | 'kind'>;

/** Whose rows: one user's (user tables), everyone's (shared and stream tables: `''`), or all users' at once. */
export type Scope = { readonly kind: 'one'; readonly userId: string } | { readonly kind: 'all' };

export const sharedScope: Scope = { kind: 'one', userId: '' };

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

/** READ UNCOMMITTED is READ COMMITTED, as in PostgreSQL. */
export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable';

export interface TransactionOptions {
  /** Who holds its locks, and gives them back after its end. Default: an owner of its own. */
  readonly owner?: LockOwner;
  /** Default: read committed. */
  readonly isolation?: IsolationLevel;
}

/** A point of a transaction to which its writes can be taken back. */
export type StorageSavepoint = object;

/** One statement's consistent view of everything committed. Must be released. */
export interface Snapshot {
  readonly seq: number;
  /**
   * Fixes what is seen at this moment instead of at the first read. False: a commit is being written, which the snapshot may hold
   * though onCommit and tableVersion have not told of it yet.
   */
  pin(): boolean;
  release(): void;
}

/** Told to the caller of insert/update when a unique key is taken; `dml` turns it into 23505 with PostgreSQL's texts. */
export interface UniqueConflict {
  /** The table's primary key (`null`) or an index. */
  readonly index: StoredIndex | null;
  readonly existing: StoredRow;
}

export interface CommitResult {
  readonly seq: number;
}

/**
 * One transaction's reads and writes. Writes stay in its overlay until commit; its own reads see them. Not re-entrant: one
 * call at a time. After commit or rollback every call throws an AssertionError.
 *
 * Writers lock the rows and unique keys that they write, and wait for each other: any call that writes or locks may throw what
 * ends a wait (40P01, 55P03, the reason of the statement's signal).
 */
export interface StorageTransaction {
  readonly isolation: IsolationLevel;
  readonly owner: LockOwner;
  /**
   * Takes the next statement's snapshot under READ COMMITTED, the former one being released; otherwise the transaction's one
   * snapshot.
   */
  newStatement(): Snapshot;
  /** The statement has read all that it will: its snapshot goes, unless it is the transaction's. */
  endStatement(): void;
  /**
   * Locks a row until the transaction ends and reads its current version: what is committed by now or the transaction's own,
   * which may be newer than the statement's snapshot. Undefined: there is no such row any more. `'skipped'`: it is locked by
   * another, and `wait` was 'skip'. @throws 55P03 with 'nowait'
   */
  lockRow(
    table: StoredTable,
    key: Uint8Array,
    mode: RowLockMode,
    wait: LockWait,
  ): Promise<StoredRow | undefined | 'skipped'>;
  /**
   * The same at once, for a row whose current version is hot, or still the cold one that has been `read` just now (its `updated` is
   * not looked at); 'unknown' otherwise.
   */
  lockRowSync(
    table: StoredTable,
    key: Uint8Array,
    mode: RowLockMode,
    read?: Pick<StoredRow, 'values' | 'seq' | 'updated'>,
  ): StoredRow | 'unknown';
  /**
   * lockRowSync by primary key, of a row that is there: undefined, and nothing locked, where there is none or it is deleted.
   */
  lockKeySync(
    table: StoredTable,
    userId: string,
    key: readonly Value[],
    mode: RowLockMode,
  ): StoredRow | undefined | 'unknown';
  /**
   * lockRow of several rows of one user that have just been read, waiting for each; `rows` are their current versions. What has
   * not changed in the cold tier is not read again.
   */
  lockRows(
    table: StoredTable,
    read: readonly StoredRow[],
    mode: RowLockMode,
  ): Promise<{ readonly rows: readonly (StoredRow | undefined)[]; readonly waited: boolean }>;
  /** Whether a row version belongs to what the transaction may see: always, but where it keeps to one snapshot. */
  sees(row: Pick<StoredRow, 'seq'>): boolean;
  /** Gives back a lock that turned out to be needless, unless the row has been written. */
  unlockRow(table: StoredTable, key: Uint8Array, mode: RowLockMode): void;
  /**
   * Runs reads over everything that is committed by now, and the transaction's own writes, whatever it may see otherwise: what
   * checks between tables go by. The statement's snapshot is a new one afterwards (READ COMMITTED) or the same.
   */
  newest<T>(read: () => Promise<T>): Promise<T>;
  /**
   * Runs work whose reads a serializable transaction is not judged by: checks between tables, which lock the rows that they go
   * by until the end. `work` may answer at once or with a promise.
   */
  unjudged<T>(work: () => T): T;
  savepoint(): StorageSavepoint;
  /** Forgets it and those after it. */
  releaseSavepoint(savepoint: StorageSavepoint): void;
  /** Takes back what was written since, and what was locked; the savepoint stays. */
  rollbackTo(savepoint: StorageSavepoint): Promise<void>;
  /** By StoredRow.key, deleted rows included; undefined when there is no such row. */
  getByKey(table: StoredTable, key: Uint8Array): Promise<StoredRow | undefined>;
  /** The same at once, for rows whose current version is hot or in the overlay; `'unknown'` otherwise. */
  getByKeySync(table: StoredTable, key: Uint8Array): StoredRow | undefined | 'unknown';
  /** By full primary key (parallel to table.primaryKey); undefined when absent or deleted. */
  get(
    table: StoredTable,
    userId: string,
    key: readonly Value[],
    options?: { readonly stats?: ScanStats },
  ): Promise<StoredRow | undefined>;
  /** get of several keys of one user, parallel to them. */
  getMany(
    table: StoredTable,
    userId: string,
    keys: readonly (readonly Value[])[],
  ): Promise<readonly (StoredRow | undefined)[]>;
  /**
   * The same without leaving the tick, when the hot store and memory alone can answer; `'unknown'` when the cold tier
   * must be asked.
   */
  getSync(
    table: StoredTable,
    userId: string,
    key: readonly Value[],
  ): StoredRow | undefined | 'unknown';
  scan(table: StoredTable, options: ScanOptions): AsyncIterable<StoredRow[]>;
  /** Rows whose indexed columns equal `values` (a prefix of the index's columns is enough). */
  indexLookup(
    table: StoredTable,
    index: StoredIndex,
    userId: string,
    values: readonly Value[],
    options?: { readonly includeDeleted?: boolean; readonly stats?: ScanStats },
  ): AsyncIterable<StoredRow[]>;
  /**
   * Inserts unless a unique key is taken by a live row, then reports the first conflict and changes nothing. `first`: indexes
   * that are looked at before the primary key and the others.
   */
  insert(
    table: StoredTable,
    userId: string,
    values: Row,
    first?: readonly StoredIndex[],
  ): Promise<{ row: StoredRow } | { conflict: UniqueConflict }>;
  /**
   * A new version of `old` (the primary key may change), which is the current one if the row has been locked. Conflicts as
   * insert. @throws 40001 when it was not locked and has been changed since
   */
  update(
    table: StoredTable,
    old: StoredRow,
    values: Row,
  ): Promise<{ row: StoredRow } | { conflict: UniqueConflict }>;
  /**
   * The same at once, for a locked row whose key and unique entries stay as they are; false: nothing was done, use update.
   */
  updateNow(table: StoredTable, old: StoredRow, values: Row): boolean;
  /** Soft: the row stays, marked deleted. Hard: gone at once. */
  delete(table: StoredTable, old: StoredRow, mode: 'soft' | 'hard'): Promise<void>;
  /** Hard-deletes every row of the scope, both tiers; the rows and files are cleaned up after commit. */
  truncate(table: StoredTable, scope: Scope): Promise<void>;
  /** Writes a catalog, job or sequence entry in the same commit; undefined deletes it. */
  putMeta(key: string, value: Uint8Array | undefined): void;
  /**
   * One row at once, when the hot store alone can tell that its keys are free; false: nothing was done, use insertMany
   * (which knows of conflicts too).
   */
  insertNow(table: StoredTable, userId: string, values: Row): boolean;
  /**
   * Bulk path for COPY: rows are inserted without one promise each. Returns the conflict that stopped it, if any, with
   * the index of the row in the batch.
   */
  insertMany(
    table: StoredTable,
    userId: string,
    rows: readonly Row[],
  ): Promise<{ conflict: UniqueConflict; at: number } | undefined>;
  readonly hasWrites: boolean;
  /** Committed, rolled back or released. */
  readonly ended: boolean;
  /**
   * Atomic and, with `sync`, durable once resolved. Throws 40001 when a row that it wrote has meanwhile been changed by
   * another commit, 23505's UniqueConflict as `UniqueConflictError` when a unique key has meanwhile been taken.
   */
  commit(options: { readonly sync: boolean }): Promise<CommitResult>;
  rollback(): Promise<void>;
  /** Ends a transaction that has written nothing, at once. */
  release(): void;
}

export interface FlushResult {
  readonly rows: number;
  readonly users: number;
  readonly files: number;
  readonly bytes: number;
}

export interface RemoveDeletedOptions {
  /** Microseconds since 2000-01-01 UTC: rows with an earlier `_updated` go. */
  readonly before: bigint;
  /** An earlier attempt may have removed rows without asking for their space. */
  readonly again?: boolean;
  readonly signal?: AbortSignal;
}

export interface CompactOptions {
  /**
   * Merge every small file and write again whatever holds a superseded row, as VACUUM does; otherwise what is worth its cost: many
   * files of a size, or a file of which a large part is superseded.
   */
  readonly everything?: boolean;
  /** Write again whatever holds a superseded row, as retention does; merge only what is worth it. */
  readonly purge?: boolean;
  readonly onProgress?: (fraction: number) => void;
  readonly signal?: AbortSignal;
}

export interface CompactResult {
  /** Users looked at; 1 at most for other tables. */
  readonly scopes: number;
  readonly filesBefore: number;
  readonly filesAfter: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Rows written again, and those left out as superseded. */
  readonly rowsRead: number;
  readonly rowsRemoved: number;
  readonly marksRemoved: number;
  /** Files of any table that no manifest lists any more and that could not be removed, with the reason. */
  readonly leftFiles: readonly { readonly path: string; readonly error: Error }[];
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

/** What a rewrite makes of rows: values parallel to the columns of the table that they go to. */
export interface RowRewriter {
  /** @throws what a value that has no form there, or a constraint, is refused with */
  live(rows: readonly StoredRow[]): Promise<readonly Row[]>;
  /** Soft-deleted rows. One that comes without a value for the key goes. */
  deleted(rows: readonly StoredRow[]): Promise<readonly Row[]>;
}

export interface RewriteOptions {
  /** Default: values stay as they are, and columns that `from` lacks get their missing value. */
  readonly rewriter?: RowRewriter | undefined;
  /** The fraction is an estimate. `rows` have been read so far. */
  readonly onProgress?: ((fraction: number, rows: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface BackupOptions {
  /** Absolute. The folder must not exist, or be empty. */
  readonly path: string;
  /** Whose backup it is: with the same token an interrupted one is begun again in its folder, a complete one is found. */
  readonly token: string;
  /** Meta entries that stay out. */
  readonly without?: (metaKey: string) => boolean;
  /** Meta key that is there while a table exists; files of others are about to be removed, and stay out. */
  readonly tableMetaKey: (tableId: number) => string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (fraction: number) => void;
}

export interface BackupResult {
  readonly path: string;
  /** The last commit that is in it. */
  readonly commitSeq: number;
  /** Tables with files. */
  readonly tables: number;
  readonly hotEntries: number;
  readonly files: number;
  readonly coldRows: number;
  /** Of all files of the backup. */
  readonly bytes: number;
}

/** A folder with files of one user, relative as their paths are. */
export interface UserFolder {
  readonly folder: string;
  readonly tablespaceId?: number;
}

/** What a table still has of a user. */
export interface UserLeftovers {
  /** Rows in the hot store: written since. */
  readonly rows: number;
  /** Keys of any kind, those of the rows included. */
  readonly keys: number;
}

export interface MoveResult {
  readonly files: number;
  readonly bytes: number;
}

/** What the manifest lists in one location. */
export interface LocationUse {
  readonly files: number;
  readonly bytes: number;
  /** Tables with files there, dropped ones among them as long as their files are. */
  readonly tableIds: ReadonlySet<number>;
}

/** The places outside the data folder where files may be: what tablespaces stand for. */
export interface Locations {
  /**
   * Makes and claims a location's folder. `put` belongs into the transaction that makes the tablespace; `undo` takes back what has
   * been done when that is not committed. A crash in between leaves nothing.
   * @throws 42P17, 42602, 0A000, 22023 for what it says, 55006 when it overlaps another, 42501, 58P01, 42809, 53100, 58030 by the disk
   */
  make(
    tablespaceId: number,
    location: string,
  ): Promise<{ put(transaction: StorageTransaction): void; undo(): Promise<void> }>;
  /** `put` belongs into the transaction that drops the tablespace, `finish` comes after its commit. No file may be there. */
  remove(tablespaceId: number): {
    put(transaction: StorageTransaction): void;
    finish(): Promise<void>;
  };
  /** Whether there are files that the manifest does not list: not yet, as they are being written, or no more, while they are read. */
  inUse(tablespaceId: number): boolean;
  /** By tablespace; undefined is the data folder. */
  uses(): Promise<ReadonlyMap<number | undefined, LocationUse>>;
}

/** What verifying finds. */
export type FindingKind =
  /** A checksum is wrong, or something is not readable. */
  | 'damaged'
  /** Something that is listed is not there. */
  | 'missing'
  /** Something is there that nothing leads to. */
  | 'orphan'
  /** Two places that tell of the same thing do not agree. */
  | 'mismatch'
  /** What a crash, a TRUNCATE or a dropped index has left, and the next start or clean-up removes: no harm. */
  | 'leftover';

export interface Finding {
  readonly kind: FindingKind;
  /** Where: a table, a file, a key. */
  readonly subject: string;
  readonly message: string;
}

/** What the layers above say of their entries. */
export interface CatalogCheck {
  readonly tables: readonly StoredTable[];
  /** Tables that are dropped, whose clean-up is to come. */
  readonly passing: readonly number[];
  readonly sequences: readonly number[];
  readonly findings: readonly Finding[];
}

/** Reads the meta entries of catalog, jobs and so on. */
export type ReadCatalog = (entries: readonly (readonly [string, Buffer])[]) => CatalogCheck;

export interface VerifyReport {
  readonly tables: number;
  readonly keys: number;
  readonly hotRows: number;
  /** Those that nothing supersedes. */
  readonly coldRows: number;
  readonly files: number;
  readonly fileBytes: number;
  /** All findings but leftovers. */
  readonly problems: number;
  readonly findings: readonly Finding[];
}

/** The whole storage engine, as sessions and jobs use it. */
export interface Storage {
  readonly locations: Locations;
  readonly locks: LockManager;
  begin(options?: TransactionOptions): StorageTransaction;
  /** Committed meta entries under a prefix, in key order; `reverse`: the last ones first, `limit`: no more than so many. */
  meta(
    prefix: string,
    options?: { readonly reverse?: boolean; readonly limit?: number },
  ): Promise<[key: string, value: Uint8Array][]>;
  /**
   * Runs `write`, whose commit overwrites meta entries under a prefix, and has the bytes of what they were go from the hot store's
   * files. Nobody else must hold a snapshot.
   */
  overwriteMeta(prefix: string, write: () => Promise<void>): Promise<void>;
  /** The hot part of a scan only (with the transaction's overlay), for the columnar executor. */
  scanHot(
    transaction: StorageTransaction,
    table: StoredTable,
    options: ScanOptions,
  ): AsyncIterable<StoredRow[]>;
  coldScan(
    transaction: StorageTransaction,
    table: StoredTable,
    options: Pick<ScanOptions, 'scope' | 'predicates'>,
  ): Promise<ColdScan>;
  /**
   * How many rows a flush would move, by user id ('' in shared tables), of all users or of those asked for; users with none are
   * left out. Reads those rows.
   */
  countHotRows(table: StoredTable, users?: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /**
   * Moves committed hot rows to Parquet, crash-ordered as architecture.md says. With `userIds` (user tables only) those users' rows
   * alone, at a cost that does not depend on the others'.
   */
  flush(
    table: StoredTable,
    options: {
      readonly userIds?: readonly string[];
      readonly onProgress?: (fraction: number) => void;
      readonly signal?: AbortSignal;
    },
  ): Promise<FlushResult>;
  /**
   * Whether anything is kept under the table's id, or will be by the transaction's commit; nobody else may write to it meanwhile. If not,
   * there is nothing for dropTable to do.
   */
  hasTraces(transaction: StorageTransaction, table: DroppedTable): Promise<boolean>;
  /**
   * Removes everything of a dropped table: hot rows, indexes, manifest, files, folders. Repeats safely.
   * @throws 58030 for files that can't be removed, once all the rest is gone
   */
  dropTable(
    table: DroppedTable,
    options?: { readonly onProgress?: (fraction: number) => void },
  ): Promise<{ readonly files: number; readonly bytes: number }>;
  /**
   * Moves the table's files that are elsewhere to its tablespace, while they are read. Repeats safely.
   * @throws XX001, 58P01 naming a file that is damaged or missing, 58P01 when the location is not there, 53100, 58030
   */
  moveFiles(
    table: StoredTable,
    options?: {
      readonly onProgress?: (fraction: number) => void;
      readonly signal?: AbortSignal;
    },
  ): Promise<MoveResult>;
  /** Builds a new index's entries from existing rows inside the transaction; reports the first conflict of a unique one. */
  buildIndex(
    transaction: StorageTransaction,
    table: StoredTable,
    index: StoredIndex,
  ): Promise<UniqueConflict | undefined>;
  /**
   * Copies the rows of `from` inside the transaction to `to`, which has another primary key or other columns, no row yet and a
   * table id of its own. The rows of `from` stay for whoever drops it. Both tiers are read a batch at a time, hot rows are written,
   * ahead of the commit when there are many. Tells the first row that has no place: its key is taken, or it has no value for a
   * column (the id) of the key.
   */
  rewriteTable(
    transaction: StorageTransaction,
    from: StoredTable,
    to: StoredTable,
    options?: RewriteOptions,
  ): Promise<{ conflict: UniqueConflict } | { nullColumn: number } | undefined>;
  /**
   * Removes what no transaction sees any more: keys that a flush has moved, rows and files that a truncate has hidden. It is
   * done in the background anyway; this waits for it.
   */
  vacuum(table: StoredTable): Promise<void>;
  /**
   * Merges a table's small files into larger ones, without the rows that newer versions supersede. Rows stay as they are, to the byte; readers
   * on the old files go on reading them. Safe to break off, and to repeat.
   * @throws 58P01, XX001 naming a file that is missing or damaged, when all else is done; 53100, 53200, 57014
   */
  compact(table: StoredTable, options?: CompactOptions): Promise<CompactResult>;
  /** Whether `compact` would have something to do; cheap enough to ask after each flush. */
  needsCompaction(table: StoredTable): Promise<boolean>;
  /** False: no row of the table has ever been flushed or truncated, so that VACUUM has nothing to do in it. */
  mayNeedVacuum(table: StoredTable): boolean;
  /**
   * Removes rows that were soft-deleted before a moment, for good, in both tiers; a compaction with `purge` then takes the cold ones out of
   * their files. Rows that someone has locked are left for the next time. Returns how many went.
   */
  removeDeleted(table: StoredTable, options: RemoveDeletedOptions): Promise<number>;
  /** Whether evictExpired would find a row, at the cost of one look. */
  hasExpired(table: StoredTable): Promise<boolean>;
  /** As long as the returned function is not called, no file that is listed now, or will be, is removed from the disk. */
  pinFiles(): () => void;
  /** Removes a stream's expired rows; returns how many. `again`: as removeDeleted's. */
  evictExpired(
    table: StoredTable,
    options?: { readonly again?: boolean; readonly signal?: AbortSignal },
  ): Promise<number>;
  metrics(): Promise<StorageMetrics>;
  /** Measured figures of a table (not estimates): reads all that it has in the hot store. `gently`: half of the time. */
  stats(
    table: StoredTable,
    options?: { readonly gently?: boolean; readonly signal?: AbortSignal },
  ): Promise<StorageStats>;
  /**
   * About how many rows the scope has in both tiers, at once and from memory (for choosing an executor). Never less than
   * a tenth or more than ten times the truth once the scope has been read.
   */
  estimateRows(table: StoredTable, scope: Scope): number;
  /** Resolves when the scope has been measured for estimateRows; undefined: it has been already. */
  rowsMeasured(table: StoredTable, scope: Scope): Promise<void> | undefined;
  files(tableId?: number): Promise<readonly ManifestFile[]>;
  /** A listed file's absolute path. */
  filePath(file: Pick<ManifestFile, 'path' | 'tablespaceId'>): string;
  /** User ids with rows in the table. */
  users(table: StoredTable): Promise<readonly string[]>;
  readonly sequences: Sequences;
  /** Called after each commit with what it changed, in commit order. Returns the unsubscribe function. */
  onCommit(listener: (commit: CommitEvent) => void): () => void;
  /** Writes sequence positions that no commit has taken along yet; undefined when there are none. */
  persistSequences(): Promise<void> | undefined;
  /** Resolves when every commit accepted so far is written: what a loser of a race waits for before it tries again. */
  caughtUp(): Promise<void>;
  /** Rises with each commit that touches the table (or its flush); for caches of hot rows. */
  tableVersion(tableId: number): number;
  /**
   * Writes all of the storage as it is at one commit to a folder, while work goes on. Leaves nothing behind when it fails.
   * @throws 22023, 55000 or 58P01 for a path that will not do, XX001 or 58P01 naming a file that is damaged or missing, 53100, 58030
   */
  backup(options: BackupOptions): Promise<BackupResult>;
  /**
   * After a truncate of one user's rows: removes them and all that tells of the user from both tiers, and tells what is left because
   * it was written since. Repeats safely.
   */
  forgetUser(table: StoredTable, userId: string): Promise<UserLeftovers>;
  /** Files that are in the folders, once those that were removed are not read any more; their paths. */
  filesIn(folders: readonly UserFolder[]): Promise<readonly string[]>;
  /** Reads every key and every listed file as they are at one moment, and compares them; work goes on meanwhile. */
  verify(options: {
    readonly readCatalog: ReadCatalog;
    readonly signal?: AbortSignal;
  }): Promise<VerifyReport>;
  /** Resolves when no background work (lazy deletion after flush or truncate) is left. */
  idle(): Promise<void>;
  /**
   * Called once when a write of the hot store has failed (53100 or 58030). From then on every write is refused with that error, reads
   * go on; only closing this storage and opening it again tells what has become of what was being written.
   */
  onFailure(listener: (failure: PgError) => void): void;
  close(): Promise<void>;
}

export interface CommitEvent {
  readonly seq: number;
  readonly tables: ReadonlyMap<number, readonly { readonly key: Uint8Array }[]>;
  /** Tables of which more has changed than those keys: truncated ones, and large bulk loads. */
  readonly unlisted: ReadonlySet<number>;
}

/** Sequence state. Values handed out are never handed out again, even after a crash: reservations go with the next commit. */
export interface Sequences {
  create(sequenceId: number, options: SequenceOptions): void;
  /** New options; the position stays. */
  alter(sequenceId: number, options: SequenceOptions): void;
  nextval(sequenceId: number): bigint;
  setval(sequenceId: number, value: bigint, isCalled: boolean): void;
  /** `last_value`, `is_called` as PostgreSQL's sequence relation shows them. */
  state(sequenceId: number): { readonly lastValue: bigint; readonly isCalled: boolean };
  drop(sequenceId: number): void;
  ids(): readonly number[];
}

export interface SequenceOptions {
  readonly start: bigint;
  readonly increment: bigint;
  readonly min: bigint;
  readonly max: bigint;
  readonly cycle: boolean;
}
