import type { Expr, Query, RangeTblEntry, RowMark } from '../analyzer/tree.ts';
import type { CatalogTable } from '../catalog/types.ts';
import type { RowCalls } from './plan-calls.ts';

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

/** Why an executor can not run a query exactly (naming the expression); undefined: it can. */
export type Support = Readonly<Record<ExecutorName, string | undefined>>;

/**
 * A SELECT (or the SELECT that feeds a DML statement), ready to run. `query` is the logical plan: PostgreSQL's tree after
 * our normalisation (system columns as Vars). Scans are found by the RTE's identity. Which of the able executors runs it is
 * decided at each execution, when it is known whose rows and how many they are.
 */
export interface SelectPlan {
  readonly kind: 'select';
  readonly query: Query;
  readonly scans: ReadonlyMap<RangeTblEntry, ScanNode>;
  /** Names of the in-memory rows that it reads. */
  readonly rowSources: readonly string[];
  /** Relations of PostgreSQL's own catalog among the sources: only the mirror can answer. */
  readonly usesCatalog: boolean;
  /** Every scan is fixed to one row by its whole primary key: always the row executor's. */
  readonly pointLookup: boolean;
  readonly support: Support;
  /** The same meaning in two steps: the lower part on an executor that can, its rows being `source` of the upper part. */
  readonly split:
    | { readonly source: string; readonly lower: SelectPlan; readonly upper: SelectPlan }
    | undefined;
  /** Run first, in this order, once an execution; their rows are sources of this plan. */
  readonly before?: readonly PlanStep[];
  /** SELECT … FOR UPDATE and the like: what to do with the rows of `query`, whose columns beyond the result's are for that. */
  readonly locks?: LockRows;
  /** Calls for each row of what comes out of that. */
  readonly calls?: RowCalls;
}

/** A part of a statement that has to be run before and apart from the rest: it locks rows, or what does reads it. */
export interface PlanStep {
  /** Unique in the statement. */
  readonly source: string;
  readonly plan: SelectPlan;
}

/** PostgreSQL's LockRows, and the Limit above it: only rows that got locked count. */
export interface LockRows {
  /** Columns of the result; those behind are hidden. */
  readonly width: number;
  readonly marks: readonly MarkedRelation[];
  /** Base relations of FROM that are not locked. */
  readonly others: readonly JoinedRelation[];
  /** Positions of the columns that tell rows of FROM's other items apart. */
  readonly identity: readonly number[];
  /** Yields a row of OFFSET and LIMIT, NULL for none; undefined: neither is there. */
  readonly limit: SelectPlan | undefined;
}

export interface JoinedRelation {
  readonly rte: RangeTblEntry;
  readonly table: CatalogTable;
  /** Position of the row's storage key. */
  readonly key: number;
}

export interface MarkedRelation extends JoinedRelation {
  readonly strength: RowMark['strength'];
  readonly wait: RowMark['wait'];
  /** Position of the version that has been read. */
  readonly seq: number;
}
