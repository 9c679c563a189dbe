import { PgError, SqlState, notSupported } from '../base/index.ts';
import type { Analyzed, Expr, Query } from '../analyzer/tree.ts';
import { serverFunctions } from '../catalog/server-functions.ts';
import type { ServerFunctionName } from '../catalog/server-functions.ts';
import { sizeFunctions } from '../catalog/size-functions.ts';
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
  | {
      readonly kind: 'verbatim';
      readonly instance: 'mirror' | 'fallback';
      /** It asks for sizes or row counts of relations: PostgreSQL is told those of stored tables. */
      readonly figures: boolean;
    }
  /** SELECT set_config(…): the arguments of each call. */
  | { readonly kind: 'setConfig'; readonly plan: SelectPlan }
  /** SELECT pg_sleep(…). */
  | { readonly kind: 'sleep'; readonly plan: SelectPlan }
  /** SELECT * FROM tide.f(…) and SELECT tide.f(…): the arguments. */
  | {
      readonly kind: 'serverFunction';
      readonly name: ServerFunctionName;
      readonly plan: SelectPlan;
      /** In the select list, so that a row is one value. */
      readonly composite: boolean;
    };

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
    refuseSizes(query, catalog);
    return { kind: 'dml', plan: planDml(query, catalog, support) };
  }
  // Where no table is read the fallback would run it, and lose what it writes.
  if (query.hasModifyingCTE) throw notSupported('data-modifying WITH');
  const config = onlyCallsOf(query, 'pg_catalog.set_config', catalog);
  if (config !== undefined) {
    refuseSizes(query, catalog);
    return { kind: 'setConfig', plan: planSelect(selectOf(query, config), catalog, support) };
  }
  refuseSettingAndReading(query, catalog);
  const sleep = onlyCallsOf(query, 'pg_catalog.pg_sleep', catalog);
  if (sleep?.length === 1) {
    refuseSizes(query, catalog);
    return { kind: 'sleep', plan: planSelect(selectOf(query, sleep), catalog, support) };
  }
  const called = serverFunctionIn(query, catalog);
  if (called !== undefined) {
    const { name, args, composite } = called;
    refuseSizes(query, catalog);
    const withoutFrom = { ...query, rtable: [], jointree: noFrom };
    const plan = planSelect(selectOf(withoutFrom, args.map(asOid)), catalog, support);
    return { kind: 'serverFunction', name, plan, composite };
  }
  refuseFunctions(query, catalog);
  const plan = planSelect(query, catalog, support);
  if (plan.scans.size === 0 && plan.rowSources.length === 0) {
    if (!plan.usesCatalog && plan.support.row === undefined) return { kind: 'select', plan };
    const figures = sizeFunctionIn(query, catalog) !== undefined;
    if (plan.calls !== undefined && !plan.usesCatalog && plan.support.postgres === undefined) {
      refuseSizes(query, catalog);
      return { kind: 'select', plan };
    }
    const own = ownFunctionIn(query, catalog);
    if (own !== undefined) {
      throw notSupported(`function ${own}() in this query`, {
        detail: plan.support.row,
        hint: `Call ${own}() in a statement of its own.`,
      });
    }
    const facts = !plan.usesCatalog && !figures && asksForFacts(query, catalog);
    if (facts && plan.support.postgres === undefined) return { kind: 'select', plan };
    return {
      kind: 'verbatim',
      instance: plan.usesCatalog || figures || isBrief(query) ? 'mirror' : 'fallback',
      figures,
    };
  }
  refuseSizes(query, catalog);
  if (plan.usesCatalog) {
    throw notSupported('a query over both stored tables and PostgreSQL’s catalog');
  }
  return { kind: 'select', plan };
}

const noFrom = { kind: 'from', items: [], quals: undefined } as const;

const regclassOid = 2205;

/** A regclass as the number that it is: our executors hold no values of that type. */
function asOid(arg: Expr): Expr {
  if (arg.typeOid !== regclassOid) return arg;
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

/** A function of schema tide that the query is the call of. @throws 0A000 when there is one amid something else */
function serverFunctionIn(
  query: Query,
  catalog: CatalogSnapshot,
):
  | {
      readonly name: ServerFunctionName;
      readonly args: readonly Expr[];
      readonly composite: boolean;
    }
  | undefined {
  let found: ServerFunctionName | undefined;
  walk(query, (expr) => {
    const name = expr.kind === 'func' ? catalog.functionName(expr.funcId) : undefined;
    if (name?.startsWith('tide.') !== true) return;
    const bare = name.slice('tide.'.length);
    if (Object.hasOwn(serverFunctions, bare)) found = bare as ServerFunctionName;
  });
  if (found === undefined) return undefined;
  const qualified = `tide.${found}`;
  const listed = query.targetList.length === 1 ? onlyCallsOf(query, qualified, catalog) : undefined;
  if (listed !== undefined) return { name: found, args: listed, composite: true };
  const [rte] = query.rtable;
  const expr = rte?.rteKind === 'function' ? rte.functions[0]?.expr : undefined;
  const { returns } = serverFunctions[found];
  const width = typeof returns === 'string' ? 1 : returns.length;
  const plain =
    query.rtable.length === 1 &&
    expr?.kind === 'func' &&
    catalog.functionName(expr.funcId) === qualified &&
    query.jointree.quals === undefined &&
    query.sortClause.length === 0 &&
    query.targetList.length === width &&
    query.targetList.every((entry, i) => entry.expr.kind === 'var' && entry.expr.attno === i + 1);
  if (!plain) throw notSupported(`${qualified}() other than as SELECT * FROM ${qualified}(…)`);
  return { name: found, args: expr.args, composite: false };
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

function sizeFunctionIn(query: Query, catalog: CatalogSnapshot): string | undefined {
  let found: string | undefined;
  walk(query, (expr) => {
    if (expr.kind !== 'func') return;
    const name = catalog.functionName(expr.funcId)?.replace(/^pg_catalog\./, '');
    if (name !== undefined && sizeFunctions.has(name)) found ??= name;
  });
  return found;
}

/** Sizes are told to the PostgreSQL that has the catalog, and only for queries; everything else runs elsewhere. */
function refuseSizes(query: Query, catalog: CatalogSnapshot): void {
  const name = sizeFunctionIn(query, catalog);
  if (name === undefined) return;
  throw notSupported(`function ${name}() in this statement`, {
    hint: `Call ${name}() in a statement of its own.`,
  });
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
