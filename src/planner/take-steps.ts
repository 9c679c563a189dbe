/**
 * Queries inside of others that lock rows (FOR UPDATE in a WITH query, a sub-select, FROM) or make calls that wait: each becomes a plan
 * of its own which is run first and once, and what is left of it reads that plan's rows. So a sub-select with LIMIT locks that many
 * rows, however often the rest looks at them.
 */
import { assert, notSupported } from '../base/index.ts';
import type { CommonTableExpr, Expr, Query, RangeTblEntry, SubLinkExpr } from '../analyzer/tree.ts';
import type { CatalogSnapshot } from '../catalog/types.ts';
import { Oid } from '../types/oid.ts';
import { checkLocking } from './locking-rules.ts';
import { narrowByStep } from './narrow-by-step.ts';
import type { PlanStep, SelectPlan } from './nodes.ts';
import { listsCalls } from './plan-calls.ts';
import { pushConditions } from './push-conditions.ts';
import { readingAll, readingCte, rowsInstead } from './step-rows.ts';
import { allQueries, walk } from './walk.ts';

type SubqueryRte = Extract<RangeTblEntry, { rteKind: 'subquery' }>;

/** One query around what is being looked at. */
interface Level {
  readonly ctes: CommonTableExpr[];
  /** How many of them have been looked at: only those can be read before the rest. */
  ready: number;
  /** Those that are steps, by name. */
  readonly sources: Map<string, string>;
}

export function mentionsLocks(query: Query): boolean {
  return allQueries(query).some((level) => level.rowMarks.length > 0);
}

/** Whether the query's own rows are to be locked: those of its tables, or of sub-queries in FROM that are as good as its own. */
export function locksRows({ rowMarks, rtable }: Query): boolean {
  const isTable = (rtindex: number): boolean => {
    const rteKind = rtable[rtindex - 1]?.rteKind;
    return rteKind === 'relation' || rteKind === 'rows';
  };
  return (
    rowMarks.some(({ rtindex }) => isTable(rtindex)) ||
    rtable.some((rte) => rte.rteKind === 'subquery' && locksRows(rte.query))
  );
}

export interface WithoutNested {
  /** No query but the outermost one locks rows, or sub-queries in its FROM that are as good as it. */
  readonly query: Query;
  readonly before: readonly PlanStep[];
}

