/** One transaction on the storage. */
import type { LockOwner, LockWait, RowLockMode } from '../../locks/index.ts';
import type { Row, Value } from '../../types/value.ts';
import type { ScanOptions, ScanStats, StoredRow } from './reading.ts';
import type { Scope, StoredIndex, StoredTable } from './table.ts';

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
