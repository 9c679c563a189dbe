import type { Clock } from '../base/index.ts';
import type { LockManager, LockOwner } from '../locks/index.ts';
import type { HotStore } from './hot/types.ts';
import type { TableRuntime } from './keys/table-runtime.ts';
import type { BulkRecord } from './records.ts';
import type { Limits } from './txn/reader.ts';
import type { FreshRun } from './txn/fresh-run.ts';
import type { Counters, Sequencer } from './txn/sequencer.ts';
import type { MovedRows } from './txn/moved-rows.ts';
import type { CommitHistory } from './txn/serializable.ts';
import type { TransactionState } from './txn/state.ts';
import type { CommitEvent, StoredTable } from './types.ts';
import type { Places } from './cold/places.ts';
import type { ColdTier } from './tiered/cold-tier.ts';
import type { FileLife } from './tiered/file-life.ts';

export interface StorageLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What tests inject: called (and awaited) at each named step; throwing there is a crash at that step. */
export type Faults = (step: string) => void | Promise<void>;

export const noFaults: Faults = () => undefined;

/** A table's state in memory, beside what the hot store has. Created on first use. */
export interface TableState {
  readonly tableId: number;
  /** Bumped when a commit that touches the table has been written. */
  version: number;
  /** Batches with rows or index entries of the table that were accepted, and of those the ones that are written. */
  accepted: number;
  settled: number;
  /** Seq of the last accepted commit that touched it. */
  lastCommit: number;
  /** Seq at the last time rows of an unfinished bulk transaction were accepted. */
  lastSpill: number;
  /** Seq at the last time rows may have left the hot store (lazy deletion after a flush). */
  lastMoved: number;
  /** Every row with a seq up to this was moved by a flush that left none behind; 0: not known. */
  allMovedUpTo: number;
  /** Truncates accepted since the start. */
  truncations: number;
  /** Whether a TableRecord exists: only then are records and marks looked up at all. */
  special: boolean;
  /** What the records say by user id, as of everything accepted; emptied when one is written. */
  readonly limits: Map<string, Limits>;
  /** At least the number of marks. */
  marks: number;
  /** How many there were when it was last judged whether they are reason for a compaction. */
  marksJudged: number;
  /** Scopes that may have marks which supersede nothing any more. */
  readonly marksToClean: Set<string>;
  /** How often a compaction has put a file in the place of others. */
  swaps: number;
  /** File ids that a compaction found missing or damaged. */
  readonly damagedFiles: Set<number>;
  /** The snapshot's seq of a running flush; 0: none runs. */
  flushing: number;
  /** Whose rows it moves; undefined: everyone's. */
  flushingUsers: ReadonlySet<string> | undefined;
  /** Users whose moved rows may still have keys in the hot store, with the watermark of their last flush; see remove-moved.ts. */
  readonly unremoved: Map<string, number>;
  /** The watermark of the last flush of all users whose keys may still be there; 0: none. */
  unremovedAll: number;
  /** Ends with the removals of moved rows' keys that were asked for so far: one pass at a time. */
  removing: Promise<void>;
  /** About how many rows scopes have; see tiered/estimates.ts. */
  readonly rowCounts: Map<string, number>;
  /** Largest row key known, by scope prefix text; kept right by commits. */
  readonly maxKeys: Map<string, Buffer>;
  /** Scopes whose largest key is being looked up, so not to be used yet. */
  readonly loadingMaxKeys: Set<string>;
  /** Rows that eviction or retention has removed, and the hot store still takes up space for; see tiered/give-back.ts. */
  readonly unreturned: {
    rows: number;
    bytes: number;
    /** Where the hot store is going to be asked for it, once readers have ended. */
    range: { readonly from: Buffer; readonly to: Buffer } | undefined;
  };
  /** Bulk inserts in memory: their keys are in no lock table. */
  readonly openRuns: Map<FreshRun, LockOwner>;
}

/** A statement's reader without a snapshot. An array holds them: a Set that shrinks and grows all the time costs the scavenger. */
export interface UnfixedReader {
  fix(): void;
  /** Where it is in the array; -1: not in it. */
  at: number;
}

/** What the parts of the storage engine share. */
export interface Engine {
  readonly store: HotStore;
  readonly sequencer: Sequencer;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: StorageLog;
  readonly faults: Faults;
  readonly cold: ColdTier;
  readonly files: FileLife;
  /** Flush, compaction, drop and cleaning of one table take turns. */
  inTurn<T>(tableId: number, work: () => Promise<T>): Promise<T>;
  /** Where the cold tier's files are. */
  readonly places: Places;
  tableState(tableId: number): TableState;
  runtime(table: StoredTable): TableRuntime;
  /** Bulk transactions with rows in the hot store; committed ones have a seq. */
  readonly bulks: Map<number, BulkRecord>;
  /** Whose unfinished bulk transactions they are. */
  readonly bulkOwners: Map<number, LockOwner>;
  readonly locks: LockManager;
  /** Commits that serializable transactions may have to compare with. */
  readonly history: CommitHistory;
  readonly movedRows: MovedRows;
  readonly listeners: Set<(commit: CommitEvent) => void>;
  /** Statements that have read without a snapshot; they get theirs before the next batch is written. */
  readonly unfixedReaders: UnfixedReader[];
  /** Whether sequence reservations wait for the next group. */
  sequencesDirty(): boolean;
  /** Told of each committed transaction, for what follows in the background. */
  committed(transaction: TransactionState): void;
  /** Work that close() waits for. */
  background(work: Promise<void>): void;
  readonly closing: AbortSignal;
}
