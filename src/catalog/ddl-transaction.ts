import { PgError, SqlState } from '../base/index.ts';
import type { LockOwner } from '../locks/index.ts';
import { tableModes } from '../locks/index.ts';
import type { StorageTransaction, StoredTable } from '../storage/types.ts';
import { sharedScope } from '../storage/types.ts';
import { addedDefaults } from './added-defaults.ts';
import type { DdlMark, DdlRequest, DdlTransaction } from './catalog.ts';
import { encodeTable } from './codec.ts';
import type { CatalogCore } from './core.ts';
import { takeId } from './core.ts';
import type {
  DdlState,
  EffectInput,
  SequenceChange,
  StatementEffect,
  TableChange,
} from './ddl-state.ts';
import { differences, effectOf } from './ddl-state.ts';
import type { CatalogState } from './level-records.ts';
import { keys } from './level-records.ts';
import { noSettings, stampSql } from './mirror-contents.ts';
import { readNames } from './names.ts';
import { createTransactionView } from './private-view.ts';
import { readRelations } from './read-mirror.ts';
import { requireKind } from './reconcile.ts';
import { requireReservedIntact } from './reserved.ts';
import { rewriteRows } from './rewrite-rows.ts';
import { catalogSnapshot } from './snapshot.ts';
import type { RowValidator } from './validate.ts';
import { validateRows } from './validate.ts';

