import type { LockMark, LockOwner } from '../../locks/index.ts';
import type { Engine } from '../engine.ts';
import type { IsolationLevel, StoredTable } from '../types.ts';
import type { PointContext } from '../tiered/point-read.ts';
import type { FreshRun } from './fresh-run.ts';
import type { TableOverlay } from './overlay.ts';
import { tableOverlay } from './overlay.ts';
import { latestView } from './reader.ts';
import type { ReadSet } from './serializable.ts';
import type { UndoEntry } from './undo.ts';

/** Where a transaction stood when a savepoint was set. */
export interface Savepoint {
  /** Entries of the undo log. */
  readonly undo: number;
  readonly bulks: number;
  readonly locks: LockMark;
}

/** What one transaction has done so far. */
export interface TransactionState {
  readonly engine: Engine;
  readonly owner: LockOwner;
  readonly isolation: IsolationLevel;
  /** What a serializable transaction has read. */
  readonly reads: ReadSet | undefined;
  readonly overlays: Map<number, TableOverlay>;
  /** Rows of bulk inserts that are not in an overlay yet; see append-rows.ts. */
  readonly runs: FreshRun[];
  /** Catalog, job and sequence entries to write; made when there is one. */
  meta: Map<string, Uint8Array | undefined> | undefined;
  /** The id under which rows are spilled next; 0: a new one. Each savepoint's rows have their own. */
  bulkId: number;
  /** All ids under which rows have been spilled. */
  bulkIds: number[];
  /** Kept while there is a savepoint. */
  undo: UndoEntry[] | undefined;
  readonly savepoints: Savepoint[];
  /** Spilled batches that are being written. */
  readonly spills: Promise<unknown>[];
  spilledTables: Map<number, StoredTable> | undefined;
  readonly spilledIndexes: [number, number][];
  /** Tables (and the seq up to which they were seen) that must not change before the commit: index builds. */
  unchangedSince: Map<number, number> | undefined;
}

export function transactionState(
  engine: Engine,
  owner: LockOwner,
  isolation: IsolationLevel,
  reads: ReadSet | undefined,
): TransactionState {
  return {
    engine,
    owner,
    isolation,
    reads,
    overlays: new Map(),
    runs: [],
    meta: undefined,
    bulkId: 0,
    bulkIds: [],
    undo: undefined,
    savepoints: [],
    spills: [],
    spilledTables: undefined,
    spilledIndexes: [],
    unchangedSince: undefined,
  };
}

export function overlayOf(state: TransactionState, table: StoredTable): TableOverlay {
  let overlay = state.overlays.get(table.tableId);
  if (overlay === undefined) {
    overlay = tableOverlay(table);
    overlay.undo = state.undo;
    state.overlays.set(table.tableId, overlay);
  }
  overlay.table = table;
  return overlay;
}

/** Everything accepted plus the transaction's own writes: what uniqueness is checked against. */
export function latestContext(state: TransactionState, table: StoredTable): PointContext {
  return {
    engine: state.engine,
    view: latestView(state.engine),
    ownBulks: state.bulkIds,
    overlay: state.overlays.get(table.tableId),
  };
}
