/**
 * dml: INSERT, UPDATE and DELETE. The rows come from a SELECT plan (any executor); what a row must fulfil and what
 * RETURNING says are projections over rows in memory (any executor too); the writes go to the transaction's overlay. A
 * statement that fails leaves writes behind in the overlay: the caller rolls back.
 */
import { unreachable } from '../../base/index.ts';
import type { DmlPlan } from '../../planner/plan-dml.ts';
import type { Row } from '../../types/value.ts';
import type { Execution } from '../run-plan.ts';
import { runDelete, runUpdate } from './change.ts';
import { runInsert } from './insert.ts';

export interface DmlResult {
  /** Rows inserted, updated or deleted: the command tag's number. */
  readonly count: number;
  /** RETURNING's rows, if there is a RETURNING. */
  readonly rows: Row[] | undefined;
}

export async function runDml(plan: DmlPlan, execution: Execution): Promise<DmlResult> {
  switch (plan.kind) {
    case 'insert':
      return runInsert(plan, execution);
    case 'update':
      return runUpdate(plan, execution);
    case 'delete':
      return runDelete(plan, execution);
    default:
      return unreachable(plan, 'DML plan');
  }
}