/** DDL of the owner's transaction, which holds the catalog lock. */
export function createDdlTransaction(core: CatalogCore, owner: LockOwner): DdlTransaction {
  const { mirror, storage, locks, clock } = core;
  const { committed } = core;
  let state: DdlState = {
    ...committed,
    generation: 0,
    formerRelids: new Map(),
    entries: [],
    dropped: [],
    sequenceSteps: 0,
  };
  /** How to take back what has been done to sequences, whose state is not the transaction's. */
  const undoSequences: (() => void)[] = [];
  /** Numbers of statements that a savepoint stands before. */
  const marks = new Set<number>();
  let nextState: CatalogState | undefined;
  let cleanUps: readonly (() => void)[] = [];
  const view = createTransactionView(core, {
    wait: owner.backend,
    state: () => state,
    rejoined: (joined) => {
      state = joined;
    },
  });

  function changeSequence({ before, after }: SequenceChange): void {
    const { sequences } = storage;
    const { sequenceId } = after;
    if (before === undefined) {
      sequences.create(sequenceId, after);
      undoSequences.push(() => sequences.drop(sequenceId));
    } else {
      sequences.alter(sequenceId, after);
      undoSequences.push(() => sequences.alter(sequenceId, before));
    }
  }

  async function goBack(to: DdlState): Promise<void> {
    for (const step of undoSequences.splice(to.sequenceSteps).toReversed()) step();
    await view.undo(to);
    state = to;
  }

  /** The mirror's part of a statement. */
  async function execute(
    request: DdlRequest,
    validate: RowValidator,
    started: (before: DdlState) => void,
  ): Promise<StatementEffect & Awaited<ReturnType<typeof mirror.exec>>> {
    const before = state;
    for (const tableId of request.dropKind?.tableIds ?? []) {
      const table = before.records.tables.get(tableId);
      if (table !== undefined) requireKind(table.stored, request.dropKind!.kind);
    }
    const apart = await view.startStatement(marks);
    started(before);
    const startMs = clock.monotonicMs();
    const { tag, notices } = await mirror.exec(request.sql, request.settings);
    view.ran(clock.monotonicMs() - startMs);
    const relations = await readRelations(mirror, before.relations, apart);
    await requireReservedIntact(mirror, before.snapshot.virtuals, relations);
    const input: EffectInput = {
      before,
      request,
      relations,
      names: await readNames(mirror, core.committed.names),
      version: -++core.privateVersions,
      nextId: () => takeId(core),
      now: clock.now(),
      readExpr: core.readExpr,
    };
    let effect = effectOf(input);
    const missingValues = await addedDefaults(effect.changed, validate);
    if (missingValues.size > 0) effect = effectOf({ ...input, missingValues });
    state = effect.state;
    effect.sequences.forEach(changeSequence);
    return { ...effect, tag, notices };
  }

  /** Tables that the statement turned out to change, beside those that it names. */
  async function lockChanged(
    { changed, dropped }: StatementEffect,
    { lockedTables: lockedBefore, noWait }: DdlRequest,
  ): Promise<boolean> {
    let waited = false;
    for (const { stored } of [...changed.map((change) => change.before), ...dropped]) {
      const { tableId } = stored;
      if (lockedBefore.has(tableId) || !committed.records.tables.has(tableId)) continue;
      const mode = tableModes.accessExclusive;
      if (locks.tryAcquire(owner, 'relation', tableId, mode)) continue;
      if (noWait === true) throw notAvailable(stored);
      waited = true;
      await locks.acquire(owner, 'relation', tableId, mode);
    }
    return waited;
  }

  async function checkRows(
    { before, after, newIndexes, needsEmptyTable, relabelled }: TableChange,
    transaction: StorageTransaction,
    validate: RowValidator,
  ): Promise<void> {
    if (needsEmptyTable !== undefined && (await hasRows(transaction, before.stored))) {
      throw new PgError(
        SqlState.featureNotSupported,
        `${needsEmptyTable} of a table that has rows is not supported`,
        { table: after.stored.name },
      );
    }
    if (before.stored.tableId !== after.stored.tableId) {
      if (await hasRows(transaction, before.stored)) {
        await rewriteRows(storage, transaction, before, after, validate, relabelled);
      }
      return;
    }
    for (const index of newIndexes) {
      const conflict = await storage.buildIndex(transaction, after.stored, index);
      if (conflict !== undefined) throw validate.uniqueViolation(after, index, conflict.existing);
    }
    await validateRows(before, after, transaction, validate);
  }

  return {
    get snapshot() {
      return state.snapshot;
    },
    hold: view.hold,
    run: async (request, transaction, validate) => {
      let before: DdlState | undefined;
      try {
        const effect = await view.hold(() =>
          execute(request, validate, (from) => {
            before = from;
          }),
        );
        const { tag, notices } = effect;
        if (request.locksTables && (await lockChanged(effect, request))) {
          transaction.newStatement();
        }
        // All rows, also those that a transaction of one snapshot does not see.
        await transaction.newest(async () => {
          for (const change of effect.changed) await checkRows(change, transaction, validate);
        });
        return { tag, notices };
      } catch (error) {
        if (before !== undefined) await goBack(before);
        throw error;
      }
    },
    undoWith: (step) => {
      undoSequences.push(step);
      state = { ...state, sequenceSteps: state.sequenceSteps + 1 };
    },
    savepoint: () => {
      marks.add(state.entries.length);
      return state as DdlState & DdlMark;
    },
    rollbackTo: async (mark) => {
      const to = mark as DdlState & DdlMark;
      // The same statements: only OIDs may differ, and those of now are the mirror's.
      if (to.entries === state.entries) {
        for (const step of undoSequences.splice(to.sequenceSteps).toReversed()) step();
        state = { ...state, sequenceSteps: to.sequenceSteps };
      } else {
        await goBack(to);
      }
    },
    prepare: async (transaction) => {
      const { entries, records } = state;
      if (entries.length === 0) return;
      await view.keep();
      try {
        const former = committed.state;
        const next: CatalogState = {
          ...former,
          version: former.version + 1,
          nextId: core.nextId,
          nextJournal: former.nextJournal + entries.length,
        };
        const put = (key: string, value: unknown): void =>
          transaction.putMeta(
            key,
            value === undefined ? undefined : Buffer.from(JSON.stringify(value)),
          );
        entries.forEach((entry, i) => put(keys.journal(former.nextJournal + i), entry));
        for (const [id, table] of differences(committed.records.tables, records.tables)) {
          const encoded = table && encodeTable(table);
          transaction.putMeta(keys.table(id), encoded);
        }
        for (const [id, record] of differences(committed.records.sequences, records.sequences)) {
          put(keys.sequence(id), record);
        }
        for (const [id, record] of differences(
          committed.records.tablespaces,
          records.tablespaces,
        )) {
          put(keys.tablespace(id), record);
        }
        const moves = state.snapshot.tables.flatMap(({ stored, owner: role }) => {
          const before = committed.records.tables.get(stored.tableId)?.stored;
          if (before === undefined || before.tablespaceId === stored.tablespaceId) return [];
          return [core.recordMove(transaction, stored, role)];
        });
        const drops = [];
        for (const { relid, stored, owner: role } of state.dropped) {
          // One that goes on under another id may have had no rows.
          const goesOn = state.snapshot.table(relid) !== undefined;
          if (goesOn && !(await storage.hasTraces(transaction, stored))) continue;
          drops.push(core.recordDrop(transaction, stored, role));
        }
        cleanUps = [...drops, ...moves];
        put(keys.state, next);
        await mirror.exec(stampSql(core.setup, next.version), noSettings);
        nextState = next;
      } catch (error) {
        view.leave();
        throw error;
      }
    },
    committed: async () => {
      if (nextState === undefined) return view.close();
      const { records, relations, names, snapshot, formerRelids } = state;
      try {
        for (const [id, record] of differences(committed.records.sequences, records.sequences)) {
          if (record === undefined) storage.sequences.drop(id);
        }
        let follows = true;
        try {
          await mirror.exec('commit', noSettings);
        } catch {
          follows = false;
        }
        core.committed = {
          state: nextState,
          records,
          relations,
          names,
          snapshot: catalogSnapshot({
            version: core.versionOf(nextState),
            tables: snapshot.tables,
            sequences: snapshot.sequences,
            virtuals: snapshot.virtuals,
            tablespaces: snapshot.tablespaces,
            names,
            formerRelids,
          }),
        };
        // The commit stands in Level; a mirror that could not follow is made anew from there.
        if (!follows) await core.rebuild(nextState, records);
        view.committed();
      } finally {
        view.leave();
      }
      core.changed(state.entries);
    },
    cleanUp: () => {
      for (const start of cleanUps) start();
    },
    rolledBack: async () => {
      for (const step of undoSequences.splice(0).toReversed()) step();
      await view.close();
      if (nextState !== undefined) view.leave();
    },
  };
}

/** tablecmds.c, AlterTableMoveAll. */
function notAvailable({ namespace, name }: StoredTable): PgError {
  return new PgError(
    SqlState.objectInUse,
    `aborting because lock on relation "${namespace}.${name}" is not available`,
  );
}

async function hasRows(transaction: StorageTransaction, table: StoredTable): Promise<boolean> {
  const scope = table.kind === 'user' ? ({ kind: 'all' } as const) : sharedScope;
  for await (const rows of transaction.scan(table, { scope, includeDeleted: true, limit: 1 })) {
    if (rows.length > 0) return true;
  }
  return false;
}
