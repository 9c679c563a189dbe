import { PgError, SqlState, assert, notSupported } from '../base/index.ts';
import type { Expr, Query, TargetEntry, VarExpr } from '../analyzer/tree.ts';
import type { CatalogSnapshot, CatalogTable } from '../catalog/types.ts';
import type { StoredIndex } from '../storage/types.ts';
import { Oid } from '../types/oid.ts';
import type { PlanStep, SelectPlan } from './nodes.ts';
import { SystemColumn } from './nodes.ts';
import { columnVar, systemVar, targetEntry } from './build-tree.ts';
import { cursorOf, takeCurrentRow } from './current-of.ts';
import { expandMultiAssignments } from './multi-assignment.ts';
import { normalizeQuery } from './normalize.ts';
import type { RowRules } from './row-rules.ts';
import { rowRules } from './row-rules.ts';
import { ownFunctionIn } from './own-functions.ts';
import type { ExecutorSupport } from './plan-select.ts';
import { planSelect, takeSteps } from './plan-select.ts';
import { referencedRtes } from './scans.ts';
import type { Projection } from './projection.ts';
import { planProjection } from './projection.ts';
import { walk } from './walk.ts';

interface DmlCommon {
  readonly table: CatalogTable;
  /** rtindex of the target. */
  readonly target: number;
  readonly returning: Projection | undefined;
  readonly rules: RowRules;
}

export interface InsertPlan extends DmlCommon {
  readonly kind: 'insert';
  /** Yields a value for each of `positions`. */
  readonly source: SelectPlan;
  /** Column positions (in table.columns) that the source's columns go to. */
  readonly positions: readonly number[];
  /** Columns that only pgtide can compute (nextval), apart from a source that another executor runs; once a row. */
  readonly own:
    | { readonly positions: readonly number[]; readonly projection: Projection }
    | undefined;
  readonly onConflict: ConflictPlan | undefined;
}

export interface ConflictPlan {
  readonly action: 'nothing' | 'update';
  /** The unique keys that count: null is the primary key. Empty: any. */
  readonly arbiters: readonly (StoredIndex | null)[];
  readonly excluded: number;
  /** A deferrable constraint that would have to arbitrate, by name: the first row fails (55000). */
  readonly deferrable: string | undefined;
  /** DO UPDATE: positions set; the projection yields WHERE (or true) first, then the values. */
  readonly positions: readonly number[];
  readonly set: Projection | undefined;
}

export interface UpdatePlan extends DmlCommon {
  readonly kind: 'update';
  /**
   * Yields `systemSlots`, every column of the target, the new values, then the other relations' columns RETURNING needs, then
   * the row keys of the other tables in FROM.
   */
  readonly source: SelectPlan;
  readonly positions: readonly number[];
  readonly others: readonly VarExpr[];
  /** How many row keys of other tables the source yields last: what a target row was joined to. */
  readonly identities: number;
}

export interface DeletePlan extends DmlCommon {
  readonly kind: 'delete';
  readonly source: SelectPlan;
  readonly others: readonly VarExpr[];
  readonly identities: number;
}

export type DmlPlan = InsertPlan | UpdatePlan | DeletePlan;

/** What the source of UPDATE and DELETE yields first: enough to find the stored row again. */
export const systemSlots = [
  { attno: SystemColumn.rowKey, typeOid: Oid.bytea },
  { attno: SystemColumn.seq, typeOid: Oid.int8 },
] as const;

/** Vars of RETURNING that belong to relations other than the target. */
function otherVars(query: Query, target: number): VarExpr[] {
  const found = new Map<string, VarExpr>();
  walk(
    query.returningList.map((entry) => entry.expr),
    (expr, queries) => {
      if (expr.kind !== 'var' || expr.levelsUp !== queries.length || expr.varno === target) return;
      if (expr.attno === 0) throw notSupported('a whole row of another relation in RETURNING');
      found.set(`${expr.varno}/${expr.attno}`, { ...expr, levelsUp: 0 });
    },
  );
  return [...found.values()];
}

