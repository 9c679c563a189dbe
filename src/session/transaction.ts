import { PgError, SqlState, assert } from '../base/index.ts';
import type { TransactionStatus } from '../protocol/index.ts';
import type { DdlTransaction } from '../catalog/catalog.ts';
import type { CatalogSnapshot } from '../catalog/types.ts';
import type { StorageTransaction } from '../storage/types.ts';
import type { Statement } from '../sql/index.ts';
import { uniqueViolation } from '../executor/dml/violations.ts';
import { UniqueConflictError } from '../storage/index.ts';
import type { Engine } from './engine.ts';
import { UniqueRace } from './race.ts';
import type { SettingsStore } from './settings.ts';

/**
 * A session's transaction. `implicit` is a lone statement's (or a pipeline's up to Sync, or a multi-statement query's);
 * `block` is BEGIN's. In step with PostgreSQL's xact.c, less savepoints.
 */
export interface SessionTransaction {
  readonly status: TransactionStatus;
  readonly inBlock: boolean;
  readonly active: boolean;
  /** Something would be lost by ROLLBACK. */
  readonly hasChanges: boolean;
  /** Microseconds since 2000-01-01 UTC: now(). */
  readonly startTime: bigint;
  /** The catalog as this session sees it. */
  readonly catalog: CatalogSnapshot;
  /** Set while this transaction has DDL open: the session then has the mirror for itself. */
  readonly ddl: DdlTransaction | undefined;
  /** The storage transaction with a fresh statement snapshot, begun if need be. */
  statement(): StorageTransaction;
  /** Runs before the first statement of a transaction: starts the implicit one. */
  start(): void;
  beginBlock(readOnly: boolean): void;
  /** SET TRANSACTION READ ONLY. */
  readOnly: boolean;
  /** Takes the catalog lock, once. */
  openDdl(signal: AbortSignal): Promise<DdlTransaction>;
  /** Commits what is open, if anything. Undefined when there was nothing to wait for. */
  commit(sync: boolean): Promise<void> | undefined;
  /** A sequence has been moved: its new position must be on disk when the transaction is acknowledged. */
  usedSequence(): void;
  rollback(): Promise<void> | undefined;
  /** After an error: a block waits for its ROLLBACK, an implicit transaction is rolled back at once. */
  fail(): Promise<void> | undefined;
}

export function createTransaction(engine: Engine, settings: SettingsStore): SessionTransaction {
  let state: 'none' | 'implicit' | 'block' | 'failed' = 'none';
  let storage: StorageTransaction | undefined;
  let ddl: DdlTransaction | undefined;
  let startTime = 0n;
  let readOnly = false;
  let sequencesUsed = false;

  const start = (): void => {
    if (state !== 'none') return;
    state = 'implicit';
    readOnly = settings.get('default_transaction_read_only') === 'on';
    startTime = engine.clock.now();
    settings.beginTransaction();
  };

  const finish = (): void => {
    state = 'none';
    storage = undefined;
    ddl = undefined;
    sequencesUsed = false;
  };

  const undo = async (): Promise<void> => {
    const open = storage;
    const openDdl = ddl;
    storage = undefined;
    ddl = undefined;
    try {
      await open?.rollback();
    } finally {
      await openDdl?.rolledBack();
    }
  };

  const rollback = (): Promise<void> | undefined => {
    const idle = storage === undefined && ddl === undefined;
    settings.rollback();
    if (idle) {
      finish();
      return undefined;
    }
    return undo().finally(finish);
  };

  const commitAll = async (sync: boolean): Promise<void> => {
    const open = storage;
    const openDdl = ddl;
    try {
      if (openDdl !== undefined) {
        assert(open !== undefined, 'DDL runs inside a storage transaction');
        await openDdl.prepare(open);
      }
      await open?.commit({ sync: sync || openDdl !== undefined });
    } catch (error) {
      settings.rollback();
      storage = undefined;
      ddl = undefined;
      await openDdl?.rolledBack();
      finish();
      throw commitError(error);
    }
    settings.commit();
    finish();
    await openDdl?.committed();
  };

  /** 23505 for a key that another transaction's commit has taken meanwhile. */
  const commitError = (error: unknown): unknown => {
    if (!(error instanceof UniqueConflictError)) return error;
    const { tableId } = error.table;
    const table = engine.catalog.current.tables.find((one) => one.stored.tableId === tableId);
    if (table === undefined) return error;
    const { index, existing } = error.conflict;
    const { code, message, ...fields } = uniqueViolation(
      table,
      index,
      existing.values,
      settings.types,
    ).report;
    return new UniqueRace(code, message, fields);
  };

  return {
    get status() {
      return state === 'failed' ? 'E' : state === 'block' ? 'T' : 'I';
    },
    get hasChanges() {
      return ddl !== undefined || storage?.hasWrites === true;
    },
    get inBlock() {
      return state === 'block' || state === 'failed';
    },
    get active() {
      return state !== 'none';
    },
    get startTime() {
      return startTime;
    },
    get catalog() {
      return ddl?.snapshot ?? engine.catalog.current;
    },
    get ddl() {
      return ddl;
    },
    start,
    statement: () => {
      assert(state === 'implicit' || state === 'block', 'a transaction is open');
      storage ??= engine.storage.begin();
      storage.newStatement();
      return storage;
    },
    beginBlock: (asReadOnly) => {
      start();
      state = 'block';
      readOnly = asReadOnly;
    },
    get readOnly() {
      return readOnly;
    },
    set readOnly(value) {
      readOnly = value;
    },
    openDdl: async (signal) => {
      ddl ??= await engine.catalog.beginDdl(signal);
      return ddl;
    },
    usedSequence: () => {
      sequencesUsed = true;
    },
    commit: (sync) => {
      if (storage?.hasWrites === true || ddl !== undefined) return commitAll(sync);
      // Read only: nothing to wait for but the release of the snapshot, and sequences that were moved.
      const open = storage;
      const persisting = sequencesUsed && sync ? engine.storage.persistSequences() : undefined;
      settings.commit();
      finish();
      open?.release();
      return persisting;
    },
    rollback,
    fail: () => {
      if (state === 'block') {
        state = 'failed';
        // Let go of locks and rows at once; only the status waits for ROLLBACK.
        return storage === undefined && ddl === undefined ? undefined : undo();
      }
      return state === 'failed' ? undefined : rollback();
    },
  };
}

export function inFailedTransaction(): PgError {
  return new PgError(
    SqlState.inFailedSqlTransaction,
    'current transaction is aborted, commands ignored until end of transaction block',
  );
}

/** What a read-only transaction may not run. */
export function refuseWrites(statement: Statement): void {
  const writes =
    (statement.class === 'query' && statement.modifies) ||
    statement.class === 'ddl' ||
    statement.class === 'tide' ||
    statement.kind === 'copyFrom';
  if (!writes) return;
  throw new PgError(
    SqlState.readOnlySqlTransaction,
    `cannot execute ${statement.tag} in a read-only transaction`,
  );
}
