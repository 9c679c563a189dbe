import { PgError, SqlState } from '../../base/index.ts';
import { pgType } from '../../types/registry.ts';
import type { Row } from '../../types/value.ts';
import type { Engine } from '../engine.ts';
import { keyBuffer, keyText } from '../keys/buffer.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import type { KeyRange } from '../tiered/ranges.ts';
import { keyRanges } from '../tiered/ranges.ts';
import { tupleFlags, TupleFlag } from '../tuple/header.ts';
import type { ScanPredicate, Scope, StoredTable } from '../types.ts';
import type { FreshRun } from './fresh-run.ts';
import { overlayOfRun } from './fresh-run.ts';
import type { OverlayRow, TableOverlay } from './overlay.ts';
import { isDeleted } from './visibility.ts';

/**
 * Serializable transactions read at one snapshot and say what they have read: keys, and ranges with predicates. A commit that
 * has written is accepted only if nothing committed since its snapshot touches what it read, so that its reads hold at its
 * place in the order of commits (backward validation: Härder 1984, as in Silo and FoundationDB). What only reads is in order as of
 * its snapshot. Reads of rows that the predicates leave out are no reads; where a former version is unknown the answer is
 * "touched".
 */
export interface ReadSet {
  /** Commits above were not seen. Set when the transaction ends its reads. */
  seq: number;
  key(table: StoredTable, key: Buffer): void;
  scan(runtime: TableRuntime, scope: Scope, predicates: readonly ScanPredicate[]): void;
}

interface RangeRead {
  readonly range: KeyRange;
  readonly matches: ((row: Row) => boolean) | undefined;
}

interface TableReads {
  readonly keys: Set<string>;
  ranges: RangeRead[];
  /** Too much to remember: all of the table counts as read. */
  whole: boolean;
}

interface Reads extends ReadSet {
  readonly tables: Map<number, TableReads>;
  /** Commits up to this one had been written when it began. */
  readonly since: number;
}

/** What a commit has written, kept as long as a serializable transaction may have to compare with it. */
interface CommitRecord {
  readonly seq: number;
  readonly overlays: readonly TableOverlay[];
  readonly runs: readonly FreshRun[];
  /** Tables of which the rows are not known one by one. */
  readonly unlisted: readonly number[];
  /** Former versions by key text, if they were looked up: null when there was none. */
  readonly before: ReadonlyMap<string, Row | null> | undefined;
  readonly rows: number;
}

/** Kept by the engine. */
export interface CommitHistory {
  readonly active: Set<Reads>;
  records: CommitRecord[];
  rows: number;
  /** Records up to this seq have been given up. */
  lostUpTo: number;
}

/** Rows written that are remembered for all serializable transactions together. */
const historyRowsMax = 200_000;
/** Keys and ranges per table that a transaction remembers one by one. */
const readsMax = 10_000;

export function createHistory(): CommitHistory {
  return { active: new Set(), records: [], rows: 0, lostUpTo: 0 };
}

export function openReads(engine: Engine): ReadSet {
  const tables = new Map<number, TableReads>();
  const of = (tableId: number): TableReads => {
    let reads = tables.get(tableId);
    if (reads === undefined) {
      reads = { keys: new Set(), ranges: [], whole: false };
      tables.set(tableId, reads);
    }
    if (reads.keys.size + reads.ranges.length > readsMax) {
      reads.whole = true;
      reads.keys.clear();
      reads.ranges = [];
    }
    return reads;
  };
  const self: Reads = {
    tables,
    // Its snapshot will not be older: a commit that has its number and is being written may be missing from that.
    since: engine.sequencer.appliedSeq,
    seq: engine.sequencer.appliedSeq,
    key(table, key) {
      const reads = of(table.tableId);
      if (!reads.whole) reads.keys.add(keyText(key));
    },
    scan(runtime, scope, predicates) {
      const reads = of(runtime.table.tableId);
      if (reads.whole) return;
      const matches = rowTest(runtime.table, predicates);
      for (const range of keyRanges(runtime, scope, predicates))
        reads.ranges.push({ range, matches });
    },
  };
  engine.history.active.add(self);
  return self;
}

export function closeReads(engine: Engine, reads: ReadSet): void {
  engine.history.active.delete(reads as Reads);
  forgetOld(engine);
}

/** Notes what a commit writes, before it is written. */
export function recordCommit(
  engine: Engine,
  seq: number,
  overlays: readonly TableOverlay[],
  runs: readonly FreshRun[],
  unlisted: readonly number[],
): void {
  const { history } = engine;
  let rows = 0;
  for (const overlay of overlays) rows += overlay.rows.size;
  for (const run of runs) rows += run.count;
  const before = history.active.size === 0 ? undefined : formerVersions(engine, overlays);
  history.records.push({ seq, overlays, runs, unlisted, before, rows });
  history.rows += rows;
  while (history.rows > historyRowsMax && history.records.length > 1) dropFirst(history);
}

