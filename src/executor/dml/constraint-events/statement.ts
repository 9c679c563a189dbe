import type { CatalogTable } from '../../../catalog/types.ts';
import type { ExecutorSupport } from '../../../planner/plan-select.ts';
import type { Execution } from '../../run-plan.ts';
import type { RowEvents } from './collect.ts';
import { eventList, hasConstraintEvents, rowEvents } from './collect.ts';
import { fireStatementEvents } from './fire.ts';
import type { ConstraintQueue } from './queue.ts';

/** What checks between tables take beyond the statement's own plan. */
export interface ConstraintHost {
  /** The transaction's. */
  readonly queue: ConstraintQueue;
  readonly support: ExecutorSupport;
  /** Whether the statement's role may see these columns of every row: an error may then say what is in them. */
  mayRead(relid: number, attnums: readonly number[]): Promise<boolean>;
}

/** What one statement has changed in a table that has foreign keys, is referenced, or has a deferrable unique key. */
export interface StatementEvents extends RowEvents {
  /** At the statement's end: checks and actions, less what waits for COMMIT. Undefined: nothing had to be waited for. */
  finish(): Promise<void> | undefined;
}

/** Undefined for a table without such constraints, which most statements are about. */
export function statementEvents(
  table: CatalogTable,
  execution: Execution,
): StatementEvents | undefined {
  // The plan's table may be of an older catalog, which knows of fewer references.
  const current = execution.catalog.table(table.relid) ?? table;
  if (current.stored.kind === 'user') {
    execution.constraints.queue.noteWriter(current.relid, execution.statement.userId);
  }
  if (!hasConstraintEvents(current)) return undefined;
  const list = eventList();
  return { ...rowEvents(current, list), finish: () => fireStatementEvents(list, execution) };
}
