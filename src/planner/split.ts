import { assert } from '../base/index.ts';
import type { Expr, Query, SortGroupClause, TargetEntry, VarExpr } from '../analyzer/tree.ts';
import type { CatalogSnapshot } from '../catalog/types.ts';
import { columnarSupports } from './shippable/index.ts';
import { upperAggregate } from './split-aggregates.ts';
import type { Conjuncts } from './split-conjuncts.ts';
import { conjunction } from './conjuncts.ts';
import { shippableParts } from './split-conjuncts.ts';
import type { Split } from './split-columns.ts';
import {
  NoCut,
  from,
  groupVar,
  keyOf,
  lowerColumns,
  lowerParts,
  rewrite,
  sourceName,
  upperQuery,
} from './split-columns.ts';
import { splitRegrouped } from './split-regroup.ts';
import { allQueries } from './walk.ts';

/**
 * Cuts a query of which DuckDB can compute the lower part only. Tried in turn: grouping and aggregates below an unshippable
 * select list, HAVING or ORDER BY; finer groups below unshippable grouping expressions and conditions; scans, joins and the
 * shippable part of WHERE below everything else. undefined: no such cut helps.
 */
export function splitQuery(query: Query, catalog: CatalogSnapshot): Split | undefined {
  if (
    query.commandType !== 'select' ||
    query.setOperations ||
    query.hasTargetSRFs ||
    query.groupingSets.length > 0 ||
    query.rowMarks.length > 0 ||
    query.jointree.items.length === 0 ||
    // The upper part could not reach them.
    (query.cteList.length > 0 && query.hasSubLinks)
  ) {
    return undefined;
  }
  const parts = shippableParts(query, catalog);
  const { where } = parts;
  const whole = where.kept.length === 0;
  const candidates: (() => Split | undefined)[] = [];
  if (query.hasAggs || query.groupClause.length > 0) {
    if (whole) candidates.push(() => splitGrouped(query));
    candidates.push(() => splitRegrouped(query, catalog, parts));
    // Without a condition to leave rows out, the row executor had better read them all.
    if (query.jointree.quals) candidates.push(() => splitPlain(query, false, where));
  } else {
    const ordered = whole && !query.hasWindowFuncs && query.distinctClause.length === 0;
    if (ordered) candidates.push(() => splitPlain(query, true, where));
    candidates.push(() => splitPlain(query, false, where));
  }
  for (const candidate of candidates) {
    const split = candidate();
    if (split === undefined || readsTables(split.upper)) continue;
    if (columnarSupports(split.lower, catalog) === undefined) return split;
  }
  return undefined;
}

/** Both parts' reads must be of one snapshot, which the lower part takes for itself. */
const readsTables = (upper: Query): boolean =>
  allQueries(upper).some((query) => query.rtable.some((rte) => rte.rteKind === 'relation'));

/** Lower: group keys and aggregates. Upper: all that is made of them. */
function splitGrouped(query: Query): Split | undefined {
  const columns = lowerColumns();
  const groupIndex = query.rtable.findIndex((rte) => rte.rteKind === 'group');
  const group = query.rtable[groupIndex];
  const groupExprs: Expr[] = group?.rteKind === 'group' ? [...group.groupExprs] : [];
  const dependent: VarExpr[] = [];

  const keyVar = (expr: Expr, attno: number): VarExpr => groupVar(expr, groupIndex + 1, attno);

  const replace = (expr: Expr, levels: number): Expr | undefined => {
    if (expr.kind === 'aggref') {
      if (expr.levelsUp < levels) return undefined;
      if (expr.levelsUp > levels || levels > 0) throw new NoCut();
      return upperAggregate(expr, columns);
    }
    if (expr.kind === 'grouping') throw new NoCut();
    if (expr.kind !== 'var' || expr.levelsUp !== levels) return undefined;
    if (expr.varno === groupIndex + 1) {
      return columns.use({ ...expr, levelsUp: 0 }, levels);
    }
    // Functionally dependent on the grouping columns: grouping by it too changes nothing.
    if (groupIndex < 0) throw new NoCut();
    const own: VarExpr = { ...expr, levelsUp: 0 };
    let at = dependent.findIndex((known) => keyOf(known) === keyOf(own));
    if (at < 0) at = dependent.push(own) - 1;
    return columns.use(keyVar(own, groupExprs.length + at + 1), levels);
  };

  try {
    const targetList = rewrite(query.targetList, replace);
    const having = query.havingQual && rewrite(query.havingQual, replace);
    const windowClause = rewrite(query.windowClause, replace);
    const keys = lowerKeys(query, dependent, groupExprs.length, keyVar);
    // Keys come behind what the upper part uses, when it does not use them.
    const targets = columns.targets.map((target) => ({ ...target }));
    const groupClause: SortGroupClause[] = keys.map(({ expr, clause }, at) => {
      const used = targets.findIndex((target) => keyOf(target.expr) === keyOf(expr));
      const ref = at + 1;
      if (used >= 0) targets[used] = { ...targets[used]!, sortGroupRef: ref };
      else {
        targets.push({
          kind: 'target',
          expr,
          resno: targets.length + 1,
          name: undefined,
          sortGroupRef: ref,
          originTable: 0,
          originColumn: 0,
          junk: true,
        });
      }
      return { ...clause, ref };
    });
    if (targets.every((target) => target.junk)) return undefined;
    const rtable = query.rtable.map((rte) =>
      rte.rteKind === 'group' ? { ...rte, groupExprs: [...groupExprs, ...dependent] } : rte,
    );
    return {
      source: sourceName,
      lower: { ...query, ...lowerParts, rtable, targetList: targets, groupClause },
      upper: upperQuery(query, columns, { targetList, windowClause, jointree: from(having) }),
    };
  } catch (error) {
    if (error instanceof NoCut) return undefined;
    throw error;
  }
}

