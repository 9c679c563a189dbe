import { assert, notSupported } from '../base/index.ts';
import type { Query, RangeTblEntry, SubLinkExpr, TargetEntry, VarExpr } from '../analyzer/tree.ts';
import type { CatalogSnapshot } from '../catalog/types.ts';
import { emptySelect, systemVar, targetEntry } from './build-tree.ts';
import { transform, walk } from './walk.ts';

/**
 * SET (a, b) = (SELECT x, y …): PostgreSQL keeps the sub-select as a junk entry and Params that pick its columns. Here each
 * column becomes a scalar sub-select of its own; they read one snapshot, so they agree.
 */
export function expandMultiAssignments(
  targetList: readonly TargetEntry[],
  catalog: CatalogSnapshot,
): TargetEntry[] {
  const links = new Map<number, SubLinkExpr>();
  for (const { expr } of targetList) {
    if (expr.kind === 'subLink' && expr.linkKind === 'multiExpr') links.set(expr.id, expr);
  }
  const entries = targetList.filter((entry) => !entry.junk);
  if (links.size === 0) return entries;
  for (const link of links.values()) {
    walk(link.query, (expr) => {
      if (expr.kind === 'func' && catalog.volatility(expr.funcId) === 'volatile') {
        throw notSupported('a volatile function in a multiple-column assignment');
      }
    });
  }
  return entries.map((entry) => ({
    ...entry,
    expr: transform(entry.expr, (expr) => {
      if (expr.kind !== 'param' || expr.paramKind !== 'multiexpr') return expr;
      const link = links.get(expr.id >>> 16);
      assert(link !== undefined, 'a multiexpr Param has its SubLink');
      return scalarSubLink(link, (expr.id & 0xffff) - 1, expr.typeOid);
    }),
  }));
}

/** `(SELECT cN FROM (the sub-select) s)`. */
function scalarSubLink(link: SubLinkExpr, column: number, typeOid: number): SubLinkExpr {
  // A copy for each column: scans are told apart by the identity of their RTE. What it takes from outside is one level
  // further away.
  const query = transform(structuredClone(link.query), (expr, levels) =>
    (expr.kind === 'var' || expr.kind === 'aggref') && expr.levelsUp > levels
      ? { ...expr, levelsUp: expr.levelsUp + 1 }
      : expr,
  );
  const columns = query.targetList.filter((entry) => !entry.junk);
  const wanted = columns[column]?.expr;
  assert(wanted !== undefined, 'a multiexpr Param picks a column of its SubLink');
  const rte: RangeTblEntry = {
    kind: 'rte',
    rteKind: 'subquery',
    alias: 's',
    name: 's',
    columnNames: columns.map((_, i) => `c${i + 1}`),
    lateral: false,
    inFromClause: true,
    securityQuals: [],
    query,
    securityBarrier: false,
    viewRelid: 0,
    permission: 0,
  };
  const picked: VarExpr = {
    ...systemVar(1, column + 1, typeOid),
    collation: 'collation' in wanted ? wanted.collation : 0,
  };
  const outer: Query = {
    ...emptySelect,
    hasSubLinks: query.hasSubLinks,
    rtable: [rte],
    jointree: { kind: 'from', items: [{ kind: 'ref', rtindex: 1 }], quals: undefined },
    targetList: [targetEntry(picked, 1)],
  };
  return { ...link, linkKind: 'expr', typeOid, query: outer };
}
