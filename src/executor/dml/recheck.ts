import { assert, notSupported } from '../../base/index.ts';
import type { RangeTblEntry } from '../../analyzer/tree.ts';
import type { SelectPlan } from '../../planner/nodes.ts';
import type { StoredRow } from '../../storage/types.ts';
import type { Row } from '../../types/value.ts';
import type { Execution } from '../run-plan.ts';
import { collectPlan } from '../run-plan.ts';

/**
 * The plan's rows if these tables held the given rows alone (PostgreSQL's EvalPlanQual): what has become of a row that another
 * transaction has changed while this statement waited for it. Everything else is read as the statement sees it.
 */
export async function recheck(
  plan: SelectPlan,
  execution: Execution,
  instead: ReadonlyMap<RangeTblEntry, readonly StoredRow[]>,
): Promise<Row[]> {
  for (const rte of instead.keys()) assert(plan.scans.has(rte), 'a table that the plan reads');
  const forced = (['row', 'postgres'] as const).find((name) => plan.support[name] === undefined);
  if (forced === undefined) {
    throw notSupported('waiting for a concurrent change in this statement', {
      detail: plan.support.postgres,
      hint: 'Lock the rows by SELECT … FOR UPDATE first.',
    });
  }
  return collectPlan(plan, { ...execution, forced, rowsInstead: instead });
}
