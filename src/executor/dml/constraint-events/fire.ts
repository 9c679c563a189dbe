import type { Execution } from '../../run-plan.ts';
import { followGoneKeys } from '../foreign-keys/gone-keys.ts';
import { checkReferences, parentIsThere } from '../foreign-keys/references.ts';
import type { EventList } from './collect.ts';
import { eventList } from './collect.ts';
import type { ConstraintEvent } from './events.ts';
import { checkUnique } from './unique.ts';

/** Fires a statement's events, or hands them to the transaction's queue. Undefined: nothing had to be waited for. */
export function fireStatementEvents(
  list: EventList,
  execution: Execution,
): Promise<void> | undefined {
  const { queue } = execution.constraints;
  return execution.transaction.unjudged(() => {
    const slow: ConstraintEvent[] = [];
    for (const event of list.events) {
      if (queue.defers(event)) queue.add(event, execution.catalog);
      else if (event.kind !== 'reference' || !parentIsThere(event, execution)) slow.push(event);
    }
    return slow.length === 0 ? undefined : fire(slow, execution);
  });
}

/** Fires what waits and is deferred no longer, or (at COMMIT) all that waits. */
export async function fireDeferred(
  which: 'immediate' | 'all',
  execution: Execution,
): Promise<void> {
  const events = execution.constraints.queue.take(which);
  await execution.transaction.unjudged(() => fire(events, execution));
}

/**
 * AfterTriggerEndQuery: events fire in their order; what actions change queues further events, which fire once those before
 * them have.
 */
async function fire(events: readonly ConstraintEvent[], execution: Execution): Promise<void> {
  const { queue } = execution.constraints;
  let round = events;
  while (round.length > 0) {
    const next = eventList();
    for (let from = 0; from < round.length;) {
      const end = runEnd(round, from);
      await fireRun(round.slice(from, end), execution, next);
      from = end;
    }
    round = next.events.filter((event) => {
      if (!queue.defers(event)) return true;
      queue.add(event, execution.catalog);
      return false;
    });
  }
}

/** Where the run of events of one kind that starts at `from` ends. */
function runEnd(events: readonly ConstraintEvent[], from: number): number {
  let end = from + 1;
  while (end < events.length && events[end]!.kind === events[from]!.kind) end++;
  return end;
}

async function fireRun(
  run: readonly ConstraintEvent[],
  execution: Execution,
  next: EventList,
): Promise<void> {
  switch (run[0]?.kind) {
    case 'reference':
      return checkReferences(
        run.filter((event) => event.kind === 'reference'),
        execution,
      );
    case 'keyGone':
      return followGoneKeys(
        run.filter((event) => event.kind === 'keyGone'),
        execution,
        next,
      );
    case 'unique':
      return checkUnique(
        run.filter((event) => event.kind === 'unique'),
        execution,
      );
    case undefined:
      return undefined;
  }
}
