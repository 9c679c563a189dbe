/**
 * PostgreSQL's analyzed and rewritten Query tree as frozen, typed records: what the planner reads and every executor
 * understands. Names and meanings are PostgreSQL 18's (src/include/nodes/parsenodes.h, primnodes.h) in camelCase;
 * OIDs stay OIDs. The reader (read-tree.ts) makes these from the text that `debug_print_rewritten` prints.
 */
import type { Value } from '../types/value.ts';

export interface Query {
  readonly kind: 'query';
  readonly commandType: 'select' | 'insert' | 'update' | 'delete' | 'merge' | 'utility' | 'nothing';
  /** 1-based index into rtable of the DML target, 0 otherwise. */
  readonly resultRelation: number;
  readonly hasAggs: boolean;
  readonly hasWindowFuncs: boolean;
  readonly hasTargetSRFs: boolean;
  readonly hasSubLinks: boolean;
  readonly hasDistinctOn: boolean;
  readonly hasRecursive: boolean;
  readonly hasModifyingCTE: boolean;
  readonly hasForUpdate: boolean;
  readonly hasRowSecurity: boolean;
  readonly cteList: readonly CommonTableExpr[];
  readonly rtable: readonly RangeTblEntry[];
  readonly permissions: readonly RtePermission[];
  readonly jointree: FromExpr;
  readonly targetList: readonly TargetEntry[];
  readonly override: 'default' | 'user' | 'system';
  readonly onConflict: OnConflictExpr | undefined;
  /** Names by which RETURNING may say OLD and NEW. */
  readonly returningOldAlias: string | undefined;
  readonly returningNewAlias: string | undefined;
  readonly returningList: readonly TargetEntry[];
  readonly groupClause: readonly SortGroupClause[];
  readonly groupDistinct: boolean;
  readonly groupingSets: readonly GroupingSet[];
  readonly havingQual: Expr | undefined;
  readonly windowClause: readonly WindowClause[];
  readonly distinctClause: readonly SortGroupClause[];
  readonly sortClause: readonly SortGroupClause[];
  readonly limitOffset: Expr | undefined;
  readonly limitCount: Expr | undefined;
  readonly limitOption: 'count' | 'withTies';
  readonly rowMarks: readonly RowMark[];
  readonly setOperations: SetOperation | RangeTblRef | undefined;
  readonly withCheckOptions: readonly WithCheckOption[];
}

export interface CommonTableExpr {
  readonly kind: 'cte';
  readonly name: string;
  readonly materialized: 'default' | 'always' | 'never';
  readonly query: Query;
  readonly recursive: boolean;
  readonly refCount: number;
  readonly columnNames: readonly string[];
  readonly columnTypes: readonly number[];
  readonly columnTypmods: readonly number[];
  readonly columnCollations: readonly number[];
  /** SEARCH or CYCLE clauses are present (the rewriter has already expanded them into the query). */
  readonly hasSearchOrCycle: boolean;
}

interface RteCommon {
  readonly kind: 'rte';
  /** The alias as written, undefined when none. */
  readonly alias: string | undefined;
  /** The name by which it is known (eref). */
  readonly name: string;
  /** Column names by attno - 1; dropped columns are ''. */
  readonly columnNames: readonly string[];
  readonly lateral: boolean;
  readonly inFromClause: boolean;
  /** Row-security and security-barrier quals, to be applied before any other. */
  readonly securityQuals: readonly Expr[];
}

