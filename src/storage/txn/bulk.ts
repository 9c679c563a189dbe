import type { Engine } from '../engine.ts';
import { keyText, prefixEnd } from '../keys/buffer.ts';
import { Keyspace, bulkKey, indexPrefix, tablePrefix } from '../keys/keyspace.ts';
import { scopeLength } from '../keys/scope.ts';
import { encodeRecord } from '../records.ts';
import type { BulkRecord } from '../records.ts';
import { TupleFlag, sealTuple, tupleFlags, tupleSeq } from '../tuple/header.ts';
import {
  countRows,
  countRun,
  raiseMaxKeys,
  recheckMoved,
  recheckMovedRuns,
  validate,
  validateRuns,
} from './commit.ts';
import type { FreshRun } from './fresh-run.ts';
import type { OverlayIndexEntry, OverlayRow, TableOverlay } from './overlay.ts';
import { tableOverlay } from './overlay.ts';
import { awaitedPace } from './pace.ts';
import type { Pace } from './pace.ts';
import type { TransactionState } from './state.ts';
import { isDeleted } from './visibility.ts';

/**
 * Bulk transactions. A transaction's overlay would need memory for all its rows; past `spillBytes` the rows that are plain
 * inserts go to the hot store ahead of the commit, marked provisional under the transaction's bulk id. The commit writes
 * one record (id → seq) that makes them all visible; without it they are not there, and rollback or the next start removes
 * them.
 */
export const spillBytes = 8 * 1024 * 1024;
/** The same for runs, which have no objects to let go of but are written in one turn of the event loop. */
export const runSpillBytes = 4 * 1024 * 1024;
/** Spilled batches being written at a time. */
export const spillsInFlightMax = 2;

/** Spills when the overlay has grown too large. Errors as commit's. */
export async function spillIfLarge(state: TransactionState): Promise<void> {
  let bytes = 0;
  for (const overlay of state.overlays.values()) bytes += overlay.bytes;
  let runBytes = 0;
  for (const run of state.runs) runBytes += run.bytes;
  if (bytes < spillBytes && runBytes < runSpillBytes) return;
  while (state.spills.length >= spillsInFlightMax) await state.spills.shift();
  await state.engine.sequencer.room();
  const spilled: TableOverlay[] = [];
  for (const overlay of state.overlays.values()) {
    const part = takeInserts(overlay, spillable(state, overlay));
    if (part !== undefined) spilled.push(part);
  }
  const runs = state.runs.splice(0);
  if (spilled.length === 0 && runs.length === 0) return;
  await recheckMoved(state, spilled);
  await recheckMovedRuns(state, runs);
  state.spills.push(watched(submitSpill(state, spilled, runs)));
}

/**
 * Waits until what has been spilled is in the store. Reads do so before they fix their snapshot: a row that is on its way is
 * neither in the overlay nor in a snapshot.
 */
export async function settleSpills(state: TransactionState): Promise<void> {
  while (state.spills.length > 0) {
    await state.spills[0];
    void state.spills.shift();
  }
}

function watched(work: Promise<unknown>): Promise<unknown> {
  // Awaited by the next spill or the commit; until then a failure is no unhandled rejection.
  work.catch(() => undefined);
  return work;
}

function submitSpill(
  state: TransactionState,
  spilled: readonly TableOverlay[],
  runs: readonly FreshRun[],
): Promise<number> {
  const { engine } = state;
  const tables = [...spilled, ...runs].map(({ table }) => table);
  const states = [...new Set(tables)].map(({ tableId }) => engine.tableState(tableId));
  return engine.sequencer.submit({
    sync: true,
    // No row becomes visible, but others that have checked the same keys must check them again.
    takesSeq: true,
    provisional: true,
    validate: () => {
      validate(state, spilled);
      validateRuns(state, runs);
    },
    write(writer) {
      const bulkId = bulkOf(state);
      state.spilledTables ??= new Map();
      for (const table of tables) state.spilledTables.set(table.tableId, table);
      saveBulk(state, (key, value) => writer.put(key, value));
      for (const table of states) {
        table.accepted++;
        table.lastSpill = writer.seq;
      }
      for (const run of runs) {
        writer.putRun(run, bulkId);
        countRun(engine, run);
        // From here on its tuples tell whose they are.
        engine.tableState(run.table.tableId).openRuns.delete(run);
      }
      for (const overlay of spilled) {
        for (const row of overlay.rows.values()) {
          sealTuple(row.tuple!, bulkId, true);
          writer.put(row.key, row.tuple!);
        }
        raiseMaxKeys(engine.tableState(overlay.table.tableId), overlay);
        countRows(engine.tableState(overlay.table.tableId), overlay);
        for (const entry of overlay.index.values()) writer.put(entry.key, entry.tail!);
      }
      releaseSpilled(state, spilled);
    },
    written() {
      for (const table of states) table.settled++;
    },
  });
}

