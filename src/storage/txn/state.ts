import type { Engine } from '../engine.ts';
import type { StoredTable } from '../types.ts';
import type { PointContext } from '../tiered/point-read.ts';
import type { FreshRun } from './fresh-run.ts';
import type { TableOverlay } from './overlay.ts';
import { tableOverlay } from './overlay.ts';
import { latestView } from './reader.ts';

/** What one transaction has done so far. */
export interface TransactionState {
  readonly engine: Engine;
  readonly overlays: Map<number, TableOverlay>;
  /** Rows of bulk inserts that are not in an overlay yet; see append-rows.ts. */
  readonly runs: FreshRun[];
  /** Catalog, job and sequence entries to write; made when there is one. */
  meta: Map<string, Uint8Array | undefined> | undefined;
  /** The id under which rows have been spilled; 0: none have. */
  bulkId: number;
  /** Spilled batches that are being written. */
  readonly spills: Promise<unknown>[];
  spilledTables: Map<number, StoredTable> | undefined;
  readonly spilledIndexes: [number, number][];
  /** Tables (and the seq up to which they were seen) that must not change before the commit: index builds. */
  unchangedSince: Map<number, number> | undefined;
}

export function transactionState(engine: Engine): TransactionState {
  return {
    engine,
    overlays: new Map(),
    runs: [],
    meta: undefined,
    bulkId: 0,
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
    ownBulk: state.bulkId,
    overlay: state.overlays.get(table.tableId),
  };
}
