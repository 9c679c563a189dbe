import { PgError, SqlState, assert } from '../base/index.ts';
import type { TransactionStatus } from '../protocol/index.ts';
import type { DdlTransaction } from '../catalog/catalog.ts';
import type { CatalogSnapshot } from '../catalog/types.ts';
import type { Backend, LockOwner } from '../locks/index.ts';
import type { StorageTransaction } from '../storage/types.ts';
import type { Statement, TransactionOptions } from '../sql/index.ts';
import { uniqueViolation } from '../executor/dml/violations.ts';
import { UniqueConflictError } from '../storage/index.ts';
import type { Characteristics } from './characteristics.ts';
import {
  changedCharacteristics,
  defaultCharacteristics,
  isolationLevel,
} from './characteristics.ts';
import type { Engine } from './engine.ts';
import type { SavepointStack } from './savepoints.ts';
import { createSavepoints } from './savepoints.ts';
import type { SettingsStore } from './settings.ts';

/** Something of the session that a savepoint takes back and a transaction's end ends: cursors, deferred checks. */
export interface Participant {
  /** Where it stands now. */
  mark(): unknown;
  /** Back to where it stood. */
  rollbackTo(mark: unknown): void | Promise<void>;
  /** Work that belongs to the transaction's last moment: deferred constraints. It may still write, and fail. */
  beforeCommit?: (() => void | Promise<void> | undefined) | undefined;
  /** beforeCommit is to run even when nothing was written. */
  readonly pending?: boolean;
  /** The transaction has ended. */
  ended?(committed: boolean): void;
}

/**
 * A session's transaction. `implicit` is a lone statement's (or a pipeline's up to Sync, or a multi-statement query's);
 * `block` is BEGIN's. In step with PostgreSQL's xact.c.
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
  /** Set while this transaction has DDL open. */
  readonly ddl: DdlTransaction | undefined;
  readonly readOnly: boolean;
  readonly characteristics: Characteristics;
  /** Holds the transaction's locks, all given back at its end. */
  readonly owner: LockOwner;
  /** The storage transaction with the statement's snapshot, begun if need be. */
  statement(): StorageTransaction;
  /** Runs before the first statement of a transaction: starts the implicit one. */
  start(): void;
  beginBlock(): void;
  /** BEGIN's options, SET TRANSACTION. @throws 25001 when it is too late */
  setCharacteristics(options: TransactionOptions): void;
  /** A statement takes a snapshot: it is too late for SET TRANSACTION. */
  takesSnapshot(): void;
  /** Takes the catalog lock, once. */
  openDdl(): Promise<DdlTransaction>;
  /** Commits what is open, if anything. Undefined when there was nothing to wait for. */
  commit(sync: boolean): Promise<void> | undefined;
  /** A sequence has been moved: its new position must be on disk when the transaction is acknowledged. */
  usedSequence(): void;
  rollback(): Promise<void> | undefined;
  /**
   * After an error: a block waits for its ROLLBACK or ROLLBACK TO, what was done since its last savepoint being undone; an
   * implicit transaction is rolled back at once.
   */
  fail(): Promise<void> | undefined;
  readonly savepoints: SavepointStack;
  join(participant: Participant): void;
}

