import type { Expr, Query, SubLinkExpr, VarExpr } from '../analyzer/tree.ts';
import { Oid } from '../types/oid.ts';
import { conjunction, conjunctsOf } from './conjuncts.ts';
import { comparisons } from './predicates.ts';

/**
 * The query with what a join to a step's rows implies said once more: `job.id = next.id` also as `job.id IN (SELECT id FROM next)`. The rows
 * are in memory by then, so that the table is read by their keys.
 */
export function narrowByStep(query: Query): Query {
  const implied = conjunctsOf(query.jointree.quals).flatMap((qual) => {
    const link = membership(query, qual);
    return link === undefined ? [] : [link];
  });
  if (implied.length === 0) return query;
  const quals = conjunction([...conjunctsOf(query.jointree.quals), ...implied]);
  return { ...query, hasSubLinks: true, jointree: { ...query.jointree, quals } };
}

function membership(query: Query, qual: Expr): SubLinkExpr | undefined {
  if (qual.kind !== 'op' || qual.args.length !== 2) return undefined;
  const comparison = comparisons.get(qual.funcId);
  if (comparison?.op !== '=' || comparison.left !== comparison.right) return undefined;
  const [left, right] = qual.args;
  if (!isOwnVar(left) || !isOwnVar(right)) return undefined;
  for (const [column, of] of [
    [left, right],
    [right, left],
  ] as const) {
    const rows = stepRows(query, of);
    if (query.rtable[column.varno - 1]?.rteKind !== 'relation' || rows === undefined) continue;
    const { typeOid, typmod, collation } = of;
    return {
      kind: 'subLink',
      typeOid: Oid.bool,
      linkKind: 'any',
      id: 0,
      testExpr: {
        ...qual,
        args: [column, { kind: 'param', paramKind: 'sublink', id: 1, typeOid, typmod, collation }],
      },
      operatorName: '=',
      query: rows,
      location: -1,
    };
  }
  return undefined;
}

function isOwnVar(expr: Expr | undefined): expr is VarExpr {
  return expr?.kind === 'var' && expr.levelsUp === 0 && expr.attno > 0;
}

/** SELECT of the column that a Var of a step's rows stands for. */
function stepRows({ rtable, cteList }: Query, { varno, attno }: VarExpr): Query | undefined {
  const rte = rtable[varno - 1];
  const reading =
    rte?.rteKind === 'subquery'
      ? rte.query
      : rte?.rteKind === 'cte' && rte.levelsUp === 0
        ? cteList.find((cte) => cte.name === rte.cteName)?.query
        : undefined;
  const [source] = reading?.rtable ?? [];
  const entry = reading?.targetList[attno - 1];
  if (reading === undefined || source?.rteKind !== 'rows' || entry?.expr.kind !== 'var')
    return undefined;
  const whole = reading.jointree.quals === undefined && reading.limitCount === undefined;
  if (reading.rtable.length !== 1 || !whole || !source.source.startsWith('locked.'))
    return undefined;
  return { ...reading, rtable: [{ ...source }], targetList: [{ ...entry, resno: 1 }] };
}