export type RangeTblEntry =
  | (RteCommon & {
      readonly rteKind: 'relation';
      readonly relid: number;
      /** pg_class.relkind. */
      readonly relkind: string;
      readonly inh: boolean;
      /** 1-based index into permissions, 0: none. */
      readonly permission: number;
      readonly tablesample: boolean;
    })
  | (RteCommon & {
      readonly rteKind: 'subquery';
      readonly query: Query;
      readonly securityBarrier: boolean;
      /** The view's relid when this was a view, else 0. */
      readonly viewRelid: number;
      readonly permission: number;
    })
  | (RteCommon & {
      readonly rteKind: 'join';
      readonly joinType: JoinType;
      readonly mergedColumns: number;
      /** What each output column stands for. */
      readonly aliasVars: readonly Expr[];
    })
  | (RteCommon & {
      readonly rteKind: 'function';
      readonly functions: readonly RangeTblFunction[];
      readonly ordinality: boolean;
    })
  | (RteCommon & {
      readonly rteKind: 'values';
      readonly lists: readonly (readonly Expr[])[];
      readonly columnTypes: readonly number[];
      readonly columnTypmods: readonly number[];
      readonly columnCollations: readonly number[];
    })
  | (RteCommon & {
      readonly rteKind: 'cte';
      readonly cteName: string;
      readonly levelsUp: number;
      readonly selfReference: boolean;
      readonly columnTypes: readonly number[];
      readonly columnTypmods: readonly number[];
      readonly columnCollations: readonly number[];
    })
  | (RteCommon & { readonly rteKind: 'result' })
  /** PostgreSQL 18's grouping RTE: Vars that point here stand for groupExprs. */
  | (RteCommon & { readonly rteKind: 'group'; readonly groupExprs: readonly Expr[] })
  /** JSON_TABLE, XMLTABLE, named tuplestores, graph tables: no executor but PGlite's verbatim path takes these. */
  | (RteCommon & { readonly rteKind: 'other'; readonly what: string })
  /**
   * Ours, never from the reader: rows already in memory, put in place of a relation or a sub-query by the planner. `source`
   * is a key into the execution's row sources.
   */
  | (RteCommon & {
      readonly rteKind: 'rows';
      readonly source: string;
      readonly columnTypes: readonly number[];
      readonly columnTypmods: readonly number[];
      readonly columnCollations: readonly number[];
    });

export interface RangeTblFunction {
  readonly expr: Expr;
  readonly columnCount: number;
  /** Only for functions with a column definition list; else empty. */
  readonly columnNames: readonly string[];
  readonly columnTypes: readonly number[];
  readonly columnTypmods: readonly number[];
}

export interface RtePermission {
  readonly relid: number;
  /** ACL_SELECT 2, ACL_INSERT 1, ACL_UPDATE 4, ACL_DELETE 8, … */
  readonly required: number;
  /** Role OID to check as (a view's owner), 0: the current user. */
  readonly checkAsUser: number;
  /** attnos (system columns negative, whole row 0). */
  readonly selectedColumns: readonly number[];
  readonly insertedColumns: readonly number[];
  readonly updatedColumns: readonly number[];
}

export type JoinType = 'inner' | 'left' | 'full' | 'right' | 'semi' | 'anti';

export interface FromExpr {
  readonly kind: 'from';
  readonly items: readonly FromItem[];
  readonly quals: Expr | undefined;
}

export interface JoinExpr {
  readonly kind: 'join';
  readonly joinType: JoinType;
  readonly natural: boolean;
  readonly left: FromItem;
  readonly right: FromItem;
  readonly usingColumns: readonly string[];
  readonly quals: Expr | undefined;
  readonly alias: string | undefined;
  /** Index of the join's own RTE. */
  readonly rtindex: number;
}

export interface RangeTblRef {
  readonly kind: 'ref';
  /** 1-based index into the query's rtable. */
  readonly rtindex: number;
}

export type FromItem = RangeTblRef | JoinExpr | FromExpr;

export interface TargetEntry {
  readonly kind: 'target';
  readonly expr: Expr;
  readonly resno: number;
  readonly name: string | undefined;
  /** Nonzero: referenced by group, sort, distinct or window clauses. */
  readonly sortGroupRef: number;
  readonly originTable: number;
  readonly originColumn: number;
  /** Not part of the output. */
  readonly junk: boolean;
}

