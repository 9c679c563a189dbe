/** What a transaction's DDL has made of the catalog: an immutable value, so that a savepoint is one kept. */
import type { Expr } from '../analyzer/tree.ts';
import type { StoredIndex } from '../storage/types.ts';
import { encodeTable } from './codec.ts';
import type { DecodedTable } from './codec.ts';
import type { DdlRequest } from './catalog.ts';
import { changesEnum, relabelled, renamedLabels } from './enum-changes.ts';
import type { RenamedLabels } from './enum-changes.ts';
import { refuseForeignKeys } from './foreign-keys.ts';
import type { Records } from './join.ts';
import { virtualsOf } from './join.ts';
import type { JournalEntry } from './level-records.ts';
import { sameSequence, sequenceOf } from './mirror-sequences.ts';
import type { Names } from './names.ts';
import type { MirrorRelation, MirrorRelations, ReadRelation } from './read-mirror.ts';
import type { ReconcileContext } from './reconcile.ts';
import { catalogTable, reconcileTable } from './reconcile.ts';
import { refuseUnsupported } from './refuse.ts';
import { withNewId } from './rewrite-rows.ts';
import { catalogSnapshot } from './snapshot.ts';
import { inTablespace, renamedTablespaces, tablespacesOf } from './tablespace-records.ts';
import type { CatalogSequence, CatalogSnapshot, CatalogTable } from './types.ts';

export interface DdlState {
  /** Which BEGIN of the mirror the OIDs are of: a replay gives new objects others. */
  readonly generation: number;
  readonly relations: MirrorRelations;
  /** OIDs of earlier BEGINs, and of now. */
  readonly formerRelids: ReadonlyMap<number, number>;
  readonly names: Names;
  readonly snapshot: CatalogSnapshot;
  readonly records: Records;
  /** The transaction's statements so far, to be run again. */
  readonly entries: readonly JournalEntry[];
  /** Tables that were there and are not, the transaction's own among them. */
  readonly dropped: readonly CatalogTable[];
  /** Changes of sequences made in storage so far; see the transaction's list of undo steps. */
  readonly sequenceSteps: number;
}

/** A table that was there before the statement and has been changed by it. */
export interface TableChange {
  readonly before: CatalogTable;
  readonly after: CatalogTable;
  /** Indexes that existing rows are not in yet. */
  readonly newIndexes: readonly StoredIndex[];
  readonly needsEmptyTable: string | undefined;
  /** Labels of enums that have another name now, by the column's position. */
  readonly relabelled?: ReadonlyMap<number, ReadonlyMap<string, string>> | undefined;
}

/** A sequence made (`before` undefined) or altered. */
export interface SequenceChange {
  readonly before: CatalogSequence | undefined;
  readonly after: CatalogSequence;
}

export interface StatementEffect {
  readonly state: DdlState;
  readonly changed: readonly TableChange[];
  readonly dropped: readonly CatalogTable[];
  readonly sequences: readonly SequenceChange[];
}

export interface EffectInput extends ReconcileContext {
  readonly before: DdlState;
  readonly request: DdlRequest;
  /** What the mirror holds after the statement. */
  readonly relations: MirrorRelations;
  readonly names: Names;
  /** For the snapshot. */
  readonly version: number;
  readonly readExpr: (nodeTree: string) => Expr;
}

/**
 * The catalog after a statement that the mirror has run.
 * @throws 0A000, 42501 for what PostgreSQL accepted and pgtide does not hold; 22023 for options of ours
 */
export function effectOf(input: EffectInput): StatementEffect {
  const { before, request, relations, names, version } = input;
  const tables: CatalogTable[] = [];
  const sequences: CatalogSequence[] = [];
  const tableRecords = new Map(before.records.tables);
  const sequenceRecords = new Map(before.records.sequences);
  const tablespaceRecords = renamedTablespaces(before, relations);
  const changed: TableChange[] = [];
  const sequenceChanges: SequenceChange[] = [];
  const renamed = renamedLabels(before.names.enums, names.enums);
  for (const read of relations.values()) {
    const { relation } = read;
    if (before.snapshot.virtual(relation.relid) !== undefined) continue;
    if (before.relations.get(relation.relid) !== read) refuseUnsupported(relation);
    if (relation.kind === 'S') {
      const known = before.snapshot.sequence(relation.relid);
      const after = sequenceOf(relation, known?.sequenceId ?? input.nextId());
      sequences.push(after);
      const { sequenceId, namespace, name } = after;
      if (known?.name !== name || known.namespace !== namespace) {
        sequenceRecords.set(sequenceId, { sequenceId, namespace, name });
      }
      if (known === undefined || !sameSequence(known, after)) {
        sequenceChanges.push({ before: known, after });
      }
    } else if (relation.kind === 'r') {
      const change = tableAfter(input, read, renamed);
      tables.push(change.after);
      if (change.record !== undefined) tableRecords.set(change.after.stored.tableId, change.record);
      if (change.before !== undefined && change.before !== change.after) {
        changed.push({ ...change, before: change.before });
      }
    }
  }
  const live = new Set(tables.map((table) => table.stored.tableId));
  const dropped = before.snapshot.tables.filter((table) => !live.has(table.stored.tableId));
  for (const table of dropped) tableRecords.delete(table.stored.tableId);
  const liveSequences = new Set(sequences.map((sequence) => sequence.sequenceId));
  for (const id of sequenceRecords.keys()) {
    if (!liveSequences.has(id)) sequenceRecords.delete(id);
  }
  const snapshot = catalogSnapshot({
    version,
    tables,
    sequences,
    virtuals: virtualsOf(relations),
    tablespaces: tablespacesOf(relations, tablespaceRecords),
    names,
    formerRelids: before.formerRelids,
  });
  refuseForeignKeys(snapshot.tables);
  const state: DdlState = {
    ...before,
    relations,
    names,
    snapshot,
    records: {
      tables: tableRecords,
      sequences: sequenceRecords,
      tablespaces: tablespaceRecords,
    },
    entries: [...before.entries, { sql: request.sql, settings: [...request.settings] }],
    dropped: [...before.dropped, ...dropped],
    sequenceSteps: before.sequenceSteps + sequenceChanges.length,
  };
  return { state, changed, dropped, sequences: sequenceChanges };
}

