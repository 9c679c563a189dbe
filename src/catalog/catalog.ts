import type { Clock, RandomBytes, Report } from '../base/index.ts';
import { PgError, SqlState, systemRandom } from '../base/index.ts';
import type { Expr } from '../analyzer/tree.ts';
import type { LockManager, LockOwner } from '../locks/index.ts';
import { exclusive } from '../locks/index.ts';
import type {
  DroppedTable,
  Storage,
  StorageTransaction,
  StoredTable,
  TableKind,
} from '../storage/types.ts';
import type { DecodedTable } from './codec.ts';
import { decodeTable } from './codec.ts';
import type { CatalogCore, CommittedCatalog } from './core.ts';
import { createDdlTransaction } from './ddl-transaction.ts';
import type { Records } from './join.ts';
import { joinRelations } from './join.ts';
import type {
  CatalogLog,
  CatalogState,
  JournalEntry,
  SequenceRecord,
  TablespaceRecord,
} from './level-records.ts';
import { journalPrefix, loadState } from './level-records.ts';
import type { MirrorConnection } from './mirror.ts';
import { fillMirror, mirrorFits } from './mirror-contents.ts';
import type { MirrorWait } from './mirror-turns.ts';
import { createMirrorTurns } from './mirror-turns.ts';
import { readNames } from './names.ts';
import { readRelations } from './read-mirror.ts';
import { hideFormerPasswords } from './role-passwords.ts';
import type { MirrorSetup } from './setup.ts';
import type { TablespaceRequest } from './tablespaces.ts';
import { changeTablespaces } from './tablespaces.ts';
import type { CatalogSnapshot } from './types.ts';
import type { RowValidator } from './validate.ts';

export type { JournalEntry } from './level-records.ts';
export type { MirrorWait } from './mirror-turns.ts';

export interface DdlRequest {
  /** In PostgreSQL's grammar: our words and options already taken out. */
  readonly sql: string;
  readonly settings: ReadonlyMap<string, string>;
  /** All options of ours that the table made or altered is to have. */
  readonly tableOptions?: ReadonlyMap<string, string>;
  /** ALTER TABLE … SET: the table that the options are for. */
  readonly alters?: { readonly namespace: string; readonly name: string };
  /** DROP USER TABLE a, b: the kind named, and what it must fit. */
  readonly dropKind?: { readonly kind: TableKind; readonly tableIds: readonly number[] };
  /** Tables that have been locked as the statement demands; others that it changes are locked ACCESS EXCLUSIVE. */
  readonly lockedTables: ReadonlySet<number>;
  /** ALTER TABLE ALL … NOWAIT: tables that it changes are not waited for. */
  readonly noWait?: boolean;
  /** False: what it changes needs no lock (a role's name). */
  readonly locksTables: boolean;
  /** The id of a table whose rows get values that the statement computes (ALTER COLUMN … TYPE … USING). */
  readonly computesRowsOf?: number | undefined;
}

export interface DdlResult {
  readonly tag: string;
  readonly notices: readonly Report[];
}

/** A point in a transaction's DDL. */
export interface DdlMark {
  readonly snapshot: CatalogSnapshot;
}

/**
 * One transaction's DDL, whose lock owner holds the catalog lock. Others see nothing of it, and use the mirror in between:
 * OIDs of what the transaction has made may therefore change from one hold to the next.
 */
export interface DdlTransaction {
  /** The catalog as this transaction sees it. */
  readonly snapshot: CatalogSnapshot;
  /**
   * Runs `work` while the mirror shows the transaction's catalog; OIDs stay what they are. Must not wait for locks. May be nested.
   * @throws 55P03 after lock_timeout, 40001 when the catalog can't be made again
   */
  hold<T>(work: () => Promise<T>): Promise<T>;
  /** A statement that fails leaves what was before it. @throws PostgreSQL's errors, as hold and LockManager.acquire */
  run(
    request: DdlRequest,
    transaction: StorageTransaction,
    validate: RowValidator,
  ): Promise<DdlResult>;
  /** What takes back a change made beside the catalog (a sequence's position), run at rollback. */
  undoWith(step: () => void): void;
  savepoint(): DdlMark;
  rollbackTo(mark: DdlMark): Promise<void>;
  /** Puts the new catalog among the transaction's writes; call right before its commit. */
  prepare(transaction: StorageTransaction): Promise<void>;
  /** After the storage commit: the mirror follows and everyone sees the new version. */
  committed(): Promise<void>;
  /** After that, when the transaction's locks are given back: starts to remove what dropped tables leave behind. */
  cleanUp(): void;
  rolledBack(): Promise<void>;
}

