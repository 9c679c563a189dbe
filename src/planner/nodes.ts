import type { Expr, Query, RangeTblEntry } from '../analyzer/tree.ts';
import type { CatalogTable, VirtualRelation } from '../catalog/types.ts';

/**
 * System columns of stored tables as Var attnos. The planner turns `_seq(m)` (how PostgreSQL resolves `m._seq`) into a
 * Var with one of these; rowKey is never SQL's, it is how UPDATE and DELETE find their rows again.
 */
export const SystemColumn = {
  seq: -101,
  updated: -102,
  deleted: -103,
  userId: -104,
  /** bytea: the row's storage key (StoredRow.key). */
  rowKey: -105,
} as const;

export type ExecutorName = 'row' | 'columnar' | 'postgres';

/** A predicate that the scan itself may use; `values` are Consts or Params (no Vars), of the column's own type. */
export interface PushedPredicate {
  readonly columnId: number;
  readonly op: '=' | '<' | '<=' | '>' | '>=' | 'in';
  /** For `in`: one array-typed Const or Param, or several element expressions. */
  readonly values: readonly Expr[];
}

/** One base relation of a query: what to read of it. */
export interface ScanNode {
  readonly kind: 'scan';
  readonly rte: RangeTblEntry;
  readonly table: CatalogTable;
  /** attnos needed, SystemColumn values included, ascending; never 0 (a whole-row Var lists every column). */
  readonly columns: readonly number[];
  /** Conjunction, also still present in the query's quals. */
  readonly predicates: readonly PushedPredicate[];
}

/** One of pgtide's computed relations. */
export interface VirtualScanNode {
  readonly kind: 'virtualScan';
  readonly rte: RangeTblEntry;
  readonly relation: VirtualRelation;
}

/**
 * A SELECT (or the SELECT that feeds a DML statement), ready to run. `query` is the logical plan: PostgreSQL's tree after
 * our normalisation (system columns as Vars, security quals in place). Scans are found by the RTE's identity.
 */
export interface SelectPlan {
  readonly kind: 'select';
  readonly query: Query;
  readonly executor: ExecutorName;
  readonly scans: ReadonlyMap<RangeTblEntry, ScanNode | VirtualScanNode>;
  /** Present when only the lower part runs on `executor`: the top runs in `upper` over rows named `source`. */
  readonly split:
    | { readonly source: string; readonly upper: Query; readonly upperExecutor: 'row' | 'postgres' }
    | undefined;
  /** Why not the faster executors: shown by EXPLAIN and in 54000's hint. Names the expression. */
  readonly reasons: readonly { readonly executor: ExecutorName; readonly why: string }[];
}
