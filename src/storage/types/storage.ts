/** The storage engine as sessions and jobs use it. */
import type { PgError } from '../../base/index.ts';
import type { LockManager } from '../../locks/index.ts';
import type { BackupOptions, BackupResult, UserFolder, UserLeftovers } from './backup.ts';
import type { StorageMetrics, StorageStats } from './figures.ts';
import type { Locations } from './locations.ts';
import type { ColdScan, ManifestFile, ScanOptions, StoredRow } from './reading.ts';
import type { Sequences } from './sequences.ts';
import type { DroppedTable, Scope, StoredIndex, StoredTable } from './table.ts';
import type { StorageTransaction, TransactionOptions, UniqueConflict } from './transaction.ts';
import type {
  CompactOptions,
  CompactResult,
  FlushResult,
  MoveResult,
  RemoveDeletedOptions,
  RewriteOptions,
} from './upkeep.ts';
import type { ReadCatalog, VerifyReport } from './verify.ts';

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
