import type { Expr, Query, RangeTblEntry, VarExpr } from '../../analyzer/tree.ts';
import type { CatalogSnapshot, CatalogTable } from '../../catalog/types.ts';
import type { Evaluator } from './frame.ts';
import type { AggregateSlot } from './aggregate.ts';
import type { CteBinding } from './cte.ts';
import type { RelationSource } from './relation-source.ts';

/** What the compiler asks the catalog: tables by relid, and names of functions that are not built in. */
export type RowCatalog = Pick<CatalogSnapshot, 'table' | 'sequence' | 'functionName' | 'enums'>;

/** Facts shared by all levels of one statement's compilation. */
export interface Compiler {
  readonly catalog: RowCatalog;
  /** Every place that reads a stored table, at any level. */
  readonly sources: RelationSource[];
}

/** One place in the statement that reads a stored table. */
export interface RelationLeaf {
  readonly rte: RangeTblEntry;
  readonly table: CatalogTable;
  /** attnums that expressions read. */
  readonly attnos: Set<number>;
}

/** Names of one query level, while its expressions are being compiled. */
export interface Scope {
  readonly parent: Scope | undefined;
  readonly compiler: Compiler;
  readonly rtable: readonly RangeTblEntry[];
  /** By rtindex: leaves of this level made so far. */
  readonly leaves: Map<number, RelationLeaf>;
  readonly ctes: CteBinding[];
  /** rtindexes of this level that expressions have read since it was last replaced. */
  reads: Set<number>;
  /** Set once an expression of this level, or below it, reads a row of an outer level. */
  correlated: boolean;
  /** Where Aggrefs of this level are collected; undefined where they can't stand. */
  aggregates: AggregateSlot[] | undefined;
  /** Whether the grouping RTE's columns come from frame.groups (after grouping) or are computed (before). */
  grouped: boolean;
  /** Vars of varnos that are no RTE (DML's OLD, NEW, EXCLUDED), when the caller has them. */
  readonly extraVar: ((expr: VarExpr) => Evaluator | undefined) | undefined;
}

export function createScope(
  query: Pick<Query, 'rtable'>,
  parent: Scope | undefined,
  compiler: Compiler,
): Scope {
  return {
    parent,
    compiler,
    rtable: query.rtable,
    leaves: new Map(),
    ctes: [],
    reads: new Set(),
    correlated: false,
    aggregates: undefined,
    grouped: false,
    extraVar: undefined,
  };
}

/** The scope `levels` up; all scopes passed on the way are marked as reading outer rows. */
export function outerScope(scope: Scope, levels: number): Scope | undefined {
  let at: Scope | undefined = scope;
  for (let i = 0; i < levels && at; i++) {
    at.correlated = true;
    at = at.parent;
  }
  return at;
}

/** Replaces Vars of join RTEs by what they stand for, so that later stages see base relations only. */
export function resolveJoinVar(rtable: readonly RangeTblEntry[], expr: Expr): Expr {
  let at = expr;
  while (at.kind === 'var' && at.attno > 0) {
    const rte: RangeTblEntry | undefined = rtable[at.varno - 1];
    if (rte?.rteKind !== 'join') return at;
    const alias = rte.aliasVars[at.attno - 1];
    if (!alias) return at;
    at = alias;
  }
  return at;
}
