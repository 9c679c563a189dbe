import { PgError, SqlState } from '../base/index.ts';
import { lockClause } from '../planner/locking-rules.ts';
import type { MarkedRelation, SelectPlan } from '../planner/nodes.ts';
import type { SessionState } from './state.ts';

/** All locks of rows that the plan takes, its steps' first. */
function marksOf({ before = [], locks }: SelectPlan): readonly MarkedRelation[] {
  return [...before.flatMap((step) => marksOf(step.plan)), ...(locks?.marks ?? [])];
}

/** @throws 25006 for a query that locks rows in a read-only transaction (execMain.c, ExecCheckXactReadOnly) */
export function refuseRowLocks({ transaction }: SessionState, plan: SelectPlan): void {
  if (!transaction.readOnly) return;
  const [mark] = marksOf(plan);
  if (mark === undefined) return;
  throw new PgError(
    SqlState.readOnlySqlTransaction,
    `cannot execute SELECT ${lockClause(mark)} in a read-only transaction`,
  );
}
