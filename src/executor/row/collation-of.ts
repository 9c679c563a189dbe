import type { Expr } from '../../analyzer/tree.ts';
import { isByteCollation } from './functions/definition.ts';
import { unsupported } from './unsupported.ts';

/** The collation of an expression's result, 0 where it has none or the tree does not say. */
function collationOf(expr: Expr): number {
  return 'collation' in expr ? expr.collation : 0;
}

/** Sorting and grouping by this expression must be by bytes. */
export function requireByteCollation(expr: Expr): void {
  if (!isByteCollation(collationOf(expr))) unsupported('ordering by this collation');
}