export interface SortGroupClause {
  readonly kind: 'sortGroup';
  readonly ref: number;
  readonly eqOperator: number;
  readonly sortOperator: number;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

export interface GroupingSet {
  readonly kind: 'groupingSet';
  readonly setKind: 'empty' | 'simple' | 'rollup' | 'cube' | 'sets';
  /** For simple: sortGroupRefs. */
  readonly refs: readonly number[];
  readonly content: readonly GroupingSet[];
}

export interface WindowClause {
  readonly kind: 'window';
  readonly name: string | undefined;
  readonly refName: string | undefined;
  readonly partition: readonly SortGroupClause[];
  readonly order: readonly SortGroupClause[];
  /** FRAMEOPTION_* bits (parsenodes.h). */
  readonly frameOptions: number;
  readonly startOffset: Expr | undefined;
  readonly endOffset: Expr | undefined;
  readonly startInRangeFunc: number;
  readonly endInRangeFunc: number;
  readonly winref: number;
}

export interface SetOperation {
  readonly kind: 'setOperation';
  readonly op: 'union' | 'intersect' | 'except';
  readonly all: boolean;
  readonly left: SetOperation | RangeTblRef;
  readonly right: SetOperation | RangeTblRef;
  readonly columnTypes: readonly number[];
  readonly columnTypmods: readonly number[];
  readonly columnCollations: readonly number[];
  readonly groupClauses: readonly SortGroupClause[];
}

export interface RowMark {
  readonly rtindex: number;
  readonly strength: 'keyShare' | 'share' | 'noKeyUpdate' | 'update';
  readonly wait: 'block' | 'skip' | 'error';
  readonly pushedDown: boolean;
}

export interface OnConflictExpr {
  readonly kind: 'onConflict';
  readonly action: 'nothing' | 'update';
  readonly arbiterElements: readonly Expr[];
  readonly arbiterWhere: Expr | undefined;
  /** OID of the constraint named by ON CONSTRAINT, else 0. */
  readonly constraint: number;
  readonly set: readonly TargetEntry[];
  readonly where: Expr | undefined;
  /** rtindex of EXCLUDED. */
  readonly excludedRelation: number;
}

export interface WithCheckOption {
  readonly kind: 'withCheck';
  readonly checkKind: 'view' | 'rlsInsert' | 'rlsUpdate' | 'rlsConflict' | 'other';
  readonly relationName: string;
  readonly policyName: string | undefined;
  readonly qual: Expr | undefined;
  readonly cascaded: boolean;
}

interface Typed {
  readonly typeOid: number;
}

export type Expr =
  | VarExpr
  | ConstExpr
  | ParamExpr
  | AggrefExpr
  | WindowFuncExpr
  | GroupingFuncExpr
  | FuncCall
  | OpCall
  | ScalarArrayOp
  | BoolExpr
  | SubLinkExpr
  | CaseExpr
  | CaseTestExpr
  | ArrayExpr
  | RowExpr
  | RowCompareExpr
  | CoalesceExpr
  | MinMaxExpr
  | SqlValueFunction
  | NullTest
  | BooleanTest
  | RelabelType
  | CoerceViaIo
  | ArrayCoerce
  | ConvertRowtype
  | CollateExpr
  | CoerceToDomain
  | CoerceToDomainValue
  | SubscriptingRef
  | FieldSelect
  | FieldStore
  | NextValueExpr
  | SetToDefault
  | CurrentOfExpr
  | NamedArg
  | OtherExpr;

/** attno 0 is the whole row; negative: PostgreSQL's own system columns. Ours arrive as FuncCall of `_seq(record)` etc. */
export interface VarExpr extends Typed {
  readonly kind: 'var';
  readonly varno: number;
  readonly attno: number;
  readonly typmod: number;
  readonly collation: number;
  readonly levelsUp: number;
  /** RETURNING OLD.x / NEW.x. */
  readonly returning: 'default' | 'old' | 'new';
  readonly location: number;
}

export interface ConstExpr extends Typed {
  readonly kind: 'const';
  readonly typmod: number;
  readonly collation: number;
  readonly isNull: boolean;
  /** Decoded, for the types in src/types; undefined for others (then `datum` holds PostgreSQL's internal bytes). */
  readonly value: Value | undefined;
  readonly datum: Uint8Array | undefined;
  /** Byte offset of the literal in the statement's text, -1 when unknown. */
  readonly location: number;
}

export interface ParamExpr extends Typed {
  readonly kind: 'param';
  /** extern: $n. sublink: an output column of the enclosing SubLink's query. */
  readonly paramKind: 'extern' | 'exec' | 'sublink' | 'multiexpr';
  readonly id: number;
  readonly typmod: number;
  readonly collation: number;
}

export interface AggrefExpr extends Typed {
  readonly kind: 'aggref';
  readonly funcId: number;
  readonly argTypes: readonly number[];
  readonly directArgs: readonly Expr[];
  readonly args: readonly TargetEntry[];
  readonly order: readonly SortGroupClause[];
  readonly distinct: readonly SortGroupClause[];
  readonly filter: Expr | undefined;
  readonly star: boolean;
  readonly variadic: boolean;
  readonly aggKind: 'normal' | 'orderedSet' | 'hypothetical';
  readonly levelsUp: number;
  readonly inputCollation: number;
  readonly location: number;
}

export interface WindowFuncExpr extends Typed {
  readonly kind: 'windowFunc';
  readonly funcId: number;
  readonly args: readonly Expr[];
  readonly filter: Expr | undefined;
  readonly winref: number;
  readonly star: boolean;
  /** An aggregate used as a window function. */
  readonly aggregate: boolean;
  readonly inputCollation: number;
  readonly location: number;
}

export interface GroupingFuncExpr extends Typed {
  readonly kind: 'grouping';
  readonly args: readonly Expr[];
  readonly refs: readonly number[];
  readonly levelsUp: number;
}

export interface FuncCall extends Typed {
  readonly kind: 'func';
  readonly funcId: number;
  readonly args: readonly Expr[];
  readonly returnsSet: boolean;
  readonly variadic: boolean;
  readonly format: 'call' | 'explicitCast' | 'implicitCast' | 'sqlSyntax';
  readonly collation: number;
  readonly inputCollation: number;
  readonly location: number;
}

/** OpExpr, DistinctExpr (IS DISTINCT FROM) and NullIfExpr share one shape, as in primnodes.h. */
export interface OpCall extends Typed {
  readonly kind: 'op' | 'distinct' | 'nullIf';
  readonly operatorId: number;
  readonly funcId: number;
  readonly args: readonly Expr[];
  readonly collation: number;
  readonly inputCollation: number;
  readonly location: number;
}

export interface ScalarArrayOp extends Typed {
  readonly kind: 'scalarArrayOp';
  readonly operatorId: number;
  readonly funcId: number;
  /** true: ANY, false: ALL. */
  readonly useOr: boolean;
  readonly args: readonly Expr[];
  readonly inputCollation: number;
  readonly location: number;
}

export interface BoolExpr extends Typed {
  readonly kind: 'bool';
  readonly op: 'and' | 'or' | 'not';
  readonly args: readonly Expr[];
}

export interface SubLinkExpr extends Typed {
  readonly kind: 'subLink';
  readonly linkKind:
    | 'exists'
    | 'all'
    | 'any'
    | 'rowCompare'
    | 'expr'
    | 'multiExpr'
    | 'array'
    | 'cte';
  readonly id: number;
  /** Over Params of kind sublink; undefined for exists, expr, array. */
  readonly testExpr: Expr | undefined;
  readonly operatorName: string | undefined;
  readonly query: Query;
  readonly location: number;
}

export interface CaseExpr extends Typed {
  readonly kind: 'case';
  readonly collation: number;
  readonly arg: Expr | undefined;
  readonly whens: readonly { readonly when: Expr; readonly then: Expr }[];
  readonly otherwise: Expr | undefined;
}

export interface CaseTestExpr extends Typed {
  readonly kind: 'caseTest';
  readonly typmod: number;
  readonly collation: number;
}

export interface ArrayExpr extends Typed {
  readonly kind: 'array';
  readonly elementOid: number;
  readonly elements: readonly Expr[];
  readonly multidims: boolean;
}

export interface RowExpr extends Typed {
  readonly kind: 'row';
  readonly args: readonly Expr[];
  readonly columnNames: readonly string[];
  readonly format: 'call' | 'explicitCast' | 'implicitCast' | 'sqlSyntax';
}

export interface RowCompareExpr extends Typed {
  readonly kind: 'rowCompare';
  readonly op: '<' | '<=' | '=' | '>=' | '>' | '<>';
  readonly operatorIds: readonly number[];
  readonly left: readonly Expr[];
  readonly right: readonly Expr[];
}

export interface CoalesceExpr extends Typed {
  readonly kind: 'coalesce';
  readonly collation: number;
  readonly args: readonly Expr[];
}

export interface MinMaxExpr extends Typed {
  readonly kind: 'minMax';
  readonly op: 'greatest' | 'least';
  readonly collation: number;
  readonly inputCollation: number;
  readonly args: readonly Expr[];
}

export interface SqlValueFunction extends Typed {
  readonly kind: 'sqlValue';
  readonly op:
    | 'current_date'
    | 'current_time'
    | 'current_timestamp'
    | 'localtime'
    | 'localtimestamp'
    | 'current_role'
    | 'current_user'
    | 'user'
    | 'session_user'
    | 'current_catalog'
    | 'current_schema';
  readonly typmod: number;
}

export interface NullTest extends Typed {
  readonly kind: 'nullTest';
  readonly arg: Expr;
  readonly isNull: boolean;
  /** The argument is a row: IS NULL means every field is null. */
  readonly argIsRow: boolean;
}

export interface BooleanTest extends Typed {
  readonly kind: 'booleanTest';
  readonly arg: Expr;
  readonly test: 'true' | 'notTrue' | 'false' | 'notFalse' | 'unknown' | 'notUnknown';
}

export interface RelabelType extends Typed {
  readonly kind: 'relabel';
  readonly arg: Expr;
  readonly typmod: number;
  readonly collation: number;
  readonly format: 'call' | 'explicitCast' | 'implicitCast' | 'sqlSyntax';
}

export interface CoerceViaIo extends Typed {
  readonly kind: 'coerceViaIo';
  readonly arg: Expr;
  readonly collation: number;
  readonly format: 'call' | 'explicitCast' | 'implicitCast' | 'sqlSyntax';
}

export interface ArrayCoerce extends Typed {
  readonly kind: 'arrayCoerce';
  readonly arg: Expr;
  /** Over a CaseTestExpr that stands for the element. */
  readonly elementExpr: Expr;
  readonly typmod: number;
  readonly format: 'call' | 'explicitCast' | 'implicitCast' | 'sqlSyntax';
}

export interface ConvertRowtype extends Typed {
  readonly kind: 'convertRowtype';
  readonly arg: Expr;
}

export interface CollateExpr extends Typed {
  readonly kind: 'collate';
  readonly arg: Expr;
  readonly collation: number;
}

export interface CoerceToDomain extends Typed {
  readonly kind: 'coerceToDomain';
  readonly arg: Expr;
  readonly typmod: number;
  readonly format: 'call' | 'explicitCast' | 'implicitCast' | 'sqlSyntax';
}

export interface CoerceToDomainValue extends Typed {
  readonly kind: 'domainValue';
}

export interface SubscriptingRef extends Typed {
  readonly kind: 'subscript';
  readonly containerType: number;
  readonly elementType: number;
  readonly typmod: number;
  readonly collation: number;
  /** undefined entries: an omitted slice bound. */
  readonly upper: readonly (Expr | undefined)[];
  /** Empty unless a slice. */
  readonly lower: readonly (Expr | undefined)[];
  readonly container: Expr;
  /** Set in UPDATE SET a[1] = x. */
  readonly assign: Expr | undefined;
}

export interface FieldSelect extends Typed {
  readonly kind: 'fieldSelect';
  readonly arg: Expr;
  readonly fieldNumber: number;
  readonly typmod: number;
  readonly collation: number;
}

export interface FieldStore extends Typed {
  readonly kind: 'fieldStore';
  readonly arg: Expr;
  readonly values: readonly Expr[];
  readonly fieldNumbers: readonly number[];
}

/** Identity columns. */
export interface NextValueExpr extends Typed {
  readonly kind: 'nextValue';
  readonly sequenceRelid: number;
}

export interface SetToDefault extends Typed {
  readonly kind: 'setToDefault';
}

export interface CurrentOfExpr extends Typed {
  readonly kind: 'currentOf';
  readonly varno: number;
  readonly cursorName: string | undefined;
}

export interface NamedArg extends Typed {
  readonly kind: 'namedArg';
  readonly arg: Expr;
  readonly name: string;
  readonly argNumber: number;
}

/** JSON constructors, XML and whatever else has no executor of ours; `tag` is PostgreSQL's node tag. */
export interface OtherExpr extends Typed {
  readonly kind: 'other';
  readonly tag: string;
  /** The fields as read, for a printer that knows the tag. */
  readonly fields: ReadonlyMap<string, unknown>;
}

/** What analysis of one statement gives. */
export interface Analyzed {
  readonly paramTypes: readonly number[];
  /** undefined: returns no rows. */
  readonly fields: readonly FieldDescription[] | undefined;
  /** One per query after rewriting (rules may give several); empty for utility statements. */
  readonly queries: readonly Query[];
  readonly notices: readonly import('../base/error.ts').Report[];
}

export interface FieldDescription {
  readonly name: string;
  readonly tableOid: number;
  readonly columnNumber: number;
  readonly typeOid: number;
  readonly typeSize: number;
  readonly typmod: number;
}
