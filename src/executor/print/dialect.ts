import type {
  CommonTableExpr,
  Expr,
  Query,
  RangeTblEntry,
  SortGroupClause,
  TargetEntry,
} from '../../analyzer/tree.ts';
import type { CatalogSnapshot } from '../../catalog/types.ts';
import type { Value } from '../../types/value.ts';
import type { ColumnarType } from './columnar-type.ts';

/** An expression in SQL, safe as an operand. `type` is known in the DuckDB dialect only. */
export interface Printed {
  readonly sql: string;
  readonly type?: ColumnarType | undefined;
  /** The same without its guard, for an enclosing expression that takes the guard over. */
  readonly unguarded?: Unguarded | undefined;
  /** `sql` is made of this alone, one to one: cheaper to group by. */
  readonly groupKey?: string | undefined;
  /** A date or timestamp that can't be infinite. */
  readonly finite?: boolean | undefined;
}

/** A value that is PostgreSQL's unless one of `failures` holds; an infinite value fails too and stays infinite or NaN. */
export interface Unguarded {
  readonly sql: string;
  readonly failures: readonly string[];
  /** The operands, all of them, that may be infinite or NaN themselves. */
  readonly leaves: readonly string[];
}

/** Thrown by printers: the dialect has no exact words for something. `message` names it. */
export class Unprintable extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'Unprintable';
  }
}

/** What `relation` gives for an RTE of kind relation or rows: a FROM item without its alias, and its columns' names. */
export interface PrintedRelation {
  readonly sql: string;
  /** By attno; 0 is a column that holds the whole row. */
  column(attno: number): {
    readonly name: string;
    readonly type?: ColumnarType | undefined;
    readonly finite?: boolean | undefined;
  };
}

export interface RelationRequest {
  readonly rte: RangeTblEntry;
  /** A whole-row Var points here. */
  readonly wholeRow: boolean;
}

/** Where a query's text meets the outside. */
export interface PrintEnvironment {
  readonly catalog: CatalogSnapshot;
  /** Values of the extern Params; undefined at planning time, when only their types are known. */
  readonly params: readonly Value[] | undefined;
  readonly paramTypes: readonly number[];
  relation(request: RelationRequest): PrintedRelation;
}

/** A query level while it is being printed. */
export interface Scope {
  readonly parent: Scope | undefined;
  readonly query: Query;
  /** By rtindex - 1; undefined until its FROM item has been printed. */
  readonly rtes: (PrintedRte | undefined)[];
  readonly ctes: Map<string, PrintedCte>;
  /** Above zero inside an aggregate's arguments, where ungrouped Vars need no any_value. */
  aggregateDepth: number;
  /** True while printing what GROUP BY restricts: target list, HAVING, ORDER BY. */
  restricted: boolean;
  /** What a CaseTestExpr stands for. */
  readonly caseTests: Printed[];
  /** What Params of kind sublink stand for, by id. */
  readonly subLinkColumns: Map<number, Printed>[];
}

export interface PrintedRte {
  readonly alias: string;
  column(attno: number): Printed;
  /** Names of all columns in order. */
  readonly names: readonly string[];
}

export interface PrintedCte {
  readonly name: string;
  readonly cte: CommonTableExpr;
  /** Undefined while the CTE itself is being printed (a recursive reference). */
  columns: readonly (ColumnarType | undefined)[] | undefined;
}

export interface PrintedQuery {
  readonly sql: string;
  /** Of the non-junk targets, in order. */
  readonly types: readonly (ColumnarType | undefined)[];
}

/** What the shared part of the printer asks of a dialect, and what it offers to it. */
export interface Printer {
  readonly env: PrintEnvironment;
  query(query: Query, parent: Scope | undefined, columnNames?: readonly string[]): PrintedQuery;
  expr(expr: Expr, scope: Scope): Printed;
  windowName(winref: number): string;
  freshAlias(): string;
}

export interface Dialect {
  readonly name: 'postgres' | 'duckdb';
  /** Every kind but var, param of kind sublink and caseTest, which the printer resolves itself. */
  expr(expr: Expr, scope: Scope, printer: Printer): Printed;
  /** The name of an RTE's column inside its alias. */
  columnNames(rte: RangeTblEntry): readonly string[];
  /** One element of ORDER BY, without its NULLS words. */
  sortKey(key: string, clause: SortGroupClause, printer: Printer): string;
  /** A sort key as an expression that the output column of the same value does not share; the key itself when it may. */
  keyApart(key: Printed): string;
  limit(query: Query, scope: Scope, printer: Printer): string;
  functionRte(
    rte: RangeTblEntry & { rteKind: 'function' },
    scope: Scope,
    printer: Printer,
  ): { readonly sql: string; readonly types: readonly (ColumnarType | undefined)[] };
  wholeRow(rte: PrintedRte, entry: RangeTblEntry, typeOid: number, printer: Printer): Printed;
  /** Refuses what the dialect does not know of the query as a whole. */
  checkQuery(query: Query): void;
  /** Refuses grouping, distinct or ordering by this printed key (a type or collation that compares otherwise). */
  checkKey(key: Printed, target: TargetEntry | undefined, ordered: boolean): void;
  /** The type of a CTE column, row column or set operation that has no printed query to tell. */
  declaredType(typeOid: number, typmod: number): ColumnarType | undefined;
  /** One type for a column of several alternatives (set operation branches, VALUES rows). */
  commonType(types: readonly (ColumnarType | undefined)[], what: string): ColumnarType | undefined;
  /** Words that keep the optimiser from moving outer quals into a security barrier. */
  readonly barrier: string;
}