/** Rows and keys in the store tell by their bulk id whose they are: so many locks need not be kept. */
function releaseSpilled(
  { engine, owner, savepoints }: TransactionState,
  spilled: readonly TableOverlay[],
): void {
  const names = new Set<string>();
  for (const overlay of spilled) {
    for (const text of overlay.rows.keys()) names.add(text);
    for (const text of overlay.index.keys()) names.add(text);
  }
  engine.locks.releaseSince(owner, savepoints.at(-1)?.locks ?? 0, 'row', names);
}

/** The id under which the transaction spills now. */
function bulkOf(state: TransactionState): number {
  if (state.bulkId === 0) {
    const { engine } = state;
    state.bulkId = ++engine.counters.bulkId;
    state.bulkIds.push(state.bulkId);
    engine.bulkOwners.set(state.bulkId, state.owner);
  }
  return state.bulkId;
}

/** Rows that may be spilled: with a savepoint those that came after it, as a roll-back to it removes a whole bulk. */
function spillable(
  { undo, savepoints }: TransactionState,
  overlay: TableOverlay,
): ReadonlySet<string> | undefined {
  const last = savepoints.at(-1);
  if (undo === undefined || last === undefined) return undefined;
  const texts = new Set<string>();
  for (let i = last.undo; i < undo.length; i++) {
    const entry = undo[i]!;
    if (entry.kind === 'row' && entry.overlay === overlay && entry.before === undefined)
      texts.add(entry.text);
  }
  return texts;
}

function saveBulk(state: TransactionState, put: (key: Buffer, value: Buffer) => void): void {
  const record: BulkRecord = {
    tables: [...(state.spilledTables?.keys() ?? [])],
    indexes: [...state.spilledIndexes],
    committed: null,
  };
  state.engine.bulks.set(state.bulkId, record);
  put(bulkKey(state.bulkId), encodeRecord(record));
}

/** Writes entries of an index that nobody reads yet. */
export async function spillIndexEntries(
  state: TransactionState,
  tableId: number,
  indexId: number,
  entries: readonly OverlayIndexEntry[],
): Promise<void> {
  while (state.spills.length >= spillsInFlightMax) await state.spills.shift();
  await state.engine.sequencer.room();
  const work = state.engine.sequencer.submit({
    sync: true,
    takesSeq: false,
    write(writer) {
      bulkOf(state);
      if (!state.spilledIndexes.some(([, id]) => id === indexId))
        state.spilledIndexes.push([tableId, indexId]);
      saveBulk(state, (key, value) => writer.put(key, value));
      for (const entry of entries) writer.put(entry.key, entry.tail!);
    },
  });
  state.spills.push(watched(work));
}

/** Moves the rows that are plain inserts, with their index entries, out of the overlay. */
function takeInserts(
  overlay: TableOverlay,
  spillable: ReadonlySet<string> | undefined,
): TableOverlay | undefined {
  const part = tableOverlay(overlay.table);
  const rest = new Map<string, OverlayRow>();
  for (const [text, row] of overlay.rows) {
    const plain =
      row.tuple !== null &&
      (row.takenOver === true || (row.baseSeq === 0 && !isDeleted(row.tuple))) &&
      spillable?.has(text) !== false;
    (plain ? part.rows : rest).set(text, row);
  }
  if (part.rows.size === 0) return undefined;
  const restIndex = new Map<string, OverlayIndexEntry>();
  for (const [text, entry] of overlay.index) {
    const plain = entry.base === null && entry.tail !== null && part.rows.has(ownerText(entry));
    (plain ? part.index : restIndex).set(text, entry);
  }
  overlay.rows = rest;
  overlay.index = restIndex;
  overlay.sorted = undefined;
  overlay.bytes = 0;
  return part;
}

