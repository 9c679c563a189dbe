import { assert } from '../../base/index.ts';
import { closeRuns, settleRuns } from './append-rows.ts';
import { removeBulk, settleSpills } from './bulk.ts';
import type { Savepoint, TransactionState } from './state.ts';
import { undoTo } from './undo.ts';

/** From here on changes of the overlays are noted, and rows that are spilled go under an id of their own. */
export function setSavepoint(state: TransactionState): Savepoint {
  settleRuns(state);
  if (state.undo === undefined) {
    state.undo = [];
    for (const overlay of state.overlays.values()) overlay.undo = state.undo;
  }
  const savepoint = {
    undo: state.undo.length,
    bulks: state.bulkIds.length,
    locks: state.owner.mark(),
  };
  state.savepoints.push(savepoint);
  state.bulkId = 0;
  return savepoint;
}

/** Forgets the savepoint and those after it; what was done since stays. */
export function releaseSavepoint(state: TransactionState, savepoint: Savepoint): void {
  const at = state.savepoints.indexOf(savepoint);
  assert(at >= 0, 'a savepoint of this transaction');
  state.savepoints.length = at;
  if (at > 0) return;
  state.undo = undefined;
  for (const overlay of state.overlays.values()) overlay.undo = undefined;
}

/** Takes back what was done and locked since the savepoint, which stays; those after it are gone. */
export async function rollbackToSavepoint(
  state: TransactionState,
  savepoint: Savepoint,
): Promise<void> {
  const at = state.savepoints.indexOf(savepoint);
  assert(at >= 0 && state.undo !== undefined, 'a savepoint of this transaction');
  state.savepoints.length = at + 1;
  closeRuns(state);
  // A spill that failed has taken nothing with it that is wanted still.
  await settleSpills(state).catch(() => undefined);
  state.spills.length = 0;
  undoTo(state.undo, savepoint.undo);
  state.bulkId = 0;
  for (const bulkId of state.bulkIds.splice(savepoint.bulks)) {
    await removeBulk(state.engine, bulkId);
    state.engine.bulkOwners.delete(bulkId);
  }
  state.owner.releaseTo(savepoint.locks);
}
