import type { StoredRow } from '../../../storage/types.ts';
import type { Row } from '../../../types/value.ts';
import type { Execution } from '../../run-plan.ts';
import type { EventList } from '../constraint-events/collect.ts';
import { rowEvents } from '../constraint-events/collect.ts';
import type { KeyGoneEvent } from '../constraint-events/events.ts';
import { actionOf } from '../constraint-events/events.ts';
import type { LookupScope } from '../constraint-events/key-lookup.ts';
import { hasKey, rowsOfKeys, rowsWithKey } from '../constraint-events/key-lookup.ts';
import { changeChild } from './change-child.ts';
import type { PreparedKey } from './prepared-key.ts';
import { childScope, prepareKey } from './prepared-key.ts';
import { concurrentChange, stillReferenced } from './violations.ts';

/** Events whose children are read in one go. */
const batchEventsMax = 10_000;

/**
 * What becomes of the rows that refer to keys that are no more, in the keys' order. The rows' own events go to `next`.
 * @throws 23503, 23001, and whatever the change of a row may throw
 */
export async function followGoneKeys(
  events: readonly KeyGoneEvent[],
  execution: Execution,
  next: EventList,
): Promise<void> {
  for (let from = 0; from < events.length; from += batchEventsMax) {
    const batch = events.slice(from, from + batchEventsMax);
    const children = await readAhead(batch, execution);
    for (const event of batch) {
      execution.signal.throwIfAborted();
      const key = prepareKey(event.constraint, execution.catalog);
      if (key === undefined) continue;
      await followGoneKey(key, event, children.get(event), execution, next);
    }
  }
}

/**
 * Deleting rows and setting columns to null leads no row to another key of the batch, so that all its rows may be read before
 * the first is changed. ON UPDATE CASCADE and SET DEFAULT may: their rows are read when it is their turn.
 */
function mayReadAhead(event: KeyGoneEvent): boolean {
  const action = actionOf(event);
  return action !== 'setDefault' && !(action === 'cascade' && event.next !== undefined);
}

async function readAhead(
  events: readonly KeyGoneEvent[],
  execution: Execution,
): Promise<ReadonlyMap<KeyGoneEvent, StoredRow[]>> {
  const found = new Map<KeyGoneEvent, StoredRow[]>();
  if (!events.every(mayReadAhead)) return found;
  const groups = new Map<string, { key: PreparedKey; userId: string; list: KeyGoneEvent[] }>();
  for (const event of events) {
    const key = prepareKey(event.constraint, execution.catalog);
    if (key === undefined) continue;
    const name = `${event.constraint.oid} ${event.userId}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, { key, userId: event.userId, list: [event] });
    else group.list.push(event);
  }
  for (const { key, userId, list } of groups.values()) {
    const wanted = list.flatMap((event) => {
      const child = key.toChild(event.key);
      return child === undefined ? [] : [{ event, child }];
    });
    const keys = wanted.map(({ child }) => child);
    const rows = await findChildren(key, userId, keys, execution);
    wanted.forEach(({ event }, i) => found.set(event, rows[i]!));
    for (const event of list) if (!found.has(event)) found.set(event, []);
  }
  return found;
}

/**
 * The rows that refer to each of some keys, all that are committed by now: the keys' rows are locked, so that whoever referred
 * to them has committed before.
 */
async function findChildren(
  key: PreparedKey,
  userId: string,
  keys: readonly Row[],
  execution: Execution,
): Promise<StoredRow[][]> {
  const where = childrenOf(key, userId, execution);
  return execution.transaction.newest(() => rowsOfKeys(key.children, execution, where, keys));
}

/** Where children are looked for: in user tables of a shared parent, at everyone who has rows, committed or this transaction's. */
function childrenOf(key: PreparedKey, userId: string, execution: Execution): LookupScope {
  const scope = childScope(key, userId);
  if (scope.kind === 'one') return { scope };
  return {
    scope,
    users: async () => {
      const committed = await execution.storage.users(key.child.stored);
      return [...new Set([...committed, ...execution.constraints.queue.writers(key.child.relid)])];
    },
  };
}

async function followGoneKey(
  key: PreparedKey,
  event: KeyGoneEvent,
  read: readonly StoredRow[] | undefined,
  execution: Execution,
  next: EventList,
): Promise<void> {
  const action = actionOf(event);
  const wanted = key.toChild(event.key);
  if (wanted === undefined) return;
  const readNow = async (): Promise<readonly StoredRow[]> =>
    (await findChildren(key, event.userId, [wanted], execution))[0] ?? [];
  const rows = read ?? (await readNow());
  if (action === 'noAction' || action === 'restrict') {
    await refuseReferences(key, event, wanted, rows, action, execution);
    return;
  }
  const events = rowEvents(key.child, next);
  for (const row of rows) {
    execution.signal.throwIfAborted();
    await changeChild(key, event, row, wanted, events, execution);
  }
  // A default may be the very key that is no more.
  if (action === 'setDefault') {
    await refuseReferences(key, event, wanted, await readNow(), 'noAction', execution);
  }
}

/** ri_restrict: an error if there is a row that refers to the key, unless (NO ACTION) another row has the key by now. */
async function refuseReferences(
  key: PreparedKey,
  event: KeyGoneEvent,
  wanted: Row,
  rows: readonly StoredRow[],
  action: 'noAction' | 'restrict',
  execution: Execution,
): Promise<void> {
  if (rows.length === 0) return;
  const { transaction } = execution;
  if (action === 'noAction') {
    const [parent] = await transaction.newest(() =>
      rowsWithKey(key.parents, execution, event.userId, event.key),
    );
    if (parent !== undefined) {
      const { rows: now } = await transaction.lockRows(key.parent.stored, [parent], 'keyShare');
      const [locked] = now;
      if (locked !== undefined && hasKey(key.parents, locked, event.key)) return;
    }
  }
  for (const row of rows) {
    const [locked] = (await transaction.lockRows(key.child.stored, [row], 'keyShare')).rows;
    if (transaction.isolation !== 'read committed' && locked?.seq !== row.seq) {
      throw concurrentChange();
    }
    if (locked === undefined || !hasKey(key.children, locked, wanted)) continue;
    throw await stillReferenced(key, event.key, action, execution);
  }
}
