import { PgError, SqlState, notSupported } from '../base/index.ts';
import type { Analyzed, Expr, Query } from '../analyzer/tree.ts';
import type { CatalogSnapshot } from '../catalog/types.ts';
import type { SelectPlan } from '../planner/nodes.ts';
import type { DmlPlan } from '../planner/plan-dml.ts';
import { planDml } from '../planner/plan-dml.ts';
import type { ExecutorSupport } from '../planner/plan-select.ts';
import { asksForFacts, ownFunctionIn } from '../planner/own-functions.ts';
import { planSelect } from '../planner/plan-select.ts';
import { allQueries, walk } from '../planner/walk.ts';
import { Oid } from '../types/oid.ts';
import { refusedFunctions } from './refused-functions.ts';

/** A statement that PostgreSQL has analyzed, as pgtide will run it. */
export type Planned =
  | { readonly kind: 'select'; readonly plan: SelectPlan }
  | { readonly kind: 'dml'; readonly plan: DmlPlan }
  /** Reads no stored table and is nothing that our executors know: PostgreSQL runs the text as it is. */
  | { readonly kind: 'verbatim'; readonly instance: 'mirror' | 'fallback' }
  /** SELECT set_config(…): the arguments of each call. */
  | { readonly kind: 'setConfig'; readonly plan: SelectPlan }
  /** SELECT pg_sleep(…). */
  | { readonly kind: 'sleep'; readonly plan: SelectPlan }
  /** SELECT … FROM tide.flush(…) and SELECT tide.flush(…). */
  | { readonly kind: 'flush'; readonly plan: SelectPlan; readonly composite: boolean };

/** The select list's calls when the query is nothing but calls of one function: `SELECT f(…), f(…)`. */
function onlyCallsOf(query: Query, name: string, catalog: CatalogSnapshot): Expr[] | undefined {
  if (query.jointree.items.length > 0 || query.commandType !== 'select') return undefined;
  const args: Expr[] = [];
  for (const { expr } of query.targetList) {
    if (expr.kind !== 'func' || catalog.functionName(expr.funcId) !== name) return undefined;
    args.push(...expr.args);
  }
  return query.targetList.length === 0 ? undefined : args;
}

/** A query without FROM that yields the expressions. */
function selectOf(query: Query, exprs: readonly Expr[]): Query {
  return {
    ...query,
    targetList: exprs.map((expr, i) => ({
      kind: 'target',
      expr,
      resno: i + 1,
      name: undefined,
      sortGroupRef: 0,
      originTable: 0,
      originColumn: 0,
      junk: false,
    })),
  };
}

export function planStatement(
  analyzed: Analyzed,
  catalog: CatalogSnapshot,
  support: ExecutorSupport,
): Planned {
  const [query, ...more] = analyzed.queries;
  if (query === undefined || more.length > 0) throw notSupported('a statement that rules rewrite');
  if (query.commandType !== 'select') {
    refuseSettingAndReading(query, catalog);
    refuseFunctions(query, catalog);
    return { kind: 'dml', plan: planDml(query, catalog, support) };
  }
  // Where no table is read the fallback would run it, and lose what it writes.
  if (query.hasModifyingCTE) throw notSupported('data-modifying WITH');
  const config = onlyCallsOf(query, 'pg_catalog.set_config', catalog);
  if (config !== undefined) {
    return { kind: 'setConfig', plan: planSelect(selectOf(query, config), catalog, support) };
  }
  refuseSettingAndReading(query, catalog);
  const sleep = onlyCallsOf(query, 'pg_catalog.pg_sleep', catalog);
  if (sleep?.length === 1) {
    return { kind: 'sleep', plan: planSelect(selectOf(query, sleep), catalog, support) };
  }
  const flush = flushArgument(query, catalog);
  if (flush !== undefined) {
    const plan = planSelect(
      selectOf({ ...query, rtable: [], jointree: noFrom }, [asOid(flush.arg)]),
      catalog,
      support,
    );
    return { kind: 'flush', plan, composite: flush.composite };
  }
  refuseFunctions(query, catalog);
  const plan = planSelect(query, catalog, support);
  if (plan.scans.size === 0 && plan.rowSources.length === 0) {
    if (!plan.usesCatalog && plan.support.row === undefined) return { kind: 'select', plan };
    if (plan.calls !== undefined && !plan.usesCatalog && plan.support.postgres === undefined) {
      return { kind: 'select', plan };
    }
    const own = ownFunctionIn(query, catalog);
    if (own !== undefined) {
      throw notSupported(`function ${own}() in this query`, {
        detail: plan.support.row,
        hint: `Call ${own}() in a statement of its own.`,
      });
    }
    const facts = !plan.usesCatalog && asksForFacts(query, catalog);
    if (facts && plan.support.postgres === undefined) return { kind: 'select', plan };
    return {
      kind: 'verbatim',
      instance: plan.usesCatalog || isBrief(query) ? 'mirror' : 'fallback',
    };
  }
  if (plan.usesCatalog) {
    throw notSupported('a query over both stored tables and PostgreSQL’s catalog');
  }
  return { kind: 'select', plan };
}

