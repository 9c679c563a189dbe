import type { AggrefExpr } from '../../analyzer/tree.ts';
import { compileAggregate } from './aggregate.ts';
import type { Evaluator } from './frame.ts';
import type { Scope } from './scope.ts';
import { unsupported } from './unsupported.ts';

/** An aggregate's result is computed by the level it belongs to; here it is only read. */
export function compileAggregateRef(expr: AggrefExpr, scope: Scope): Evaluator {
  if (expr.levelsUp !== 0) unsupported('an aggregate of an outer query');
  const slots = scope.aggregates ?? unsupported('an aggregate here');
  const at = slots.length;
  // The arguments are computed before grouping, and hold no aggregates themselves.
  const { grouped } = scope;
  scope.aggregates = undefined;
  scope.grouped = false;
  slots.push(compileAggregate(expr, scope));
  scope.aggregates = slots;
  scope.grouped = grouped;
  return (frame) => frame.aggregates[at] ?? null;
}
