import { assert } from '../../base/index.ts';
import type { DmlPlan } from '../../planner/plan-dml.ts';
import type { Row, Value } from '../../types/value.ts';
import type { Execution } from '../run-plan.ts';
import type { RowVersion } from './projections.ts';
import { project, slotReader } from './projections.ts';

/** One row that a DML statement has touched: what RETURNING may read. */
export interface Touched {
  readonly before: RowVersion | undefined;
  readonly after: RowVersion | undefined;
  /** Parallel to the plan's `others`. */
  readonly others: readonly Value[];
}

/** RETURNING's rows, in the order the rows were touched; undefined when there is no RETURNING. */
export async function returningRows(
  plan: DmlPlan,
  touched: readonly Touched[],
  execution: Execution,
): Promise<Row[] | undefined> {
  const { returning } = plan;
  if (returning === undefined) return undefined;
  const others = plan.kind === 'insert' ? [] : plan.others;
  const readers = returning.slots.map((slot): ((row: Touched) => Value) => {
    if (slot.varno !== plan.target) {
      const at = others.findIndex((v) => v.varno === slot.varno && v.attno === slot.attno);
      assert(at >= 0, 'RETURNING reads only what the source yields');
      return (row) => row.others[at] ?? null;
    }
    const read = slotReader(plan.table, slot);
    switch (slot.returning) {
      case 'old':
        return (row) => read(row.before);
      case 'new':
        return (row) => read(row.after);
      case 'default':
        return plan.kind === 'delete' ? (row) => read(row.before) : (row) => read(row.after);
    }
  });
  const rows = touched.map((row) => readers.map((read) => read(row)));
  return project(returning, rows, execution);
}
