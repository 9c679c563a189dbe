import type { ManifestEntry } from '../../cold/manifest.ts';
import type { Engine } from '../../engine.ts';
import type { TableRuntime } from '../../keys/table-runtime.ts';
import type { View } from '../../txn/reader.ts';
import { latestView } from '../../txn/reader.ts';
import type { Mark } from './scope-marks.ts';
import { marksOf, mayConcern } from './scope-marks.ts';

/** Whether some row of the file may be superseded by the mark. */
export function mayHoldVictim(
  engine: Engine,
  view: View,
  file: ManifestEntry,
  mark: Mark,
): boolean {
  return mayConcern(file, mark) && engine.cold.mayHold(view, file, mark.key);
}

/**
 * Removes the marks of some scopes that supersede no row of any file. Returns how many went, within the call or not at all: while there
 * are readers who may have seen a row from before its mark, it is done when the last of them has ended, as they tell by the mark that
 * the row has changed.
 */
export async function cleanMarks(
  engine: Engine,
  runtime: TableRuntime,
  userIds: readonly string[],
): Promise<number> {
  const { tableId } = runtime.table;
  const state = engine.tableState(tableId);
  if (state.marks === 0) return 0;
  for (const userId of userIds) state.marksToClean.add(userId);
  const { swaps } = state;
  let removed: Promise<number> | undefined;
  let asked = true;
  engine.files.afterReaders(() => {
    // Who has begun since and saw files that are gone by now is waited for by the one that took them.
    if (state.swaps !== swaps || engine.closing.aborted) return;
    if (asked) removed = removeNow(engine, runtime);
    else
      engine.background(
        engine.inTurn(tableId, async () => {
          if (state.swaps === swaps) await removeNow(engine, runtime);
        }),
      );
  });
  asked = false;
  return (await removed) ?? 0;
}

async function removeNow(engine: Engine, runtime: TableRuntime): Promise<number> {
  const { tableId } = runtime.table;
  const state = engine.tableState(tableId);
  const userIds = [...state.marksToClean];
  state.marksToClean.clear();
  let removed = 0;
  for (const userId of userIds) removed += await removeOfScope(engine, runtime, userId);
  await engine.faults('compact: marks removed');
  return removed;
}

async function removeOfScope(
  engine: Engine,
  runtime: TableRuntime,
  userId: string,
): Promise<number> {
  const { tableId } = runtime.table;
  const state = engine.tableState(tableId);
  const view = latestView(engine);
  const files = await engine.cold.files(view, runtime, { kind: 'one', userId });
  let removed = 0;
  for await (const marks of marksOf(engine, tableId, userId)) {
    engine.closing.throwIfAborted();
    const idle = marks.filter(
      (mark) => !files.some((file) => mayHoldVictim(engine, view, file, mark)),
    );
    if (idle.length === 0) continue;
    await engine.sequencer.submit({
      sync: false,
      takesSeq: false,
      write(writer) {
        for (const { key, value } of idle) {
          // Since then the row may have been changed again.
          if (engine.sequencer.latest(key)?.equals(value) !== true) continue;
          writer.delete(key);
          removed++;
          state.marks = Math.max(0, state.marks - 1);
        }
      },
    });
  }
  return removed;
}
