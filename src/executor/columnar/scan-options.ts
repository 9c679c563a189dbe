import type { Expr } from '../../analyzer/tree.ts';
import type { ScanNode } from '../../planner/nodes.ts';
import type { ScanPredicate } from '../../storage/types.ts';
import type { Value } from '../../types/value.ts';
import type { ExecutionContext } from '../types.ts';

function valueOf(expr: Expr, context: ExecutionContext): Value | undefined {
  if (expr.kind === 'const') return expr.isNull ? null : expr.value;
  if (expr.kind === 'param' && expr.paramKind === 'extern')
    return context.params[expr.id - 1] ?? null;
  if (expr.kind === 'relabel') return valueOf(expr.arg, context);
  return undefined;
}

/**
 * The scan's predicates with their values. A predicate whose value is not known is left out (the query's own quals judge
 * every row anyway); undefined: one is NULL or empty, so no row can pass.
 */
export function scanPredicates(
  scan: ScanNode,
  context: ExecutionContext,
): ScanPredicate[] | undefined {
  const out: ScanPredicate[] = [];
  for (const { columnId, op, values } of scan.predicates) {
    const computed = values.map((value) => valueOf(value, context));
    if (computed.includes(undefined)) continue;
    let list = computed as Value[];
    if (op === 'in') {
      list = list.flatMap((value) =>
        value !== null && typeof value === 'object' && 'elements' in value
          ? value.elements
          : [value],
      );
      list = list.filter((value) => value !== null);
    }
    if (list.length === 0 || list.includes(null)) return undefined;
    out.push({ columnId, op, values: list });
  }
  return out;
}
