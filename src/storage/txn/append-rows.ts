import type { Row } from '../../types/value.ts';
import type { TableState } from '../engine.ts';
import type { KeyBuffer } from '../keys/buffer.ts';
import { keyText } from '../keys/buffer.ts';
import { tablePrefixBytes } from '../keys/keyspace.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { scopeText } from './commit.ts';
import { appendToRun, freshRun, lastKey } from './fresh-run.ts';
import type { FreshRun } from './fresh-run.ts';
import { addRunToOverlay, findInRun } from './fresh-run.ts';
import { claimMask } from './locking.ts';
import { isTruncated } from './overlay.ts';
import type { TransactionState } from './state.ts';
import { overlayOf } from './state.ts';

/** Rows appended between two looks at their size. */
const rowsPerCall = 4096;

/**
 * Appends rows from `from` on to a run, as long as their keys rise above every key of the scope; `loadMaxKey` has been awaited.
 * Returns the index of the first row that is not appended; it may be called again for it once after a look at the size.
 */
export function appendRows(
  state: TransactionState,
  runtime: TableRuntime,
  userId: string,
  rows: readonly Row[],
  from: number,
  now: bigint,
): number {
  const { engine } = state;
  const { table, codec, hiddenKey } = runtime;
  const overlay = overlayOf(state, table);
  if (table.indexes.length > 0) return from;
  // Under a truncate the largest key says nothing; hidden keys are always new.
  if (!hiddenKey && isTruncated(overlay, userId)) return from;
  const scope = scopeText(userId);
  const tableState = engine.tableState(table.tableId);
  const ownMax = overlay.maxKeys.get(scope);
  let before = ownMax;
  if (!hiddenKey) {
    const max = tableState.maxKeys.get(scope);
    if (max === undefined || tableState.loadingMaxKeys.has(scope)) return from;
    if (before === undefined || max.compare(before) > 0) before = max;
  }
  const common = tablePrefixBytes;
  const end = Math.min(rows.length, from + rowsPerCall);
  let run = runOf(state, runtime, userId);
  const mayTake = newKeyTest(state, tableState, userId);
  let at = from;
  let start = 0;
  let stop = before?.length ?? 0;
  for (; at < end; at++) {
    const values = rows[at]!;
    const key = hiddenKey
      ? runtime.writeKeyOfRowId(userId, now, ++engine.counters.rowId)
      : runtime.writeKeyOfRow(userId, values);
    if (before !== undefined && !key.isAfter(before, start, stop, common)) break;
    if (mayTake?.(key) === false) break;
    if (run === undefined) {
      run = freshRun(table, userId, engine.counters.seq);
      state.runs.push(run);
      tableState.openRuns.set(run, state.owner);
    }
    const tupleStart = codec.encodeTo(run.slab, values, 0, now);
    appendToRun(run, key, tupleStart);
    before = run.keys;
    start = run.count === 1 ? 0 : run.keyEnds[run.count - 2]!;
    stop = run.keyEnds[run.count - 1]!;
  }
  if (at > from) overlay.maxKeys.set(scope, lastKey(run!));
  return at;
}

function runOf(
  state: TransactionState,
  { table }: TableRuntime,
  userId: string,
): FreshRun | undefined {
  return state.runs.find((run) => run.table === table && run.userId === userId);
}

/** Whether no other transaction is about to take a key; undefined: there is none that could. */
function newKeyTest(
  { engine, owner }: TransactionState,
  { openRuns }: TableState,
  userId: string,
): ((key: KeyBuffer) => boolean) | undefined {
  const others = [...openRuns.keys()].filter(
    (run) => openRuns.get(run) !== owner && run.userId === userId,
  );
  const locked = engine.locks.count('row') > 0;
  if (others.length === 0 && !locked) return undefined;
  return (key) => {
    const bytes = key.take();
    if (locked && !engine.locks.isFree(owner, 'row', keyText(bytes), claimMask)) return false;
    return !others.some((run) => findInRun(run, bytes) !== undefined);
  };
}

/**
 * Puts the rows of all runs into the overlays, where everything but a bulk insert looks for them, and locks them. Their keys are
 * free: who else wanted one waits for this transaction.
 */
export function settleRuns(state: TransactionState): void {
  if (state.runs.length === 0) return;
  const { locks } = state.engine;
  for (const run of state.runs) {
    for (const text of addRunToOverlay(run, overlayOf(state, run.table)))
      locks.tryAcquire(state.owner, 'row', text, claimMask);
  }
  closeRuns(state);
}

/** Forgets the runs, those of a spill that failed too. */
export function closeRuns(state: TransactionState): void {
  state.runs.length = 0;
  for (const tableId of state.overlays.keys()) {
    const { openRuns } = state.engine.tableState(tableId);
    for (const [run, owner] of openRuns) if (owner === state.owner) openRuns.delete(run);
  }
}
