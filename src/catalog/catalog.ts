import { PgError, SqlState, assert } from '../base/index.ts';
import type { Report } from '../base/index.ts';
import type { Expr } from '../analyzer/tree.ts';
import type { Storage, StorageTransaction, StoredTable, TableKind } from '../storage/types.ts';
import { sharedScope } from '../storage/types.ts';
import type { DecodedTable } from './codec.ts';
import { decodeTable, encodeTable } from './codec.ts';
import type { CatalogLog, JournalEntry, SequenceRecord } from './level-records.ts';
import { droppedTables, finishDrop, keys, loadState } from './level-records.ts';
import { rewriteRows, withNewId } from './rewrite-rows.ts';
import { sameSequence, sequenceOf } from './mirror-sequences.ts';
import { refuseForeignKeys } from './foreign-keys.ts';
import { createMutex } from './mutex.ts';
import type { MirrorConnection } from './mirror.ts';
import { readNames } from './names.ts';
import type { MirrorRelation } from './read-mirror.ts';
import { readRelationsSql } from './read-mirror.ts';
import { catalogTable, reconcileTable, requireKind } from './reconcile.ts';
import { refuseUnsupported } from './refuse.ts';
import { requireReservedIntact } from './reserved.ts';
import type { MirrorSetup } from './setup.ts';
import { catalogSnapshot } from './snapshot.ts';
import type { CatalogSequence, CatalogSnapshot, CatalogTable, VirtualRelation } from './types.ts';
import { validateRows } from './validate.ts';
import type { RowValidator } from './validate.ts';

export type { JournalEntry } from './level-records.ts';

export interface DdlRequest {
  /** In PostgreSQL's grammar: our words and options already taken out. */
  readonly sql: string;
  readonly settings: ReadonlyMap<string, string>;
  /** Ours, as written in WITH (…) or SET (…); for the table that the statement creates or alters. */
  readonly tableOptions?: ReadonlyMap<string, string>;
  /** ALTER TABLE … SET: the options go over the former ones. */
  readonly alters?: { readonly namespace: string; readonly name: string };
  /** DROP USER TABLE a, b: the kind named, and what it must fit. */
  readonly dropKind?: { readonly kind: TableKind; readonly relids: readonly number[] };
}

export interface DdlResult {
  readonly tag: string;
  readonly notices: readonly Report[];
}

/** One transaction's DDL: holds the catalog lock from begin to the end of the transaction. */
export interface DdlTransaction {
  /** The catalog as this transaction sees it. */
  readonly snapshot: CatalogSnapshot;
  run(
    request: DdlRequest,
    transaction: StorageTransaction,
    validate: RowValidator,
  ): Promise<DdlResult>;
  /** Puts the new catalog among the transaction's writes; call right before its commit. */
  prepare(transaction: StorageTransaction): Promise<void>;
  /** After the storage commit: the mirror follows and everyone sees the new version. */
  committed(): Promise<void>;
  rolledBack(): Promise<void>;
}

export interface CatalogOptions {
  readonly storage: Storage;
  readonly mirror: MirrorConnection;
  readonly setup: MirrorSetup;
  readonly log: CatalogLog;
  readonly readExpr: (nodeTree: string) => Expr;
  /** The mirror was made just now and is empty. */
  readonly mirrorIsNew: boolean;
  /** Throws the mirror away and starts an empty one. */
  readonly recreateMirror: () => Promise<void>;
}

