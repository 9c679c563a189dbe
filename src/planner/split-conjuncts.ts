import type { Expr, Query } from '../analyzer/tree.ts';
import type { CatalogSnapshot } from '../catalog/types.ts';
import { conjunction, conjunctsOf } from './conjuncts.ts';
import { columnarSupports } from './shippable/index.ts';
import { lowerParts, targetOf } from './split-columns.ts';

/** WHERE, cut in two. */
export interface Conjuncts {
  /** What DuckDB computes, all of it. */
  readonly shipped: Expr | undefined;
  readonly kept: readonly Expr[];
}

export interface ShippableParts {
  /** Whether DuckDB can compute an expression over the query's FROM. */
  ships(expr: Expr): boolean;
  readonly where: Conjuncts;
}

export function shippableParts(query: Query, catalog: CatalogSnapshot): ShippableParts {
  const { quals } = query.jointree;
  const ships = (expr: Expr): boolean =>
    columnarSupports(
      {
        ...query,
        ...lowerParts,
        hasAggs: false,
        groupClause: [],
        groupDistinct: false,
        jointree: { ...query.jointree, quals: undefined },
        targetList: [targetOf(expr, 1)],
      },
      catalog,
    ) === undefined;
  if (quals === undefined || ships(quals)) return { ships, where: { shipped: quals, kept: [] } };
  const shipped: Expr[] = [];
  const kept: Expr[] = [];
  for (const qual of conjunctsOf(quals)) (ships(qual) ? shipped : kept).push(qual);
  return { ships, where: { shipped: conjunction(shipped), kept } };
}