export function createTransaction(
  engine: Engine,
  settings: SettingsStore,
  backend: Backend,
): SessionTransaction {
  let state: 'none' | 'implicit' | 'block' | 'failed' = 'none';
  let storage: StorageTransaction | undefined;
  let ddl: DdlTransaction | undefined;
  let owner: LockOwner | undefined;
  let startTime = 0n;
  let characteristics = defaultCharacteristics(settings);
  let queried = false;
  let sequencesUsed = false;
  const participants: Participant[] = [];

  const ownerNow = (): LockOwner => (owner ??= engine.storage.locks.owner(backend));

  const storageNow = (): StorageTransaction => {
    storage ??= engine.storage.begin({
      owner: ownerNow(),
      isolation: isolationLevel(characteristics.isolation),
    });
    return storage;
  };

  const start = (): void => {
    if (state !== 'none') return;
    state = 'implicit';
    characteristics = defaultCharacteristics(settings);
    queried = false;
    startTime = engine.clock.now();
    settings.beginTransaction();
  };

  const finish = (committed: boolean): void => {
    if (state !== 'none') engine.activity[committed ? 'commits' : 'rollbacks']++;
    state = 'none';
    storage = undefined;
    ddl = undefined;
    sequencesUsed = false;
    savepoints.clear();
    const held = owner;
    owner = undefined;
    held?.releaseAll();
    for (const participant of participants) participant.ended?.(committed);
  };

  /** Undoes everything at once, locks given back. */
  const undo = async (): Promise<void> => {
    const open = storage;
    const openDdl = ddl;
    storage = undefined;
    ddl = undefined;
    try {
      await open?.rollback();
    } finally {
      try {
        await openDdl?.rolledBack();
      } finally {
        owner?.releaseAll();
      }
    }
  };

  const rollback = (): Promise<void> | undefined => {
    const idle = storage === undefined && ddl === undefined;
    settings.rollback();
    if (idle) {
      finish(false);
      return undefined;
    }
    return undo().finally(() => finish(false));
  };

  const commitAll = async (sync: boolean): Promise<void> => {
    let openDdl: DdlTransaction | undefined;
    try {
      for (const participant of participants) await participant.beforeCommit?.();
      openDdl = ddl;
      if (openDdl !== undefined) await openDdl.prepare(storageNow());
      await storage?.commit({ sync: sync || openDdl !== undefined });
    } catch (error) {
      settings.rollback();
      const open = storage;
      storage = undefined;
      // A failed commit has ended it; a failed check before it has not.
      if (open !== undefined && !open.ended) await open.rollback();
      const failedDdl = ddl;
      ddl = undefined;
      await failedDdl?.rolledBack();
      finish(false);
      throw commitError(error);
    }
    settings.commit();
    try {
      await openDdl?.committed();
    } finally {
      finish(true);
    }
    openDdl?.cleanUp();
  };

  /** 23505 for a key that another transaction's commit has taken meanwhile. */
  const commitError = (error: unknown): unknown => {
    if (!(error instanceof UniqueConflictError)) return error;
    const { tableId } = error.table;
    const table = engine.catalog.current.tables.find((one) => one.stored.tableId === tableId);
    if (table === undefined) return error;
    const { index, existing } = error.conflict;
    return uniqueViolation(table, index, existing.values, settings.types);
  };

  const savepoints = createSavepoints({
    settings,
    participants,
    storage: storageNow,
    ddl: () => ddl,
    /** DDL that was opened after the savepoint goes as a whole. */
    dropDdl: async () => {
      const open = ddl;
      ddl = undefined;
      await open?.rolledBack();
    },
    restored: () => {
      state = 'block';
    },
    characteristics: {
      get: () => characteristics,
      set: (value) => {
        characteristics = value;
      },
    },
  });

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
    get owner() {
      return ownerNow();
    },
    get readOnly() {
      return characteristics.readOnly;
    },
    get characteristics() {
      return state === 'none' ? defaultCharacteristics(settings) : characteristics;
    },
    savepoints,
    join: (participant) => void participants.push(participant),
    start,
    statement: () => {
      assert(state === 'implicit' || state === 'block', 'a transaction is open');
      const open = storageNow();
      open.newStatement();
      return open;
    },
    beginBlock: () => {
      start();
      state = 'block';
    },
    setCharacteristics: (options) => {
      const inSubtransaction = savepoints.depth > 0;
      characteristics = changedCharacteristics(characteristics, options, {
        queried,
        inSubtransaction,
      });
    },
    takesSnapshot: () => {
      queried = true;
    },
    openDdl: async () => {
      ddl ??= await engine.catalog.beginDdl(ownerNow());
      return ddl;
    },
    usedSequence: () => {
      sequencesUsed = true;
    },
    commit: (sync) => {
      const checks = participants.some((participant) => participant.beforeCommit !== undefined);
      if (storage?.hasWrites === true || ddl !== undefined) return commitAll(sync);
      if (participants.some((participant) => participant.pending === true)) return commitAll(sync);
      if (checks && storage !== undefined && state === 'block') return commitAll(sync);
      // Read only: nothing to wait for but the release of the snapshot, and sequences that were moved.
      const open = storage;
      const persisting = sequencesUsed && sync ? engine.storage.persistSequences() : undefined;
      settings.commit();
      open?.release();
      finish(true);
      return persisting;
    },
    rollback,
    fail: () => {
      if (state === 'block') {
        state = 'failed';
        if (savepoints.depth > 0) return savepoints.failed();
        // Let go of locks and rows at once; only the status waits for ROLLBACK.
        if (storage !== undefined || ddl !== undefined) return undo();
        owner?.releaseAll();
        return undefined;
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