export interface Catalog {
  readonly current: CatalogSnapshot;
  /** Waits until no other transaction holds DDL open, then runs `read` (analysis, catalog queries) before the next may. */
  shared<T>(read: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  beginDdl(signal: AbortSignal): Promise<DdlTransaction>;
  /** Everything that must run on an empty PGlite to make it a mirror: for the fallback instance. */
  script(): Promise<readonly JournalEntry[]>;
  /** Called after each committed DDL with its statements. */
  onChange(listener: (entries: readonly JournalEntry[]) => void): void;
}

/** Versions of one epoch stay below this. */
const epochStride = 2 ** 32;

const noSettings: ReadonlyMap<string, string> = new Map();

/** Opens the catalog: reuses the mirror when its stamp fits Level's version, rebuilds it otherwise. */
export async function openCatalog(options: CatalogOptions): Promise<Catalog> {
  const { storage, mirror, setup } = options;
  let state = await loadState(storage);
  const stored = new Map<number, DecodedTable>();
  for (const [, bytes] of await storage.meta('catalog/table/')) {
    const table = decodeTable(bytes);
    stored.set(table.stored.tableId, table);
  }
  const journal = async (): Promise<JournalEntry[]> =>
    (await storage.meta('catalog/journal/')).map(
      ([, bytes]) => JSON.parse(Buffer.from(bytes).toString()) as JournalEntry,
    );

  const stamp = setup.fingerprint;
  /** Counts rebuilds of the mirror while running: OIDs are others after each, so plans must not survive it. */
  let epoch = 0;
  const fillMirror = async (): Promise<void> => {
    for (const statement of setup.statements) await mirror.exec(statement, noSettings);
    for (const entry of await journal()) await mirror.exec(entry.sql, new Map(entry.settings));
    await mirror.exec(stampSql(stamp, state.version), noSettings);
  };
  const fits = !options.mirrorIsNew && (await mirrorFits(mirror, stamp, state.version));
  if (!fits) {
    if (!options.mirrorIsNew) await options.recreateMirror();
    await fillMirror();
  }
  const snapshotVersion = (): number => state.version + epoch * epochStride;

  const lock = createMutex();
  let uncommittedVersions = 0;
  const listeners: ((entries: readonly JournalEntry[]) => void)[] = [];
  let sequenceRecords = new Map<number, SequenceRecord>();
  for (const [, bytes] of await storage.meta('catalog/sequence/')) {
    const record = JSON.parse(Buffer.from(bytes).toString()) as SequenceRecord;
    sequenceRecords.set(record.sequenceId, record);
  }
  let names = await readNames(mirror);
  let current = await load();

  async function relations(): Promise<MirrorRelation[]> {
    const [row] = await mirror.rows(readRelationsSql);
    return JSON.parse(row?.[0] ?? '[]') as MirrorRelation[];
  }

  function virtualsOf(all: readonly MirrorRelation[]): VirtualRelation[] {
    return all
      .filter((relation) => relation.namespace === 'system')
      .map((relation) => ({
        relid: relation.relid,
        name: relation.name,
        columns: relation.columns.map((column) => ({
          name: column.name,
          typeOid: column.type,
          typmod: column.typmod,
        })),
      }));
  }

  /** Joins Level's records to the mirror's relations by name. */
  async function load(): Promise<CatalogSnapshot> {
    const all = await relations();
    const byName = new Map(
      [...stored.values()].map((t) => [`${t.stored.namespace}\0${t.stored.name}`, t]),
    );
    const tables: CatalogTable[] = [];
    const sequences: CatalogSequence[] = [];
    const sequenceByName = new Map(
      [...sequenceRecords.values()].map((s) => [`${s.namespace}\0${s.name}`, s]),
    );
    for (const relation of all) {
      if (relation.namespace === 'system') continue;
      const name = `${relation.namespace}\0${relation.name}`;
      if (relation.kind === 'r') {
        const table = byName.get(name);
        assert(table !== undefined, `the mirror has table ${relation.name}, Level has not`);
        tables.push(catalogTable(relation, table.stored, table.options, options.readExpr));
      } else if (relation.kind === 'S') {
        const record = sequenceByName.get(name);
        assert(record !== undefined, `the mirror has sequence ${relation.name}, Level has not`);
        sequences.push(sequenceOf(relation, record.sequenceId));
      }
    }
    return catalogSnapshot({
      version: snapshotVersion(),
      tables,
      sequences,
      virtuals: virtualsOf(all),
      names,
    });
  }

  async function beginDdl(signal: AbortSignal): Promise<DdlTransaction> {
    const release = await lock.exclusive(signal);
    let snapshot = current;
    let nextState = state;
    let nextNames = names;
    const entries: JournalEntry[] = [];
    const former = new Map(stored);
    const sequencesNow = new Map(sequenceRecords);
    const droppedTables: StoredTable[] = [];
    const changedTables = new Map<number, DecodedTable | undefined>();
    const changedSequences = new Map<number, SequenceRecord | undefined>();
    const undo: (() => void)[] = [];
    try {
      await mirror.exec('begin', noSettings);
    } catch (error) {
      release();
      throw error;
    }
    const nextId = (): number => {
      const id = nextState.nextId;
      nextState = { ...nextState, nextId: id + 1 };
      return id;
    };

    const requireTransaction = (): void => {
      if (mirror.inTransaction()) return;
      throw new PgError(
        SqlState.serializationFailure,
        'the analyzer was restarted while the transaction changed the catalog',
        {
          hint: 'Run the transaction again.',
        },
      );
    };

    const run: DdlTransaction['run'] = async (request, transaction, validate) => {
      requireTransaction();
      if (request.dropKind !== undefined) {
        for (const relid of request.dropKind.relids) {
          const table = snapshot.table(relid);
          if (table !== undefined) requireKind(table.stored, request.dropKind.kind);
        }
      }
      const { tag, notices } = await mirror.exec(request.sql, request.settings);
      const all = await relations();
      await requireReservedIntact(mirror, snapshot.virtuals, all);
      const before = new Map(snapshot.tables.map((table) => [table.relid, table]));
      const sequencesBefore = new Map(snapshot.sequences.map((s) => [s.relid, s]));
      const tables: CatalogTable[] = [];
      const sequences: CatalogSequence[] = [];
      let optionsUsed = request.tableOptions === undefined || request.tableOptions.size === 0;
      for (const relation of all) {
        if (snapshot.virtual(relation.relid) !== undefined) continue;
        refuseUnsupported(relation);
        if (relation.kind === 'S') {
          const known = sequencesBefore.get(relation.relid);
          const sequenceId = known?.sequenceId ?? nextId();
          const sequence = sequenceOf(relation, sequenceId);
          sequences.push(sequence);
          if (
            known === undefined ||
            known.name !== sequence.name ||
            known.namespace !== sequence.namespace
          ) {
            const record = { sequenceId, namespace: relation.namespace, name: relation.name };
            sequencesNow.set(sequenceId, record);
            changedSequences.set(sequenceId, record);
          }
          if (known === undefined) {
            storage.sequences.create(sequenceId, sequence);
            undo.push(() => storage.sequences.drop(sequenceId));
          } else if (!sameSequence(known, sequence)) {
            storage.sequences.alter(sequenceId, sequence);
            undo.push(() => storage.sequences.alter(sequenceId, known));
          }
          continue;
        }
        if (relation.kind !== 'r') continue;
        const known = before.get(relation.relid);
        const formerTable = known === undefined ? undefined : former.get(known.stored.tableId);
        const altered =
          request.alters?.namespace === relation.namespace && request.alters.name === relation.name;
        let given: ReadonlyMap<string, string> | undefined;
        if (request.tableOptions !== undefined && (known === undefined || altered)) {
          given =
            known === undefined
              ? request.tableOptions
              : new Map([...(formerTable?.options ?? []), ...request.tableOptions]);
          optionsUsed = true;
        }
        const reconciled = reconcileTable(relation, formerTable, given, nextId);
        const filled =
          known !== undefined &&
          (reconciled.rewritesRows || reconciled.needsEmptyTable !== undefined) &&
          (await hasRows(transaction, known.stored));
        const rewrites = filled && reconciled.rewritesRows;
        const result = rewrites ? withNewId(reconciled, nextId()) : reconciled;
        const table = catalogTable(relation, result.stored, result.options, options.readExpr);
        tables.push(table);
        const decoded = { stored: result.stored, options: result.options };
        if (formerTable === undefined || !sameRecord(formerTable, decoded)) {
          changedTables.set(result.stored.tableId, decoded);
          former.set(result.stored.tableId, decoded);
        }
        if (known === undefined) continue;
        if (result.needsEmptyTable !== undefined && filled) {
          throw new PgError(
            SqlState.featureNotSupported,
            `${result.needsEmptyTable} of a table that has rows is not supported`,
            { table: relation.name },
          );
        }
        if (rewrites) {
          await rewriteRows(storage, transaction, known, table, validate);
          await validateRows(known, table, transaction, validate, table.stored.primaryKey);
          continue;
        }
        for (const index of result.newIndexes) {
          const conflict = await storage.buildIndex(transaction, table.stored, index);
          if (conflict !== undefined)
            throw validate.uniqueViolation(table, index, conflict.existing);
        }
        await validateRows(known, table, transaction, validate);
      }
      refuseForeignKeys(tables);
      // Options are only reached by a table that was made or altered now; IF NOT EXISTS over an existing one uses none.
      assert(optionsUsed || tag.startsWith('CREATE TABLE'), 'table options reached a table');
      const live = new Set(tables.map((table) => table.stored.tableId));
      for (const [tableId, table] of former) {
        if (live.has(tableId)) continue;
        former.delete(tableId);
        changedTables.set(tableId, undefined);
        droppedTables.push(table.stored);
      }
      const liveSequences = new Set(sequences.map((sequence) => sequence.sequenceId));
      for (const sequenceId of sequencesNow.keys()) {
        if (liveSequences.has(sequenceId)) continue;
        sequencesNow.delete(sequenceId);
        changedSequences.set(sequenceId, undefined);
      }
      entries.push({ sql: request.sql, settings: [...request.settings] });
      nextNames = await readNames(mirror, names);
      snapshot = catalogSnapshot({
        // A version of its own, never to be confused with a committed one: plans made in the transaction die with it.
        version: snapshotVersion() + ++uncommittedVersions / 2 ** 20,
        tables,
        sequences,
        virtuals: virtualsOf(all),
        names: nextNames,
      });
      return { tag, notices };
    };

    return {
      get snapshot() {
        return snapshot;
      },
      run,
      prepare: async (transaction) => {
        requireTransaction();
        nextState = {
          ...nextState,
          version: state.version + 1,
          nextJournal: state.nextJournal + entries.length,
        };
        entries.forEach((entry, i) => {
          transaction.putMeta(
            keys.journal(state.nextJournal + i),
            Buffer.from(JSON.stringify(entry)),
          );
        });
        for (const [tableId, table] of changedTables) {
          transaction.putMeta(
            keys.table(tableId),
            table === undefined ? undefined : encodeTable(table.stored, table.options),
          );
        }
        for (const [sequenceId, record] of changedSequences) {
          transaction.putMeta(
            keys.sequence(sequenceId),
            record === undefined ? undefined : Buffer.from(JSON.stringify(record)),
          );
        }
        for (const table of droppedTables) {
          const { tableId, namespace, name, kind } = table;
          transaction.putMeta(
            keys.drop(tableId),
            Buffer.from(JSON.stringify({ tableId, namespace, name, kind })),
          );
        }
        transaction.putMeta(keys.state, Buffer.from(JSON.stringify(nextState)));
        await mirror.exec(stampSql(stamp, nextState.version), noSettings);
      },
      committed: async () => {
        state = nextState;
        names = nextNames;
        stored.clear();
        for (const [id, table] of former) stored.set(id, table);
        for (const id of sequenceRecords.keys()) {
          if (!sequencesNow.has(id)) storage.sequences.drop(id);
        }
        sequenceRecords = sequencesNow;
        try {
          requireTransaction();
          await mirror.exec('commit', noSettings);
          current = catalogSnapshot({
            version: snapshotVersion(),
            tables: snapshot.tables,
            sequences: snapshot.sequences,
            virtuals: snapshot.virtuals,
            names,
          });
        } catch {
          // The commit stands in Level; a mirror that could not follow is made anew from there.
          await options.recreateMirror();
          epoch++;
          await fillMirror();
          names = await readNames(mirror);
          current = await load();
        } finally {
          release();
        }
        for (const listener of listeners) listener(entries);
        for (const table of droppedTables) await finishDrop(storage, table, options.log);
      },
      rolledBack: async () => {
        for (const step of undo.toReversed()) step();
        try {
          await mirror.exec('rollback', noSettings);
        } finally {
          release();
        }
      },
    };
  }

  for (const table of await droppedTables(storage)) await finishDrop(storage, table, options.log);

  return {
    get current() {
      return current;
    },
    shared: (read, signal) => lock.shared(read, signal),
    beginDdl,
    script: async () => [
      ...setup.statements.map((sql) => ({ sql, settings: [] })),
      ...(await journal()),
    ],
    onChange: (listener) => void listeners.push(listener),
  };
}

function stampSql(stamp: string, version: number): string {
  return `update tide.mirror_stamp set version = ${version}; comment on table tide.mirror_stamp is '${stamp}'`;
}

async function mirrorFits(
  mirror: MirrorConnection,
  stamp: string,
  version: number,
): Promise<boolean> {
  try {
    const [row] = await mirror.rows(
      `select version::text, obj_description('tide.mirror_stamp'::regclass) from tide.mirror_stamp`,
    );
    return row?.[0] === String(version) && row[1] === stamp;
  } catch {
    return false;
  }
}

async function hasRows(transaction: StorageTransaction, table: StoredTable): Promise<boolean> {
  const scope = table.kind === 'user' ? ({ kind: 'all' } as const) : sharedScope;
  for await (const rows of transaction.scan(table, { scope, includeDeleted: true, limit: 1 })) {
    if (rows.length > 0) return true;
  }
  return false;
}

function sameRecord(left: DecodedTable, right: DecodedTable): boolean {
  return Buffer.from(encodeTable(left.stored, left.options)).equals(
    encodeTable(right.stored, right.options),
  );
}