const noFrom = { kind: 'from', items: [], quals: undefined } as const;

/** A regclass as the number that it is: our executors hold no values of that type. */
function asOid(arg: Expr): Expr {
  if (arg.kind === 'const') return { ...arg, typeOid: Oid.oid };
  return {
    kind: 'relabel',
    typeOid: Oid.oid,
    arg,
    typmod: -1,
    collation: 0,
    format: 'implicitCast',
  };
}

function flushArgument(
  query: Query,
  catalog: CatalogSnapshot,
): { readonly arg: Expr; readonly composite: boolean } | undefined {
  const isFlush = (expr: Expr | undefined): boolean =>
    expr?.kind === 'func' && catalog.functionName(expr.funcId) === 'tide.flush';
  const listed = onlyCallsOf(query, 'tide.flush', catalog);
  if (listed?.length === 1) return { arg: listed[0]!, composite: true };
  let called = false;
  walk(query, (expr) => {
    if (isFlush(expr)) called = true;
  });
  if (!called) return undefined;
  const [rte] = query.rtable;
  const expr = rte?.rteKind === 'function' ? rte.functions[0]?.expr : undefined;
  const plain =
    query.rtable.length === 1 &&
    isFlush(expr) &&
    query.jointree.quals === undefined &&
    query.sortClause.length === 0 &&
    query.targetList.length === 6 &&
    query.targetList.every((entry, i) => entry.expr.kind === 'var' && entry.expr.attno === i + 1);
  if (!plain || expr?.kind !== 'func') {
    throw notSupported('tide.flush() other than as SELECT * FROM tide.flush(…)');
  }
  return { arg: expr.args[0]!, composite: false };
}

/** Nothing that may run long or return many rows: no function in FROM, no set-returning function, no sub-query. */
function isBrief(query: Query): boolean {
  return !query.hasTargetSRFs && allQueries(query).length === 1 && query.rtable.length === 0;
}

/** What a statement reads of settings is what they are when it begins. */
function refuseSettingAndReading(query: Query, catalog: CatalogSnapshot): void {
  const names = new Set<string | undefined>();
  walk(query, (expr) => {
    if (expr.kind === 'func') names.add(catalog.functionName(expr.funcId));
  });
  if (names.has('pg_catalog.set_config') && names.has('pg_catalog.current_setting'))
    throw notSupported('set_config() and current_setting() in one statement');
}

/** Functions that would act on, or tell of, the PostgreSQL inside instead of pgtide. */
function refuseFunctions(query: Query, catalog: CatalogSnapshot): void {
  walk(query, (expr) => {
    if (expr.kind !== 'func') return;
    const name = catalog.functionName(expr.funcId)?.replace(/^pg_catalog\./, '');
    if (name === undefined || !refusedFunctions.test(name)) return;
    throw new PgError(SqlState.featureNotSupported, `function ${name} is not supported here`);
  });
}