export function planDml(
  analyzed: Query,
  catalog: CatalogSnapshot,
  executors: ExecutorSupport,
): DmlPlan {
  const { query, before } = takeSteps(normalizeQuery(analyzed, catalog), catalog, executors);
  const target = query.resultRelation;
  const rte = query.rtable[target - 1];
  assert(rte !== undefined, 'DML has a target');
  // A computed relation or a sequence is rows in memory by now.
  const table = rte.rteKind === 'relation' ? catalog.table(rte.relid) : undefined;
  if (table === undefined) {
    const name = analyzed.rtable[target - 1]?.name ?? '';
    throw new PgError(SqlState.insufficientPrivilege, `permission denied for table ${name}`, {
      hint: 'System relations are read-only.',
    });
  }
  if (query.hasModifyingCTE) throw notSupported('data-modifying WITH');
  const expandRow = (variable: VarExpr): readonly VarExpr[] =>
    variable.attno === 0 && variable.varno === target
      ? table.columns.map((_, position) => ({
          ...columnVar(table, target, position),
          returning: variable.returning,
        }))
      : [variable];
  const returning =
    query.returningList.length === 0
      ? undefined
      : planProjection(query.returningList, query, catalog, executors, expandRow);
  const common = {
    table,
    target,
    returning,
    rules: rowRules(query, table, target, catalog, executors),
  };
  if (table.stored.kind === 'stream' && query.commandType !== 'insert') {
    throw notSupported(
      `${query.commandType.toUpperCase()} of stream table "${table.stored.name}"`,
      {
        hint: 'Rows of a stream table go when their time to live ends.',
      },
    );
  }
  switch (query.commandType) {
    case 'insert':
      return withSteps(planInsert(query, common, catalog, executors), before);
    case 'update':
    case 'delete':
      return withSteps(planChange(query, common, catalog, executors), before);
    default:
      throw notSupported(query.commandType.toUpperCase());
  }
}

/** The steps' rows are there for RETURNING too: the source runs first. */
function withSteps<T extends DmlPlan>(plan: T, before: readonly PlanStep[]): T {
  return before.length === 0
    ? plan
    : { ...plan, source: Object.freeze({ ...plan.source, before }) };
}

function selectOf(query: Query, targetList: readonly TargetEntry[]): Query {
  return {
    ...query,
    commandType: 'select',
    resultRelation: 0,
    targetList,
    returningList: [],
    onConflict: undefined,
    withCheckOptions: [],
  };
}

function planInsert(
  query: Query,
  common: DmlCommon,
  catalog: CatalogSnapshot,
  executors: ExecutorSupport,
): InsertPlan {
  const entries = query.targetList.filter((entry) => !entry.junk);
  const positionsOf = (some: readonly TargetEntry[]): number[] =>
    some.map((entry) => common.table.positionOf[entry.resno] ?? -1);
  const sourceOf = (some: readonly TargetEntry[]): SelectPlan =>
    planSelect(
      selectOf(
        query,
        some.map((entry, i) => targetEntry(entry.expr, i + 1)),
      ),
      catalog,
      executors,
    );
  const onConflict = conflictPlan(query, common, catalog, executors);
  const whole = sourceOf(entries);
  const own = entries.filter(
    (entry) => ownFunctionIn(entry.expr, catalog) !== undefined && !readsSource(entry.expr),
  );
  const simple = whole.support.row === undefined && whole.scans.size === 0;
  if (simple || own.length === 0 || own.length === entries.length) {
    return {
      kind: 'insert',
      ...common,
      source: whole,
      positions: positionsOf(entries),
      own: undefined,
      onConflict,
    };
  }
  const rest = entries.filter((entry) => !own.includes(entry));
  return {
    kind: 'insert',
    ...common,
    source: sourceOf(rest),
    positions: positionsOf(rest),
    own: {
      positions: positionsOf(own),
      projection: planProjection(
        own.map((entry) => entry.expr),
        undefined,
        catalog,
        executors,
      ),
    },
    onConflict,
  };
}

function readsSource(expr: Expr): boolean {
  let reads = false;
  walk(expr, (inner) => {
    if (inner.kind === 'var' || inner.kind === 'subLink') reads = true;
  });
  return reads;
}

