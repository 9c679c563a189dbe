import type { Expr, FromItem, Query, RangeTblEntry } from '../analyzer/tree.ts';
import type { CatalogSnapshot } from '../catalog/types.ts';
import { conjunction, conjunctsOf } from './conjuncts.ts';
import { transform, walk } from './walk.ts';

type SubqueryRte = Extract<RangeTblEntry, { rteKind: 'subquery' }>;

/**
 * A sub-query in FROM with the conditions of the query around it that are about its rows alone, as PostgreSQL pushes them down
 * (allpaths.c, subquery_push_qual): so it locks no rows that are not wanted. They stay where they are, too.
 */
export function pushConditions(
  query: Query,
  rtindex: number,
  rte: SubqueryRte,
  catalog: CatalogSnapshot,
): Query {
  const inner = rte.query;
  if (rte.securityBarrier || !takesConditions(inner) || !isInnerJoined(query.jointree, rtindex))
    return inner;
  const pushed = conjunctsOf(query.jointree.quals).flatMap((qual) => {
    const own = aboutRows(qual, rtindex, inner, catalog);
    return own === undefined ? [] : [own];
  });
  if (pushed.length === 0) return inner;
  const quals = conjunction([...conjunctsOf(inner.jointree.quals), ...pushed]);
  return { ...inner, jointree: { ...inner.jointree, quals } };
}

function takesConditions(query: Query): boolean {
  return (
    query.limitCount === undefined &&
    query.limitOffset === undefined &&
    query.setOperations === undefined &&
    query.distinctClause.length === 0 &&
    query.groupClause.length === 0 &&
    query.groupingSets.length === 0 &&
    !query.hasAggs &&
    !query.hasWindowFuncs &&
    !query.hasTargetSRFs
  );
}

/** Whether every row of the item that the condition takes away is taken from the result. */
function isInnerJoined(item: FromItem, rtindex: number): boolean {
  switch (item.kind) {
    case 'ref':
      return item.rtindex === rtindex;
    case 'from':
      return item.items.some((each) => isInnerJoined(each, rtindex));
    case 'join':
      return (
        item.joinType === 'inner' &&
        (isInnerJoined(item.left, rtindex) || isInnerJoined(item.right, rtindex))
      );
  }
}

/** The condition over the sub-query's own tables; undefined: it is about more, or must not be computed more often. */
function aboutRows(
  qual: Expr,
  rtindex: number,
  inner: Query,
  catalog: CatalogSnapshot,
): Expr | undefined {
  let fits = true;
  walk(qual, (expr) => {
    if (expr.kind === 'subLink' || expr.kind === 'nextValue') fits = false;
    if (expr.kind === 'func' && catalog.volatility(expr.funcId) === 'volatile') fits = false;
    if (expr.kind !== 'var') return;
    const column = inner.targetList[expr.attno - 1]?.expr;
    if (expr.levelsUp !== 0 || expr.varno !== rtindex || column?.kind !== 'var') fits = false;
  });
  if (!fits) return undefined;
  return transform(qual, (expr) =>
    expr.kind === 'var' ? inner.targetList[expr.attno - 1]!.expr : expr,
  );
}