/** Called when commits have been written: those that nobody may ask for go. */
export function forgetOld(engine: Engine): void {
  const { history, sequencer } = engine;
  let least = sequencer.appliedSeq;
  for (const reads of history.active) if (reads.seq < least) least = reads.seq;
  while (history.records.length > 0 && history.records[0]!.seq <= least) dropFirst(history);
  // What was dropped was not lost: nobody needs it.
}

function dropFirst(history: CommitHistory): void {
  const record = history.records.shift()!;
  history.rows -= record.rows;
  history.lostUpTo = record.seq;
}

function formerVersions(
  engine: Engine,
  overlays: readonly TableOverlay[],
): Map<string, Row | null> {
  const before = new Map<string, Row | null>();
  for (const overlay of overlays) {
    const { codec } = engine.runtime(overlay.table);
    for (const [text, row] of overlay.rows) {
      if (row.baseSeq === 0) {
        before.set(text, null);
        continue;
      }
      const tuple = engine.sequencer.latest(row.key);
      if (tuple === undefined || (tupleFlags(tuple) & TupleFlag.provisional) !== 0) continue;
      before.set(text, isDeleted(tuple) ? null : codec.decode(tuple));
    }
  }
  return before;
}

/** @throws 40001 when what was read is no longer as it was read */
export function validateReads(engine: Engine, set: ReadSet): void {
  const reads = set as Reads;
  if (reads.tables.size === 0) return;
  const { history } = engine;
  if (reads.seq < history.lostUpTo) throw readConflict();
  for (const record of history.records) {
    if (record.seq > reads.seq && touches(engine, record, reads)) throw readConflict();
  }
}

function touches(engine: Engine, record: CommitRecord, { tables }: Reads): boolean {
  if (record.unlisted.some((tableId) => tables.has(tableId))) return true;
  for (const overlay of record.overlays) {
    const reads = tables.get(overlay.table.tableId);
    if (reads !== undefined && overlayTouches(engine, overlay, record.before, reads)) return true;
  }
  for (const run of record.runs) {
    const reads = tables.get(run.table.tableId);
    if (reads !== undefined && overlayTouches(engine, overlayOfRun(run), undefined, reads))
      return true;
  }
  return false;
}

function overlayTouches(
  engine: Engine,
  overlay: TableOverlay,
  before: CommitRecord['before'],
  reads: TableReads,
): boolean {
  if (overlay.truncatedAll || overlay.truncatedScopes.size > 0) return true;
  if (reads.whole) return overlay.rows.size > 0;
  const { codec } = engine.runtime(overlay.table);
  for (const [text, row] of overlay.rows) {
    if (reads.keys.has(text)) return true;
    let now: Row | null | undefined;
    for (const { range, matches } of reads.ranges) {
      if (row.key.compare(range.from) < 0 || row.key.compare(range.to) >= 0) continue;
      if (matches === undefined) return true;
      const former = formerOf(row, text, before);
      if (former === undefined || (former !== null && matches(former))) return true;
      now ??= row.tuple === null || isDeleted(row.tuple) ? null : codec.decode(row.tuple);
      if (now !== null && matches(now)) return true;
    }
  }
  return false;
}

/** Null: there was no row. Undefined: not known. */
function formerOf(
  row: OverlayRow,
  text: string,
  before: CommitRecord['before'],
): Row | null | undefined {
  return row.baseSeq === 0 ? null : before?.get(text);
}

/** Whether a row may be one that the predicates are true of; undefined: every row may. */
function rowTest(
  table: StoredTable,
  predicates: readonly ScanPredicate[],
): ((row: Row) => boolean) | undefined {
  const tests: ((row: Row) => boolean)[] = [];
  for (const { columnId, op, values } of predicates) {
    const position = table.columns.findIndex((column) => column.id === columnId);
    const encodeKey = pgType(table.columns[position]?.typeOid ?? 0)?.encodeKey;
    if (encodeKey === undefined) continue;
    const writer = keyBuffer();
    const encode = (value: NonNullable<Row[number]>): Buffer => {
      writer.reset();
      encodeKey(writer, value);
      return writer.take();
    };
    const bounds = values.filter((value) => value !== null).map(encode);
    tests.push((row) => {
      const value = row[position] ?? null;
      if (value === null) return false;
      const own = encode(value);
      return bounds.some((bound) => holds(op, own.compare(bound)));
    });
  }
  return tests.length === 0 ? undefined : (row) => tests.every((test) => test(row));
}

function holds(op: ScanPredicate['op'], order: number): boolean {
  switch (op) {
    case '=':
    case 'in':
      return order === 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

function readConflict(): PgError {
  return new PgError(
    SqlState.serializationFailure,
    'could not serialize access due to read/write dependencies among transactions',
    {
      detail: 'Reason code: Canceled on commit attempt, since what was read has been changed.',
      hint: 'The transaction might succeed if retried.',
    },
  );
}