function lowerKeys(
  query: Query,
  dependent: readonly VarExpr[],
  known: number,
  groupVar: (expr: Expr, attno: number) => VarExpr,
): { readonly expr: Expr; readonly clause: SortGroupClause }[] {
  const keys = query.groupClause.map((clause) => {
    const target = query.targetList.find((entry) => entry.sortGroupRef === clause.ref);
    assert(target, 'a grouping clause refers to a target');
    return { expr: target.expr, clause };
  });
  const extra = dependent.map((expr, at) => ({
    expr: groupVar(expr, known + at + 1),
    // The operators are looked up by name of the type when printed: grouping needs none.
    clause: {
      kind: 'sortGroup',
      ref: 0,
      eqOperator: 0,
      sortOperator: 0,
      descending: false,
      nullsFirst: false,
    } as const,
  }));
  return [...keys, ...extra];
}

/**
 * Lower: FROM and what is shipped of WHERE, with `ordered` also ORDER BY and LIMIT; it yields the columns that the rest uses.
 * Upper: the rest, grouping included.
 */
function splitPlain(query: Query, ordered: boolean, where: Conjuncts): Split | undefined {
  const columns = lowerColumns();
  const groupIndex = query.rtable.findIndex((rte) => rte.rteKind === 'group');
  const group = query.rtable[groupIndex];
  const replace = (expr: Expr, levels: number): Expr | undefined => {
    if (expr.kind !== 'var' || expr.levelsUp !== levels) return undefined;
    if (expr.varno === groupIndex + 1) return { ...expr, varno: 2 };
    return columns.use({ ...expr, levelsUp: 0 }, levels);
  };
  const outputs = ordered ? query.targetList.filter((target) => !target.junk) : query.targetList;
  const targetList = rewrite(outputs, replace);
  const windowClause = rewrite(query.windowClause, replace);
  const quals = conjunction(rewrite(where.kept, replace));
  const havingQual = query.havingQual && rewrite(query.havingQual, replace);
  const groupExprs = group?.rteKind === 'group' ? rewrite(group.groupExprs, replace) : [];
  if (columns.targets.length === 0) return undefined;
  const limits = [query.limitCount, query.limitOffset];
  if (ordered && query.sortClause.length === 0 && limits.every((limit) => limit === undefined)) {
    // Nothing that the other cut would not do as well.
    return undefined;
  }
  const sortTargets = ordered
    ? query.sortClause.map((clause, at): TargetEntry => {
        const target = query.targetList.find((entry) => entry.sortGroupRef === clause.ref);
        assert(target, 'a sort clause refers to a target');
        return { ...target, junk: true, resno: columns.targets.length + at + 1 };
      })
    : [];
  const lower: Query = {
    ...query,
    ...lowerParts,
    hasAggs: false,
    groupClause: [],
    groupDistinct: false,
    jointree: { ...query.jointree, quals: where.shipped },
    targetList: [...columns.targets, ...sortTargets],
    ...(ordered
      ? {
          sortClause: query.sortClause,
          limitCount: query.limitCount,
          limitOffset: query.limitOffset,
          limitOption: query.limitOption,
        }
      : {}),
  };
  const { hasAggs, groupClause, groupDistinct } = query;
  const upper = upperQuery(query, columns, {
    targetList,
    windowClause,
    hasAggs,
    groupClause,
    groupDistinct,
    havingQual,
    jointree: from(quals),
    // The rows come in order, and the projection keeps it.
    ...(ordered
      ? {
          sortClause: [],
          limitCount: undefined,
          limitOffset: undefined,
          limitOption: 'count' as const,
        }
      : {}),
  });
  const rtable =
    group?.rteKind === 'group' ? [...upper.rtable, { ...group, groupExprs }] : upper.rtable;
  return { source: sourceName, lower, upper: { ...upper, rtable } };
}
