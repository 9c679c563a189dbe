import { PgError, SqlState } from '../../base/index.ts';
import type { LockOwner, LockWait, RowLockMode } from '../../locks/index.ts';
import { rowModes, written } from '../../locks/index.ts';
import { keyText } from '../keys/buffer.ts';
import { Keyspace, inKeyspace } from '../keys/keyspace.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { isCurrentCold, lookupHot, lookupRow, lookupRows } from '../tiered/point-read.ts';
import { TupleFlag, tupleFlags, tupleSeq } from '../tuple/header.ts';
import type { StoredRow, StoredTable } from '../types.ts';
import { findInRun } from './fresh-run.ts';
import type { TransactionState } from './state.ts';
import { latestContext } from './state.ts';
import { userOfKey } from './visibility.ts';

/**
 * Rows and unique keys are locked under their key's text. Who writes a row or takes a key adds `written` to the mode: others
 * that want the same key then wait for the end of its transaction, while a row that is only locked is there to be seen.
 */
export const claimMask = rowModes.update | written;

/** What is known of a key that is about to be taken. */
export type Look<T> =
  | { readonly kind: 'free'; readonly value: T }
  | { readonly kind: 'taken'; readonly row: StoredRow }
  /** Another transaction has put a row there that is in no overlay; it must end first. */
  | { readonly kind: 'foreign'; readonly owner: LockOwner | undefined };

/**
 * Takes a unique key for the transaction, waiting for whoever is about to take or give it. A key whose row is there is not
 * locked.
 */
export async function claimKey<T>(
  state: TransactionState,
  text: string,
  look: () => Promise<Look<T>>,
): Promise<Exclude<Look<T>, { kind: 'foreign' }>> {
  const { owner } = state;
  const { locks } = state.engine;
  for (;;) {
    const mark = owner.mark();
    const got = locks.tryAcquire(owner, 'row', text, claimMask);
    if (!got && !locks.isFree(owner, 'row', text, written)) {
      await locks.waitUntilFree(owner, 'row', text, written);
      continue;
    }
    // Taken, or in the way of those only who have locked the row: then it is there.
    const found = await look();
    if (found.kind === 'taken') {
      owner.releaseTo(mark);
      return found;
    }
    if (found.kind === 'foreign') {
      owner.releaseTo(mark);
      await ended(state, found.owner);
    } else if (got) return found;
    else await locks.acquire(owner, 'row', text, claimMask);
  }
}

/** Waits for the end of a transaction; one that is no more has rows that are being removed. */
async function ended(state: TransactionState, other: LockOwner | undefined): Promise<void> {
  state.owner.backend.signal?.throwIfAborted();
  if (other === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  else await state.engine.locks.waitForEnd(state.owner, other);
}

/** Whose uncommitted bulk insert holds the key: as a run in memory, or spilled. */
export function foreignOwner(
  state: TransactionState,
  table: StoredTable,
  key: Buffer,
): LockOwner | undefined {
  const tuple = state.engine.sequencer.latest(key);
  if (tuple !== undefined && (tupleFlags(tuple) & TupleFlag.provisional) !== 0)
    return state.engine.bulkOwners.get(tupleSeq(tuple));
  return runOwner(state, table, key);
}

/** The transaction in whose run the key is; undefined: none but perhaps this one. */
export function runOwner(
  state: TransactionState,
  table: StoredTable,
  key: Buffer,
): LockOwner | undefined {
  const { openRuns } = state.engine.tableState(table.tableId);
  if (openRuns.size === 0) return undefined;
  for (const [run, owner] of openRuns)
    if (owner !== state.owner && findInRun(run, key) !== undefined) return owner;
  return undefined;
}

/** Looks for a row by its key, in everything accepted and in what is about to be. */
export async function lookForRow(
  state: TransactionState,
  runtime: TableRuntime,
  userId: string,
  key: Buffer,
): Promise<Look<StoredRow | undefined>> {
  const { table } = runtime;
  const running = runOwner(state, table, key);
  if (running !== undefined) return { kind: 'foreign', owner: running };
  const found = await lookupRow(latestContext(state, table), runtime, userId, key);
  if (found === 'foreign') return { kind: 'foreign', owner: foreignOwner(state, table, key) };
  if (found !== undefined && !found.deleted) return { kind: 'taken', row: found };
  return { kind: 'free', value: found };
}

/** Locks a row and reads its current version; see StorageTransaction.lockRow. */
export async function lockRow(
  state: TransactionState,
  runtime: TableRuntime,
  key: Buffer,
  mode: RowLockMode,
  wait: LockWait,
): Promise<StoredRow | undefined | 'skipped'> {
  const { table } = runtime;
  const { owner } = state;
  const { locks } = state.engine;
  const text = keyText(key);
  const mark = owner.mark();
  if (!locks.tryAcquire(owner, 'row', text, rowModes[mode])) {
    if (wait === 'skip') return 'skipped';
    if (wait === 'nowait') throw rowNotAvailable(table);
    await locks.acquire(owner, 'row', text, rowModes[mode]);
  }
  const context = latestContext(state, table);
  const found = await lookupRow(context, runtime, userOfKey(table, key), key);
  if (found !== undefined && found !== 'foreign') return found;
  owner.releaseTo(mark);
  // Its own statement has moved the row: then it is gone for it. Another's commit has: then it is there.
  const moved =
    context.overlay?.rows.has(text) === true ? undefined : state.engine.movedRows.follow(key);
  return moved === undefined ? undefined : lockRow(state, runtime, moved, mode, wait);
}

/** Locks rows of one user and reads their current versions; see StorageTransaction.lockRows. */
export async function lockRows(
  state: TransactionState,
  runtime: TableRuntime,
  read: readonly StoredRow[],
  mode: RowLockMode,
): Promise<{ rows: (StoredRow | undefined)[]; waited: boolean }> {
  const { table } = runtime;
  const { owner } = state;
  const { locks } = state.engine;
  let waited = false;
  const keys = read.map((row) => inKeyspace(Keyspace.rows, table.tableId, row.key));
  const taken: boolean[] = [];
  for (const key of keys) {
    const text = keyText(key);
    taken.push((locks.held(owner, 'row', text) & rowModes[mode]) === 0);
    if (locks.tryAcquire(owner, 'row', text, rowModes[mode])) continue;
    waited = true;
    await locks.acquire(owner, 'row', text, rowModes[mode]);
  }
  const context = latestContext(state, table);
  const rows: (StoredRow | undefined)[] = [];
  const again: number[] = [];
  for (const [i, row] of read.entries()) {
    const hot = lookupHot(context, runtime, row.userId, keys[i]!);
    if (hot.kind === 'cold?' && !isCurrentCold(context, runtime, row.userId, keys[i]!, row))
      again.push(i);
    rows.push(hot.kind === 'row' ? hot.row : hot.kind === 'cold?' ? row : undefined);
  }
  if (again.length > 0) {
    const wanted = again.map((i) => keys[i]!);
    const userId = read[again[0]!]!.userId;
    const found = await lookupRows(latestContext(state, table), runtime, userId, wanted);
    again.forEach((i, at) => {
      const row = found[at];
      rows[i] = row === 'foreign' ? undefined : row;
    });
  }
  for (const [i, row] of rows.entries()) {
    if (row === undefined && taken[i] === true)
      locks.release(owner, 'row', keyText(keys[i]!), rowModes[mode]);
  }
  return { rows, waited };
}

function rowNotAvailable(table: StoredTable): PgError {
  return new PgError(
    SqlState.lockNotAvailable,
    `could not obtain lock on row in relation "${table.name}"`,
  );
}
