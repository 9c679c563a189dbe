import { assert, notSupported } from '../base/index.ts';
import type { RangeTblEntry } from '../analyzer/tree.ts';
import type { SelectPlan } from '../planner/nodes.ts';
import type { StoredRow } from '../storage/types.ts';
import type { Execution } from './run-plan.ts';

/** The execution in which these tables hold the given rows alone; everything else is read as the statement sees it. */
export function recheckExecution(
  plan: SelectPlan,
  execution: Execution,
  instead: ReadonlyMap<RangeTblEntry, readonly StoredRow[]>,
): Execution {
  for (const rte of instead.keys()) assert(plan.scans.has(rte), 'a table that the plan reads');
  const forced = (['row', 'postgres'] as const).find((name) => plan.support[name] === undefined);
  if (forced === undefined) {
    throw notSupported('waiting for a concurrent change in this statement', {
      detail: plan.support.postgres,
    });
  }
  return { ...execution, forced, rowsInstead: instead };
}
