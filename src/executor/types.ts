import type { Clock, RandomBytes } from '../base/index.ts';
import type { Query, RangeTblEntry } from '../analyzer/tree.ts';
import type { CatalogSnapshot } from '../catalog/types.ts';
import type { AdvisoryFunction } from '../planner/advisory-functions.ts';
import type { ScanNode } from '../planner/nodes.ts';
import type {
  ScanStats,
  Storage,
  StorageTransaction,
  StoredRow,
  StoredTable,
} from '../storage/types.ts';
import type { TypeContext } from '../types/type.ts';
import type { Row, Value } from '../types/value.ts';

/** Who asks and under which settings; a statement's constant facts. */
export interface StatementContext {
  readonly types: TypeContext;
  /** tide.user_id. */
  readonly userId: string;
  /** tide.scope = 'all', already authorised. */
  readonly allUsers: boolean;
  readonly includeDeleted: boolean;
  readonly hardDelete: boolean;
  readonly materializeLimit: number;
  readonly currentUser: string;
  readonly sessionUser: string;
  readonly database: string;
  readonly backendPid: number;
  /** Microseconds since 2000-01-01 UTC: now(), statement_timestamp(). */
  readonly transactionTime: bigint;
  readonly statementTime: bigint;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly snowflakeId: () => bigint;
  readonly uuidV7: () => string;
  /** Sequence functions by the sequence's relid: nextval, currval (55000 when not yet called), setval, lastval. */
  readonly sequences: SessionSequences;
  readonly advisory: AdvisoryLocks;
  /** Process ids that a session waits for. */
  blockingPids(processId: number): readonly number[];
  /** current_setting; undefined: unknown setting. */
  setting(name: string): string | undefined;
  /** set_config; undefined: the default. The value that is now in force. */
  setSetting(name: string, value: string | undefined, local: boolean): Promise<string>;
  /** Every non-default setting, as PGlite needs them to compute the same (TimeZone, DateStyle, search_path, role …). */
  readonly settings: ReadonlyMap<string, string>;
}

export interface SessionSequences {
  nextval(relid: number): bigint;
  currval(relid: number): bigint;
  lastval(): bigint;
  setval(relid: number, value: bigint, isCalled: boolean): bigint;
}

/** A session's advisory locks, `key` being one bigint or two ints. */
export interface AdvisoryLocks {
  /** False: it is another session's. */
  tryLock(of: AdvisoryFunction, key: readonly Value[]): boolean;
  /** @throws what ends a wait */
  lock(of: AdvisoryFunction, key: readonly Value[]): Promise<void>;
  /** False, with a warning: the session has no such lock. */
  unlock(of: AdvisoryFunction, key: readonly Value[]): boolean;
  /** All that are the session's. */
  unlockAll(): void;
}

/** Rows already in memory, standing for a relation (an RTE of kind `rows`). */
export interface RowSource {
  /** Parallel to the RTE's columnTypes. */
  readonly rows: readonly Row[];
}

export interface ScanReport extends ScanStats {
  readonly table: string;
  readonly scope: string;
}

/** One execution of one plan. */
export interface ExecutionContext {
  readonly statement: StatementContext;
  readonly catalog: CatalogSnapshot;
  readonly storage: Storage;
  readonly transaction: StorageTransaction;
  readonly scans: ReadonlyMap<RangeTblEntry, ScanNode>;
  /** $n by n - 1, decoded, and their types. */
  readonly params: readonly Value[];
  readonly paramTypes: readonly number[];
  readonly sources: ReadonlyMap<string, RowSource>;
  /** Rows in hand that stand for a table: the new versions of rows that another transaction has changed. */
  /** How a row is read by its primary key, where it is to be locked as well; as StorageTransaction.lockKeySync. */
  readonly lockPoint?: (
    table: StoredTable,
    userId: string,
    key: readonly Value[],
  ) => StoredRow | undefined | 'unknown';
  readonly rowsInstead?: ReadonlyMap<RangeTblEntry, readonly StoredRow[]>;
  /** Aborted by cancel or a timeout: the executor throws the signal's reason (a PgError) soon. */
  readonly signal: AbortSignal;
  /** For EXPLAIN ANALYZE; one entry a scan. */
  readonly scanReports: ScanReport[] | undefined;
  /** The statement's text, to say where in it an undecodable literal stands. */
  readonly text: string;
}

/**
 * Runs the query and yields batches of rows; a row is parallel to the query's target list without its junk entries.
 * Batches are never empty and hold at most `batchRowsMax` rows. The consumer may stop early: return() must release all.
 */
export type RunSelect = (query: Query, context: ExecutionContext) => AsyncIterable<Row[]>;

export const batchRowsMax = 2048;
