import type { CatalogSnapshot, CatalogTable } from '../../../catalog/types.ts';
import type { PgError } from '../../../base/index.ts';
import { rowModes } from '../../../locks/index.ts';
import type { StoredIndex, StoredRow } from '../../../storage/types.ts';
import type { TypeContext } from '../../../types/type.ts';
import type { Row } from '../../../types/value.ts';
import type { Execution } from '../../run-plan.ts';
import { uniqueViolation } from '../violations.ts';
import { sameConstraint } from './events.ts';
import type { UniqueEvent } from './events.ts';
import { keyTextOf } from './key-text.ts';
import type { KeyLookup } from './key-lookup.ts';
import { hasKey, keyLookup, rowsOfKeys } from './key-lookup.ts';

/** Keys that are looked up in one go. */
const batchKeysMax = 200_000;

/** The error for a key that two rows have; `values` has the key's columns. */
type UniqueViolation = (
  table: CatalogTable,
  index: StoredIndex,
  values: Row,
  types: TypeContext,
) => PgError;

interface Prepared {
  readonly table: CatalogTable;
  readonly lookup: KeyLookup;
}

/** Undefined: the constraint is not there any more. */
function prepare(event: UniqueEvent, catalog: CatalogSnapshot): Prepared | undefined {
  const table = catalog.table(event.constraint.relid);
  const current = sameConstraint(table?.deferrableUniques, event.constraint);
  if (table === undefined || current === undefined) return undefined;
  return { table, lookup: keyLookup(table, current.index.columns) };
}

/**
 * unique_key_recheck of several keys, in their order. The keys are locked first, so that of two transactions that write the same
 * one only the first to check finds itself alone.
 * @throws 23505
 */
export async function checkUnique(
  events: readonly UniqueEvent[],
  execution: Execution,
  violation: UniqueViolation = uniqueViolation,
): Promise<void> {
  for (let from = 0; from < events.length; from += batchKeysMax) {
    await checkBatch(events.slice(from, from + batchKeysMax), execution, violation);
  }
}

async function checkBatch(
  events: readonly UniqueEvent[],
  execution: Execution,
  violation: UniqueViolation,
): Promise<void> {
  const { storage, transaction, catalog } = execution;
  const groups = new Map<string, { prepared: Prepared; userId: string; list: UniqueEvent[] }>();
  for (const event of events) {
    execution.signal.throwIfAborted();
    const name = `${event.constraint.oid} ${event.userId}`;
    const group = groups.get(name);
    const prepared = group?.prepared ?? prepare(event, catalog);
    if (prepared === undefined) continue;
    if (group === undefined) groups.set(name, { prepared, userId: event.userId, list: [event] });
    else group.list.push(event);
    const { indexId } = event.constraint.index;
    const text = keyTextOf(prepared.lookup.types, event.key);
    const lock = `unique ${indexId} ${event.userId.length} ${event.userId}${text}`;
    const { owner } = transaction;
    if (!storage.locks.tryAcquire(owner, 'row', lock, rowModes.update)) {
      await storage.locks.acquire(owner, 'row', lock, rowModes.update);
    }
  }
  const suspects = new Map<UniqueEvent, readonly StoredRow[]>();
  for (const { prepared, userId, list } of groups.values()) {
    const keys = list.map((event) => event.key);
    const scope = { scope: { kind: 'one', userId } } as const;
    const found = await transaction.newest(() =>
      rowsOfKeys(prepared.lookup, execution, scope, keys),
    );
    found.forEach((rows, i) => {
      if (rows.length > 1) suspects.set(list[i]!, rows);
    });
  }
  if (suspects.size === 0) return;
  const first = await firstTwice(events, suspects, execution);
  if (first === undefined) return;
  const { table, lookup } = prepare(first, catalog)!;
  const values: Row = table.columns.map(() => null);
  lookup.positions.forEach((position, i) => {
    values[position] = first.key[i] ?? null;
  });
  throw violation(table, first.constraint.index, values, execution.statement.types);
}

/** The first event whose key two rows have, once those who are changing one of them have ended. */
async function firstTwice(
  events: readonly UniqueEvent[],
  suspects: ReadonlyMap<UniqueEvent, readonly StoredRow[]>,
  { transaction, catalog }: Execution,
): Promise<UniqueEvent | undefined> {
  for (const event of events) {
    const rows = suspects.get(event);
    const prepared = rows && prepare(event, catalog);
    if (rows === undefined || prepared === undefined) continue;
    const { table, lookup } = prepared;
    let having = 0;
    for (const row of rows) {
      // Whoever deletes the row, or gives it another key, has it locked against this.
      const [now] = (await transaction.lockRows(table.stored, [row], 'share')).rows;
      if (now !== undefined && hasKey(lookup, now, event.key)) having++;
      else if (now !== undefined) transaction.unlockRow(table.stored, row.key, 'share');
    }
    if (having > 1) return event;
  }
  return undefined;
}