interface TableAfter extends Omit<TableChange, 'before'> {
  readonly before: CatalogTable | undefined;
  /** undefined: as it was. */
  readonly record: DecodedTable | undefined;
}

function tableAfter(
  input: EffectInput,
  { relation }: ReadRelation,
  renamed: RenamedLabels,
): TableAfter {
  const { before, request } = input;
  const known = before.snapshot.table(relation.relid);
  const former = known === undefined ? undefined : before.records.tables.get(known.stored.tableId);
  const given = optionsGiven(request, relation, former);
  const same = before.relations.get(relation.relid)?.relation === relation;
  const renames = known === undefined ? undefined : relabelled(relation, renamed);
  if (known !== undefined && same && given === undefined && renames === undefined) {
    const unchanged = { newIndexes: [], needsEmptyTable: undefined, record: undefined };
    // What has been planned for the table may hold a former label: another table, then, though nothing of it has changed.
    const table = renamed.size === 0 ? known : Object.freeze({ ...known });
    return { before: table, after: table, ...unchanged };
  }
  const reconciled = inTablespace(
    reconcileTable(relation, former, given, input),
    before.snapshot.tablespaces.find(({ oid }) => oid === relation.tablespace)?.tablespaceId,
  );
  const rewrites =
    reconciled.rewritesRows ||
    (known !== undefined && known.stored.tableId === request.computesRowsOf) ||
    renames !== undefined ||
    changesEnum(former && before.relations.get(relation.relid)?.relation, relation) ||
    recomputes(before.relations.get(relation.relid)?.relation, relation);
  // Rows that are others, or elsewhere: the table goes on under a storage id of its own.
  const result = rewrites ? withNewId(reconciled, input.nextId()) : reconciled;
  const { newIndexes, needsEmptyTable, options, schemas } = result;
  const decoded = { stored: result.stored, options, schemas };
  const kept = former !== undefined && sameRecord(former, decoded);
  return {
    before: known,
    after: catalogTable(relation, kept ? former : decoded, input.readExpr),
    newIndexes,
    needsEmptyTable,
    relabelled: renames,
    record: kept ? undefined : decoded,
  };
}

/** ALTER COLUMN … SET EXPRESSION: stored values that are computed otherwise now. */
function recomputes(before: MirrorRelation | undefined, after: MirrorRelation): boolean {
  return after.columns.some((column) => {
    const former = before?.columns.find(({ attnum }) => attnum === column.attnum);
    if (former?.generated !== 's' || column.generated !== 's') return false;
    return former.default !== column.default;
  });
}

/** Options of ours for a table that the statement has made or named; undefined: the former ones stay. */
function optionsGiven(
  { tableOptions, alters }: DdlRequest,
  relation: { readonly namespace: string; readonly name: string },
  former: DecodedTable | undefined,
): ReadonlyMap<string, string> | undefined {
  if (tableOptions === undefined) return undefined;
  if (former === undefined) return tableOptions;
  const altered = alters?.namespace === relation.namespace && alters.name === relation.name;
  return altered ? tableOptions : undefined;
}

function sameRecord(left: DecodedTable, right: DecodedTable): boolean {
  return Buffer.from(encodeTable(left)).equals(encodeTable(right));
}

/** Entries that differ between two of the maps, values compared by identity; undefined: gone. */
export function differences<V>(
  from: ReadonlyMap<number, V>,
  to: ReadonlyMap<number, V>,
): [id: number, value: V | undefined][] {
  const found: [number, V | undefined][] = [];
  for (const [id, value] of to) if (from.get(id) !== value) found.push([id, value]);
  for (const id of from.keys()) if (!to.has(id)) found.push([id, undefined]);
  return found;
}