/** `planStep` plans a query that has nothing nested left. */
export function takeNested(
  root: Query,
  catalog: CatalogSnapshot,
  planStep: (query: Query) => SelectPlan,
): WithoutNested {
  const before: PlanStep[] = [];

  function addStep(query: Query): string {
    const source = `locked.${before.length + 1}`;
    before.push({ source, plan: planStep(query) });
    return source;
  }

  /** The query as a step, and what reads its rows in its place. */
  function detach(query: Query, levels: readonly Level[]): Query {
    const source = addStep(standingAlone(query, levels));
    return readingAll(query, source);
  }

  /** Without what the queries around it define: their columns can't be had, their WITH queries become steps themselves. */
  function standingAlone(query: Query, levels: readonly Level[]): Query {
    refuseOuterColumns(query);
    return withRtes(query, (rte, depth) => {
      // A recursive query reads itself, wherever it stands.
      if (rte.rteKind !== 'cte' || rte.selfReference || rte.levelsUp < depth) return rte;
      return rowsInstead(rte, cteSource(rte.cteName, levels, rte.levelsUp - depth));
    });
  }

  function cteSource(name: string, levels: readonly Level[], levelsUp: number): string {
    const at = levels.length - 1 - levelsUp;
    const level = levels[at];
    assert(level !== undefined, 'a WITH query is defined around its use');
    const known = level.sources.get(name);
    if (known !== undefined) return known;
    const i = level.ctes.findIndex((cte) => cte.name === name);
    const cte = level.ctes[i];
    if (cte === undefined || i >= level.ready) {
      throw notSupported('a step that reads a WITH query behind it');
    }
    const alone = standingAlone(cte.query, levels.slice(0, at + 1));
    const source = addStep(cte.recursive ? readingCte({ ...cte, query: alone }) : alone);
    level.sources.set(name, source);
    level.ctes[i] = { ...cte, query: readingAll(cte.query, source) };
    return source;
  }

  function visit(query: Query, outer: readonly Level[]): Query {
    checkLocking(query);
    const level: Level = { ctes: [...query.cteList], ready: 0, sources: new Map() };
    const levels = [...outer, level];
    const unread = new Set<CommonTableExpr>();
    for (const [i, cte] of level.ctes.entries()) {
      const inner = visit(cte.query, levels);
      if (!isStep(inner)) {
        if (inner !== cte.query) level.ctes[i] = { ...cte, query: inner };
      } else if (cte.recursive) {
        throw notSupported(`${whatOf(inner)} in a recursive WITH query`);
      } else if (cte.refCount > 0) {
        const read = detach(inner, levels);
        level.ctes[i] = { ...cte, query: read };
        level.sources.set(cte.name, sourceOf(read));
      } else {
        // Nobody reads it, so PostgreSQL does not run it.
        unread.add(cte);
      }
      level.ready = i + 1;
    }
    const rtable = query.rtable.map((rte, i) => {
      if (rte.rteKind !== 'subquery') return inExpressions(rte, levels);
      const inner = visit(rte.query, levels);
      const same = inner === rte.query ? rte : { ...rte, query: inner };
      if (!isStep(inner)) return same;
      if (!listsCalls(inner) && isAsGoodAsOwn(query, i + 1, same)) return same;
      return { ...same, query: detach(pushConditions(query, i + 1, same, catalog), levels) };
    });
    const rest = inExpressions({ ...query, cteList: [], rtable: [] }, levels);
    const cteList = level.ctes.filter((cte) => !unread.has(cte));
    const changed =
      rest.targetList !== query.targetList ||
      rtable.some((rte, i) => rte !== query.rtable[i]) ||
      cteList.some((cte, i) => cte !== query.cteList[i]) ||
      cteList.length !== query.cteList.length ||
      Object.entries(rest).some(
        ([key, value]) =>
          key !== 'cteList' && key !== 'rtable' && value !== query[key as keyof Query],
      );
    return changed ? Object.freeze(narrowByStep({ ...rest, cteList, rtable })) : query;
  }

  /** The node with sub-selects in its expressions taken out. */
  function inExpressions<T extends object>(node: T, levels: readonly Level[]): T {
    const seen = (value: unknown): unknown => {
      if (typeof value !== 'object' || value === null) return value;
      if (value instanceof Uint8Array || value instanceof Map) return value;
      if (Array.isArray(value)) {
        const copy: unknown[] = value.map(seen);
        return copy.some((item, i) => item !== value[i]) ? copy : value;
      }
      const { kind } = value as { readonly kind?: string };
      if (kind === 'const' || kind === 'other') return value;
      if (kind === 'subLink') return subLink(value as SubLinkExpr);
      let copy: Record<string, unknown> | undefined;
      for (const [key, was] of Object.entries(value)) {
        const is = seen(was);
        if (is !== was) (copy ??= { ...value })[key] = is;
      }
      return copy === undefined ? value : Object.freeze(copy);
    };
    const subLink = (link: SubLinkExpr): SubLinkExpr => {
      const testExpr = seen(link.testExpr) as Expr | undefined;
      const inner = visit(link.query, levels);
      const query = isStep(inner)
        ? detach(link.linkKind === 'exists' ? firstRowOf(inner) : inner, levels)
        : inner;
      if (query === link.query && testExpr === link.testExpr) return link;
      return Object.freeze({ ...link, testExpr, query });
    };
    return seen(node) as T;
  }

  return { query: visit(root, []), before };
}

/**
 * Whether PostgreSQL would make the sub-query part of the query around it (prepjointree.c, is_simple_subquery), or would lock the same
 * rows if it did: one that FOR UPDATE outside of it has marked, and the only one of a query that takes its rows as they come.
 */
