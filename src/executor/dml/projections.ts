import type { Projection, Slot } from '../../planner/projection.ts';
import { projectionSource } from '../../planner/projection.ts';
import { SystemColumn } from '../../planner/nodes.ts';
import type { CatalogTable } from '../../catalog/types.ts';
import { assert } from '../../base/index.ts';
import type { Row, Value } from '../../types/value.ts';
import type { Execution } from '../run-plan.ts';
import { collectPlan, runPlanSync } from '../run-plan.ts';

/** Computes a projection's expressions over rows that are laid out as its slots. Row order is kept. */
export async function project(
  projection: Projection,
  rows: readonly Row[],
  execution: Execution,
): Promise<Row[]> {
  return (
    projectSync(projection, rows, execution) ??
    collectPlan(projection.plan, auto(execution), sourceOf(rows))
  );
}

export function projectSync(
  projection: Projection,
  rows: readonly Row[],
  execution: Execution,
): Row[] | undefined {
  if (rows.length === 0) return [];
  return runPlanSync(projection.plan, auto(execution), sourceOf(rows));
}

/** The executor that a user forces is for reading tables; rows in hand go the cheapest way. */
function auto(execution: Execution): Execution {
  return execution.forced === 'auto' ? execution : { ...execution, forced: 'auto' };
}

function sourceOf(rows: readonly Row[]): ReadonlyMap<string, { rows: readonly Row[] }> {
  return new Map([[projectionSource, { rows }]]);
}

/** A version of a target row with its system columns, as RETURNING may name them. */
export interface RowVersion {
  readonly values: Row;
  readonly userId: string;
  /** Null until the transaction commits. */
  readonly seq: number | null;
  readonly updated: bigint;
  readonly deleted: boolean;
}

/** Reads a Var's value from a row version. */
export function slotReader(
  table: CatalogTable,
  slot: Slot,
): (version: RowVersion | undefined) => Value {
  switch (slot.attno) {
    case SystemColumn.seq:
      return (version) =>
        version === undefined || version.seq === null ? null : BigInt(version.seq);
    case SystemColumn.updated:
      return (version) => version?.updated ?? null;
    case SystemColumn.deleted:
      return (version) => version?.deleted ?? null;
    case SystemColumn.userId:
      return (version) => version?.userId ?? null;
    default: {
      const position = table.positionOf[slot.attno] ?? -1;
      assert(position >= 0, 'a projection reads live columns');
      return (version) => version?.values[position] ?? null;
    }
  }
}