function conflictPlan(
  query: Query,
  common: DmlCommon,
  catalog: CatalogSnapshot,
  executors: ExecutorSupport,
): ConflictPlan | undefined {
  const { onConflict } = query;
  if (onConflict === undefined) return undefined;
  const { table, target } = common;
  if (onConflict.action === 'update' && table.stored.kind === 'stream') {
    throw notSupported(`ON CONFLICT DO UPDATE on stream table "${table.stored.name}"`);
  }
  const deferrable = deferrableArbiter(onConflict, table, catalog);
  const arbiters = deferrable === undefined ? arbiterIndexes(onConflict, table, catalog) : [];
  if (deferrable === undefined && arbiters.length === 0 && onConflict.arbiterElements.length > 0) {
    throw new PgError(
      SqlState.invalidColumnReference,
      'there is no unique or exclusion constraint matching the ON CONFLICT specification',
    );
  }
  if (onConflict.action === 'nothing') {
    return { action: 'nothing', arbiters, excluded: 0, deferrable, positions: [], set: undefined };
  }
  const always: Expr = {
    kind: 'const',
    typeOid: Oid.bool,
    typmod: -1,
    collation: 0,
    isNull: false,
    value: true,
    datum: undefined,
    location: -1,
  };
  const entries = onConflict.set.filter((entry) => !entry.junk);
  const excluded = onConflict.excludedRelation;
  const expandRow = (variable: VarExpr): readonly VarExpr[] =>
    variable.attno === 0
      ? table.columns.map((_, position) => columnVar(table, variable.varno, position))
      : [variable];
  return {
    action: 'update',
    arbiters,
    excluded,
    deferrable,
    positions: entries.map((entry) => table.positionOf[entry.resno] ?? -1),
    set: planProjection(
      [onConflict.where ?? always, ...entries.map((entry) => entry.expr)],
      query,
      catalog,
      executors,
      expandRow,
    ),
  };

  /** What is named, or fits the columns; without either every unique key arbitrates. */
  function deferrableArbiter(
    clause: NonNullable<Query['onConflict']>,
    of: CatalogTable,
    snapshot: CatalogSnapshot,
  ): string | undefined {
    if (of.deferrableUniques.length === 0) return undefined;
    const { arbiterElements } = clause;
    const named = clause.constraint === 0 ? undefined : snapshot.constraintName(clause.constraint);
    const columns = new Set(arbiterElements.map((expr) => (expr.kind === 'var' ? expr.attno : 0)));
    return of.deferrableUniques.find(({ name, index }) => {
      if (named !== undefined) return name === named;
      if (arbiterElements.length === 0) return true;
      return index.columns.length === columns.size && index.columns.every((id) => columns.has(id));
    })?.name;
  }

  function arbiterIndexes(
    clause: NonNullable<Query['onConflict']>,
    of: CatalogTable,
    snapshot: CatalogSnapshot,
  ): (StoredIndex | null)[] {
    const keys: {
      index: StoredIndex | null;
      columns: readonly number[];
      name: string | undefined;
    }[] = [
      { index: null, columns: of.stored.primaryKey, name: of.stored.primaryKeyName },
      ...of.stored.indexes
        .filter((index) => index.unique)
        .map((index) => ({ index, columns: index.columns, name: index.name })),
    ].filter((key) => key.columns.length > 0);
    if (clause.constraint !== 0) {
      const name = snapshot.constraintName(clause.constraint);
      return keys.filter((key) => key.name === name).map((key) => key.index);
    }
    if (clause.arbiterElements.length === 0) return [];
    const wanted = clause.arbiterElements.map((expr) => {
      if (expr.kind !== 'var' || expr.varno !== target) {
        throw notSupported('an expression as conflict target');
      }
      return expr.attno;
    });
    return keys
      .filter(
        (key) =>
          key.columns.length === new Set(wanted).size &&
          key.columns.every((columnId) => wanted.includes(columnId)),
      )
      .map((key) => key.index);
  }
}

/** The row keys of the other tables that FROM joins to the target. */
function joinedKeys(query: Query, target: number, catalog: CatalogSnapshot): VarExpr[] {
  const joined = referencedRtes(query.jointree).filter((rtindex) => {
    const rte = query.rtable[rtindex - 1];
    return (
      rtindex !== target && rte?.rteKind === 'relation' && catalog.table(rte.relid) !== undefined
    );
  });
  return joined.map((rtindex) => systemVar(rtindex, SystemColumn.rowKey, Oid.bytea));
}

function planChange(
  query: Query,
  common: DmlCommon,
  catalog: CatalogSnapshot,
  executors: ExecutorSupport,
): UpdatePlan | DeletePlan {
  const { table, target } = common;
  const others = otherVars(query, target);
  const identities = joinedKeys(query, target, catalog);
  const isUpdate = query.commandType === 'update';
  const entries = isUpdate ? expandMultiAssignments(query.targetList, catalog) : [];
  const exprs: Expr[] = [
    ...systemSlots.map((slot) => systemVar(target, slot.attno, slot.typeOid)),
    ...table.columns.map((_, position) => columnVar(table, target, position)),
    ...entries.map((entry) => entry.expr),
    ...others,
    ...identities,
  ];
  const selecting = selectOf(
    query,
    exprs.map((expr, i) => targetEntry(expr, i + 1)),
  );
  const cursor = cursorOf(query);
  const source = planSelect(
    cursor === undefined ? selecting : takeCurrentRow(selecting, table, target, cursor),
    catalog,
    executors,
  );
  if (!isUpdate)
    return { kind: 'delete', ...common, source, others, identities: identities.length };
  const positions = entries.map((entry) => table.positionOf[entry.resno] ?? -1);
  return { kind: 'update', ...common, source, positions, others, identities: identities.length };
}
