import type { CatalogTable, ForeignKey } from '../../../catalog/types.ts';
import { sharedScope } from '../../../storage/types.ts';
import type { Execution } from '../../run-plan.ts';
import { eventList, rowEvents } from '../constraint-events/collect.ts';
import type { ReferenceEvent, UniqueEvent } from '../constraint-events/events.ts';
import { checkUnique } from '../constraint-events/unique.ts';
import { uniqueIndexViolation } from '../violations.ts';
import { checkReferences } from './references.ts';

/** Keys gathered before they are checked. */
const batchKeysMax = 20_000;

/**
 * Judges the rows that a table has already by constraints that it did not have, or that were not valid, before.
 * @throws 23503, 23505
 */
export async function validateRelations(
  before: CatalogTable | undefined,
  after: CatalogTable,
  execution: Execution,
): Promise<void> {
  if (before === undefined) return;
  const foreignKeys = after.foreignKeys.filter((key) => {
    const former = before.foreignKeys.find((one) => one.oid === key.oid);
    return isValid(key) && (former === undefined || !isValid(former));
  });
  const deferrableUniques = after.deferrableUniques.filter(
    (unique) => !before.deferrableUniques.some((one) => one.oid === unique.oid),
  );
  if (foreignKeys.length === 0 && deferrableUniques.length === 0) return;
  const only = { ...after, foreignKeys, deferrableUniques, referencedBy: [] };
  const scope = after.stored.kind === 'user' ? ({ kind: 'all' } as const) : sharedScope;
  let list = eventList();
  let events = rowEvents(only, list);
  const check = async (): Promise<void> => {
    const isReference = (event: unknown): event is ReferenceEvent =>
      (event as ReferenceEvent).kind === 'reference';
    await checkReferences(list.events.filter(isReference), execution, true);
    const uniques = list.events.filter((event): event is UniqueEvent => event.kind === 'unique');
    await checkUnique(uniques, execution, (table, index, values, types) =>
      uniqueIndexViolation(table, index, { values }, types),
    );
    list = eventList();
    events = rowEvents(only, list);
  };
  for await (const rows of execution.transaction.scan(after.stored, { scope })) {
    for (const row of rows) events.inserted(row.userId, [row.values]);
    if (list.events.length >= batchKeysMax) await check();
  }
  await check();
}

const isValid = (key: ForeignKey): boolean => key.enforced && key.validated;