export interface CatalogOptions {
  readonly storage: Storage;
  readonly locks: LockManager;
  readonly clock: Clock;
  /** For salts; default: the system's. */
  readonly random?: RandomBytes;
  readonly mirror: MirrorConnection;
  readonly setup: MirrorSetup;
  readonly log: CatalogLog;
  readonly readExpr: (nodeTree: string) => Expr;
  /** The mirror was made just now and is empty. */
  readonly mirrorIsNew: boolean;
  /** Throws the mirror away and starts an empty one. */
  readonly recreateMirror: () => Promise<void>;
  /** Lets nobody ask the mirror any more until all is opened again, which this brings about. */
  readonly giveUpMirror: (error: Error) => void;
  /**
   * Puts the removal of what a dropped table leaves behind among the transaction's writes; returns what starts it once that is
   * committed.
   */
  readonly recordDrop: (
    transaction: StorageTransaction,
    table: DroppedTable,
    owner: string,
  ) => () => void;
  /** The same for the move of a table's files to the tablespace that it has been given. */
  readonly recordMove: (
    transaction: StorageTransaction,
    table: StoredTable,
    owner: string,
  ) => () => void;
}

export interface Catalog {
  readonly current: CatalogSnapshot;
  /**
   * Runs `read` (analysis, catalog queries) while the mirror shows the committed catalog. A moment's wait at most: it must not
   * wait for locks itself. @throws 55P03 after lock_timeout, the signal's reason
   */
  shared<T>(read: () => Promise<T>, wait?: MirrorWait): Promise<T>;
  /** Takes the catalog lock for the owner, until it releases it. @throws as LockManager.acquire */
  beginDdl(owner: LockOwner): Promise<DdlTransaction>;
  /**
   * CREATE and DROP TABLESPACE, which are transactions of their own. Takes the catalog lock for the owner.
   * @throws PostgreSQL's errors, those of Locations.make, 55006 for a tablespace that is used; as beginDdl
   */
  tablespace(request: TablespaceRequest, owner: LockOwner): Promise<DdlResult>;
  /** Everything that must run on an empty PGlite to make it a mirror: for the fallback instance. */
  script(): Promise<readonly JournalEntry[]>;
  /** Called after each committed DDL with its statements. */
  onChange(listener: (entries: readonly JournalEntry[]) => void): void;
}

/** Versions of one epoch stay below this. */
const epochStride = 2 ** 32;

/** The one lock of its space. */
const catalogLock = 'ddl';

async function loadRecords(storage: Storage): Promise<Records> {
  const tables = new Map<number, DecodedTable>();
  for (const [, bytes] of await storage.meta('catalog/table/')) {
    const table = decodeTable(bytes);
    tables.set(table.stored.tableId, table);
  }
  const sequences = new Map<number, SequenceRecord>();
  for (const [, bytes] of await storage.meta('catalog/sequence/')) {
    const record = JSON.parse(Buffer.from(bytes).toString()) as SequenceRecord;
    sequences.set(record.sequenceId, record);
  }
  const tablespaces = new Map<number, TablespaceRecord>();
  for (const [, bytes] of await storage.meta('catalog/tablespace/')) {
    const record = JSON.parse(Buffer.from(bytes).toString()) as TablespaceRecord;
    tablespaces.set(record.tablespaceId, record);
  }
  return { tables, sequences, tablespaces };
}

/** Not that of a statement which was not done: what it follows may stand in Level. */
function mirrorLost(cause: Error): PgError {
  return new PgError(
    SqlState.connectionFailure,
    'terminating connection because the mirror of the catalog could not be made anew',
    {
      severity: 'FATAL',
      detail: `The transaction may have been committed or not: ${cause.message}.`,
      hint: 'In a moment you should be able to reconnect to the database and look.',
    },
  );
}