/** Start of an index entry's scope. */
const indexScopeAt = 9;

/** The full row key that an index entry leads to. */
export function ownerKey(entryKey: Buffer, tail: Buffer): Buffer {
  const scopeEnd = scopeLength(entryKey, indexScopeAt);
  return Buffer.concat([
    tablePrefix(Keyspace.rows, entryKey.readUInt32BE(1)),
    entryKey.subarray(indexScopeAt, scopeEnd),
    tail,
  ]);
}

function ownerText(entry: OverlayIndexEntry): string {
  return keyText(ownerKey(entry.key, entry.tail!));
}

/** Removes what an uncommitted bulk transaction has spilled; repeats safely. */
export async function removeBulk(engine: Engine, bulkId: number): Promise<void> {
  const record = engine.bulks.get(bulkId);
  if (record === undefined) return;
  const spilled = (tuple: Buffer | undefined): boolean =>
    tuple !== undefined &&
    (tupleFlags(tuple) & TupleFlag.provisional) !== 0 &&
    tupleSeq(tuple) === bulkId;
  for (const [tableId, indexId] of record.indexes)
    await removeWhere(engine, indexPrefix(tableId, indexId), () => true);
  for (const tableId of record.tables) {
    // Entries first: they are found by their rows.
    await removeWhere(engine, tablePrefix(Keyspace.index, tableId), (key, tail) =>
      spilled(engine.sequencer.latest(ownerKey(key, tail))),
    );
    await removeWhere(engine, tablePrefix(Keyspace.rows, tableId), (_, tuple) => spilled(tuple));
  }
  await engine.sequencer.submit({
    sync: true,
    takesSeq: false,
    write: (writer) => writer.delete(bulkKey(bulkId)),
  });
  engine.bulks.delete(bulkId);
}

/** Deletes the keys under a prefix that `condemned` names; see removeRange. */
export async function removeWhere(
  engine: Engine,
  prefix: Buffer,
  condemned: (key: Buffer, value: Buffer) => boolean,
  options: RemoveOptions = {},
): Promise<number> {
  return await removeRange(engine, prefix, prefixEnd(prefix), condemned, options);
}

export interface RemoveOptions {
  /** Nobody sees the keys' values any more: they may be seen until the store is without them. Saves memory. */
  readonly hidden?: boolean;
  /** Default: as for what somebody waits for. */
  readonly pace?: Pace;
}

/**
 * Deletes the keys of one table in a range that `condemned` names, a slice at a time. When the table has been written to
 * since the range was read, each is judged again by its latest value as its slice is accepted, so that what has changed
 * stays.
 */
export async function removeRange(
  engine: Engine,
  from: Buffer,
  to: Buffer,
  condemned: (key: Buffer, value: Buffer) => boolean,
  { hidden = false, pace = awaitedPace }: RemoveOptions = {},
): Promise<number> {
  const table = engine.tableState(from.readUInt32BE(1));
  const settled = table.accepted === table.settled;
  const { accepted } = table;
  const cursor = engine.store.scan({ from, to });
  let removed = 0;
  try {
    let ahead = cursor.next(pace.keys);
    for (;;) {
      const entries = await ahead;
      if (entries.length === 0) return removed;
      ahead = cursor.next(pace.keys);
      ahead.catch(() => undefined);
      const began = performance.now();
      const doomed = entries.filter(([key, value]) => condemned(key, value));
      let written: Promise<unknown> | undefined;
      if (doomed.length > 0)
        written = engine.sequencer.submit({
          sync: false,
          takesSeq: false,
          write(writer) {
            const unchanged = settled && table.accepted === accepted;
            for (const [key] of doomed) {
              if (!unchanged) {
                const value = engine.sequencer.latest(key);
                if (value === undefined || !condemned(key, value)) continue;
              }
              if (hidden) writer.deleteHidden(key);
              else writer.delete(key);
              removed++;
            }
          },
        });
      const took = performance.now() - began;
      await written;
      await pace.rest(took);
    }
  } finally {
    await cursor.close();
  }
}
