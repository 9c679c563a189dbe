import type { RangeTblEntry } from '../../analyzer/tree.ts';
import type { SelectPlan } from '../../planner/nodes.ts';
import type { StoredRow } from '../../storage/types.ts';
import type { Row } from '../../types/value.ts';
import { recheckExecution } from '../recheck-execution.ts';
import type { Execution } from '../run-plan.ts';
import { collectPlan } from '../run-plan.ts';

/**
 * The plan's rows if these tables held the given rows alone (PostgreSQL's EvalPlanQual): what has become of a row that another
 * transaction has changed while this statement waited for it.
 */
export async function recheck(
  plan: SelectPlan,
  execution: Execution,
  instead: ReadonlyMap<RangeTblEntry, readonly StoredRow[]>,
): Promise<Row[]> {
  return collectPlan(plan, recheckExecution(plan, execution, instead));
}