function isAsGoodAsOwn(query: Query, rtindex: number, rte: SubqueryRte): boolean {
  const inner = rte.query;
  if (query.commandType !== 'select' || rte.securityBarrier || !isSimple(inner)) return false;
  if (readsWholeRow(query, rtindex)) return false;
  if (markedFromOutside(inner)) return true;
  const [item] = query.jointree.items;
  return query.jointree.items.length === 1 && item?.kind === 'ref' && takesRowsAsTheyCome(query);
}

function markedFromOutside({ rowMarks, rtable }: Query): boolean {
  return (
    rowMarks.every((mark) => mark.pushedDown) &&
    rtable.every((rte) => rte.rteKind !== 'subquery' || markedFromOutside(rte.query))
  );
}

function takesRowsAsTheyCome(query: Query): boolean {
  return (
    query.setOperations === undefined &&
    !query.hasAggs &&
    !query.hasWindowFuncs &&
    !query.hasTargetSRFs &&
    query.groupClause.length === 0 &&
    query.groupingSets.length === 0 &&
    query.havingQual === undefined &&
    query.sortClause.length === 0 &&
    query.distinctClause.length === 0
  );
}

function isSimple(query: Query): boolean {
  return (
    takesRowsAsTheyCome(query) &&
    query.limitOffset === undefined &&
    query.limitCount === undefined &&
    query.cteList.length === 0 &&
    query.jointree.items.length > 0
  );
}

function readsWholeRow(query: Query, rtindex: number): boolean {
  let reads = false;
  walk(query, (expr, queries) => {
    if (expr.kind !== 'var' || expr.attno !== 0 || expr.varno !== rtindex) return;
    if (expr.levelsUp === queries.length - 1) reads = true;
  });
  return reads;
}

export function withoutMarks(query: Query): Query {
  if (query.rowMarks.length === 0 && !query.hasForUpdate) return query;
  return { ...query, rowMarks: [], hasForUpdate: false };
}

function isStep(query: Query): boolean {
  return locksRows(query) || listsCalls(query);
}

const whatOf = (query: Query): string =>
  locksRows(query) ? 'a locking clause' : 'a function that acts on the session';

function refuseOuterColumns(query: Query): void {
  walk(query, (expr, queries) => {
    const reads = expr.kind === 'var' || expr.kind === 'aggref' || expr.kind === 'grouping';
    if (!reads || expr.levelsUp < queries.length) return;
    throw notSupported(
      `${whatOf(query)} in a sub-query that reads columns of the query around it`,
      { hint: 'Run it as a statement of its own first.' },
    );
  });
}

/** EXISTS stops at the first row. */
function firstRowOf(query: Query): Query {
  if (query.limitCount !== undefined) return query;
  return {
    ...query,
    limitCount: {
      kind: 'const',
      typeOid: Oid.int8,
      typmod: -1,
      collation: 0,
      isNull: false,
      value: 1n,
      datum: undefined,
      location: -1,
    },
  };
}

function sourceOf(reading: Query): string {
  const [rte] = reading.rtable;
  assert(rte?.rteKind === 'rows', 'it reads the rows of a step');
  return rte.source;
}

/** Rebuilds the range tables; `depth` counts the queries from the root to the entry's own, both included. */
function withRtes(
  root: Query,
  change: (rte: RangeTblEntry, depth: number) => RangeTblEntry,
): Query {
  const visit = (value: unknown, depth: number): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (value instanceof Uint8Array || value instanceof Map) return value;
    if (Array.isArray(value)) {
      const copy: unknown[] = value.map((item) => visit(item, depth));
      return copy.some((item, i) => item !== value[i]) ? copy : value;
    }
    const { kind } = value as { readonly kind?: string };
    if (kind === 'const' || kind === 'other') return value;
    const inner = kind === 'query' ? depth + 1 : depth;
    let copy: Record<string, unknown> | undefined;
    for (const [key, was] of Object.entries(value)) {
      const is = visit(was, inner);
      if (is !== was) (copy ??= { ...value })[key] = is;
    }
    const rebuilt = copy === undefined ? value : Object.freeze(copy);
    return kind === 'rte' ? change(rebuilt as RangeTblEntry, depth) : rebuilt;
  };
  return visit(root, 0) as Query;
}
