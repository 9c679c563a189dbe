import type { StoredRow } from '../../../storage/types.ts';
import type { Row } from '../../../types/value.ts';
import type { Execution } from '../../run-plan.ts';
import type { ReferenceEvent } from '../constraint-events/events.ts';
import { hasNull } from '../constraint-events/key-text.ts';
import { hasKey, rowsOfKeys, rowsWithKey } from '../constraint-events/key-lookup.ts';
import type { PreparedKey } from './prepared-key.ts';
import { parentUser, prepareKey } from './prepared-key.ts';
import { concurrentChange, missingParent, readWriteConflict } from './violations.ts';

/**
 * RI_FKey_check within the call: whether the parent is there, now locked against going (FOR KEY SHARE). False: it may be there
 * or not, or somebody has to be waited for.
 */
export function parentIsThere(event: ReferenceEvent, execution: Execution): boolean {
  const key = prepareKey(event.constraint, execution.catalog);
  if (key === undefined) return true;
  const { access } = key.parents;
  const wanted = hasNull(event.key) ? undefined : key.toParent(event.key);
  if (wanted === undefined || access.kind !== 'primaryKey') return false;
  const { transaction } = execution;
  const { stored } = key.parent;
  const row = transaction.getSync(
    stored,
    parentUser(key, event.userId),
    access.order.map((at) => wanted[at] ?? null),
  );
  if (row === undefined || row === 'unknown') return false;
  const locked = transaction.lockRowSync(stored, row.key, 'keyShare');
  return (
    locked !== undefined &&
    locked !== 'unknown' &&
    isParent(key, row, locked, wanted, execution, false)
  );
}

/** Whether what was locked is the parent. @throws 40001 when the transaction's snapshot is not the newest state of it */
function isParent(
  key: PreparedKey,
  read: StoredRow,
  locked: StoredRow | undefined,
  wanted: Row,
  execution: Execution,
  waited: boolean,
): boolean {
  const { isolation } = execution.transaction;
  if (isolation !== 'read committed' && locked?.seq !== read.seq) {
    // Gone before it was asked for: who took it away goes before this transaction, and after it.
    const gone = locked === undefined || locked.deleted;
    const before = isolation === 'serializable' && !waited && gone;
    throw before ? readWriteConflict() : concurrentChange();
  }
  return locked !== undefined && hasKey(key.parents, locked, wanted);
}

/**
 * RI_FKey_check of several keys, in their order: the first that has no parent, and whose row is there still, is the error.
 * @param rowsAreThere whoever asks knows that there are rows with these keys
 * @throws 23503
 */
export async function checkReferences(
  events: readonly ReferenceEvent[],
  execution: Execution,
  rowsAreThere = false,
): Promise<void> {
  execution.transaction.newStatement();
  const missing = await withoutParent(events, execution);
  for (const event of missing) {
    const key = prepareKey(event.constraint, execution.catalog);
    if (key === undefined) continue;
    // A row that was deleted or changed since is not judged by what it was.
    const there =
      rowsAreThere ||
      (await rowsWithKey(key.children, execution, event.userId, event.key)).length > 0;
    if (there) throw await missingParent(key, event.key, execution);
  }
}

async function withoutParent(
  events: readonly ReferenceEvent[],
  execution: Execution,
): Promise<ReferenceEvent[]> {
  const missing = new Set<ReferenceEvent>();
  /** Those that can't be answered within the call, by constraint and whose parents they are. */
  const slow = new Map<PreparedKey, Map<string, { event: ReferenceEvent; wanted: Row }[]>>();
  for (const event of events) {
    execution.signal.throwIfAborted();
    const key = prepareKey(event.constraint, execution.catalog);
    if (key === undefined || parentIsThere(event, execution)) continue;
    const wanted = hasNull(event.key) ? undefined : key.toParent(event.key);
    if (wanted === undefined) {
      missing.add(event);
      continue;
    }
    const userId = parentUser(key, event.userId);
    const byUser = slow.get(key) ?? new Map<string, { event: ReferenceEvent; wanted: Row }[]>();
    slow.set(key, byUser);
    const list = byUser.get(userId);
    if (list === undefined) byUser.set(userId, [{ event, wanted }]);
    else list.push({ event, wanted });
  }
  for (const [key, byUser] of slow) {
    for (const [userId, list] of byUser) await lockParents(key, userId, list);
  }
  return events.filter((event) => missing.has(event));

  async function lockParents(
    key: PreparedKey,
    userId: string,
    list: readonly { readonly event: ReferenceEvent; readonly wanted: Row }[],
  ): Promise<void> {
    const { transaction } = execution;
    const { stored } = key.parent;
    const found = await readParents(
      key,
      userId,
      list.map(({ wanted }) => wanted),
    );
    const read = found.filter((row) => row !== undefined);
    const { rows, waited } = await transaction.lockRows(stored, read, 'keyShare');
    let at = 0;
    for (const [i, { event, wanted }] of list.entries()) {
      const row = found[i];
      const there = row !== undefined && isParent(key, row, rows[at++], wanted, execution, waited);
      if (!there) missing.add(event);
    }
  }

  async function readParents(
    key: PreparedKey,
    userId: string,
    wanted: readonly Row[],
  ): Promise<readonly (StoredRow | undefined)[]> {
    const { access } = key.parents;
    if (access.kind === 'primaryKey') {
      const keys = wanted.map((one) => access.order.map((at) => one[at] ?? null));
      return execution.transaction.getMany(key.parent.stored, userId, keys);
    }
    const where = { scope: { kind: 'one', userId } } as const;
    const found = await rowsOfKeys(key.parents, execution, where, wanted);
    return found.map(([row]) => row);
  }
}