/** Opens the catalog: reuses the mirror when its stamp fits Level's version, rebuilds it otherwise. */
export async function openCatalog(options: CatalogOptions): Promise<Catalog> {
  const { storage, mirror, setup, locks, clock } = options;
  const found = await loadState(storage);
  const opened = await hideFormerPasswords(storage, found, options.random ?? systemRandom);
  const journal = async (): Promise<JournalEntry[]> =>
    (await storage.meta(journalPrefix)).map(
      ([, bytes]) => JSON.parse(Buffer.from(bytes).toString()) as JournalEntry,
    );
  // A mirror from before the passwords had their verifiers has others.
  const fits =
    !options.mirrorIsNew && opened === found && (await mirrorFits(mirror, setup, opened.version));
  if (!fits) {
    if (!options.mirrorIsNew) await options.recreateMirror();
    await fillMirror(mirror, setup, await journal(), opened.version);
  }
  /** Counts rebuilds of the mirror while running: OIDs are others after each, so plans must not survive it. */
  let epoch = 0;
  const versionOf = (state: CatalogState): number => state.version + epoch * epochStride;

  const load = async (state: CatalogState, records: Records): Promise<CommittedCatalog> => {
    const relations = await readRelations(mirror);
    const names = await readNames(mirror);
    const version = versionOf(state);
    const { readExpr } = options;
    const snapshot = joinRelations({ relations, records, names, version, readExpr });
    return { state, records, relations, names, snapshot };
  };

  const records = await loadRecords(storage);
  let committed: CommittedCatalog;
  try {
    committed = await load(opened, records);
  } catch (error) {
    // Just filled, it says what Level says. One that was found may be damaged: it is a cache.
    if (!fits) throw error;
    options.log.warn({ err: error }, 'the mirror does not fit the catalog and is made anew');
    await options.recreateMirror();
    await fillMirror(mirror, setup, await journal(), opened.version);
    committed = await load(opened, records);
  }

  const turns = createMirrorTurns(clock);
  const listeners: ((entries: readonly JournalEntry[]) => void)[] = [];
  const core: CatalogCore = {
    ...options,
    turns,
    committed,
    nextId: opened.nextId,
    generations: 0,
    privateVersions: 0,
    versionOf,
    rebuild: async (state, records) => {
      try {
        await options.recreateMirror();
        epoch++;
        await fillMirror(mirror, setup, await journal(), state.version);
        core.committed = await load(state, records);
      } catch (error) {
        // Neither the mirror nor the catalog in memory says what Level does: nobody may ask them again.
        const cause = error instanceof Error ? error : new Error(String(error));
        options.giveUpMirror(cause);
        throw mirrorLost(cause);
      }
    },
    changed: (entries) => {
      for (const listener of listeners) listener(entries);
    },
  };

  // A sequence goes after the commit that drops it, and may come before the one that makes it: a crash leaves those that are no one's.
  const known = new Set(core.committed.snapshot.sequences.map(({ sequenceId }) => sequenceId));
  for (const id of storage.sequences.ids()) if (!known.has(id)) storage.sequences.drop(id);
  // A transaction that altered a sequence may have been lost in a crash after another's commit took the sequence along.
  for (const sequence of core.committed.snapshot.sequences) {
    storage.sequences.alter(sequence.sequenceId, sequence);
  }

  return {
    get current() {
      return core.committed.snapshot;
    },
    shared: (read, wait) => turns.committed(read, wait),
    beginDdl: async (owner) => {
      await locks.acquire(owner, 'catalog', catalogLock, exclusive);
      return createDdlTransaction(core, owner);
    },
    tablespace: async (request, owner) => {
      await locks.acquire(owner, 'catalog', catalogLock, exclusive);
      return changeTablespaces(core, request, owner);
    },
    script: async () => [
      ...setup.statements.map((sql) => ({ sql, settings: [] })),
      ...(await journal()),
    ],
    onChange: (listener) => void listeners.push(listener),
  };
}
