import type { Row } from '../../types/value.ts';
import { tablePrefixBytes } from '../keys/keyspace.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { scopeText } from './commit.ts';
import { appendToRun, freshRun, lastKey } from './fresh-run.ts';
import type { FreshRun } from './fresh-run.ts';
import { addRunToOverlay } from './fresh-run.ts';
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
  if (table.indexes.length > 0 || isTruncated(overlay, userId)) return from;
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
  let at = from;
  let start = 0;
  let stop = before?.length ?? 0;
  for (; at < end; at++) {
    const values = rows[at]!;
    const key = hiddenKey
      ? runtime.writeKeyOfRowId(userId, now, ++engine.counters.rowId)
      : runtime.writeKeyOfRow(userId, values);
    if (before !== undefined && !key.isAfter(before, start, stop, common)) break;
    if (run === undefined) {
      run = freshRun(table, userId, engine.counters.seq);
      state.runs.push(run);
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

/** Puts the rows of all runs into the overlays, where everything but a bulk insert looks for them. */
export function settleRuns(state: TransactionState): void {
  if (state.runs.length === 0) return;
  for (const run of state.runs.splice(0)) addRunToOverlay(run, overlayOf(state, run.table));
}
