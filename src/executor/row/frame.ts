import type { ExecutionContext } from '../types.ts';
import type { StoredRow } from '../../storage/types.ts';
import type { Row, Value } from '../../types/value.ts';

/** What stands in a range-table slot while a row is worked on: a StoredRow for a relation, bare values otherwise. */
export interface SlotRow {
  readonly values: Row;
}

/** One execution's memory, shared by every query level. */
export interface Environment {
  readonly context: ExecutionContext;
  /** Rows of relations read ahead, by the leaf that reads them. */
  readonly loaded: Map<object, readonly SlotRow[]>;
  /** Results of sub-queries and CTEs that depend on no outer row, by their plan. */
  readonly once: Map<object, unknown>;
}

/**
 * The registers of one query level. Evaluators read the current row from here; the pipeline overwrites `tuple` in place,
 * so whoever keeps a row must copy the array.
 */
export interface Frame {
  /** By rtindex; null: a null-extended row of an outer join. */
  readonly tuple: (SlotRow | null)[];
  readonly parent: Frame | undefined;
  readonly environment: Environment;
  /** Values of the GROUP BY expressions of the current group. */
  groups: readonly Value[];
  /** Results of this level's aggregates for the current group. */
  aggregates: readonly Value[];
  /** What CaseTestExpr stands for. */
  caseTest: Value;
  /** The current output row of a sub-query compared by ANY or ALL. */
  subRow: readonly Value[];
  /** Rows of this level's CTEs that depend on outer rows, by their plan. */
  cteRows: Map<object, readonly SlotRow[]> | undefined;
}

export type Evaluator = (frame: Frame) => Value;

export function createEnvironment(context: ExecutionContext): Environment {
  return { context, loaded: new Map(), once: new Map() };
}

export function createFrame(
  size: number,
  parent: Frame | undefined,
  environment: Environment,
): Frame {
  const tuple: (SlotRow | null)[] = [];
  for (let i = 0; i <= size; i++) tuple.push(null);
  return {
    tuple,
    parent,
    environment,
    groups: [],
    aggregates: [],
    caseTest: null,
    subRow: [],
    cteRows: undefined,
  };
}

export function isStoredRow(slot: SlotRow): slot is StoredRow {
  return 'seq' in slot;
}
