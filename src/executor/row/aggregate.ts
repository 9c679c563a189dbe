import type { AggrefExpr } from '../../analyzer/tree.ts';
import type { Row, Value } from '../../types/value.ts';
import { accumulatorFor } from './accumulators.ts';
import type { Accumulator } from './accumulators.ts';
import { compileExpr } from './compile-expr.ts';
import { requireByteCollation } from './collation-of.ts';
import type { Evaluator, Frame } from './frame.ts';
import { compositeKeyOf } from './hash-key.ts';
import { tooManyRows, workRowsMax } from './limits.ts';
import type { Scope } from './scope.ts';
import { compileSort, targetOf } from './sort.ts';
import { unsupported } from './unsupported.ts';

/** One aggregate call of a query level: makes the state of a group. */
export interface AggregateSlot {
  start(frame: Frame): AggregateState;
}

export interface AggregateState {
  /** Takes the frame's current row. */
  add(frame: Frame): void;
  result(): Value;
}

export function compileAggregate(expr: AggrefExpr, scope: Scope): AggregateSlot {
  if (expr.aggKind !== 'normal' || expr.variadic) unsupported('an ordered-set aggregate');
  const make = accumulatorFor(expr, scope);
  const args = expr.args.map((target) => compileExpr(target.expr, scope));
  const filter = expr.filter && compileExpr(expr.filter, scope);
  if (expr.order.length > 0 || expr.distinct.length > 0) {
    return orderedSlot(expr, args, filter, make);
  }
  const [first] = args;
  return {
    start(frame) {
      const accumulator = make(frame.environment);
      const direct = args.length === 1 && first ? first : undefined;
      return {
        add(at) {
          if (filter && filter(at) !== true) return;
          if (direct) accumulator.add(direct(at), null);
          else accumulator.add(args[0]?.(at) ?? null, args[1]?.(at) ?? null);
        },
        result: accumulator.result,
      };
    },
  };
}

/** ORDER BY and DISTINCT inside the call: the group's arguments are kept, then sorted and fed. */
function orderedSlot(
  expr: AggrefExpr,
  args: readonly Evaluator[],
  filter: Evaluator | undefined,
  make: (environment: Frame['environment']) => Accumulator,
): AggregateSlot {
  const compare = expr.order.length > 0 ? compileSort(expr.order, expr.args) : undefined;
  // DISTINCT alone sorts too: PostgreSQL feeds the values in order. Its clauses are then in `distinct`.
  const order = expr.distinct.length > 0 ? compileSort(withRest(expr), expr.args) : compare;
  const distinctAt = expr.distinct.map((clause) => targetOf(clause, expr.args));
  const types = distinctAt.map((at) => expr.args[at]!.expr.typeOid);
  for (const at of distinctAt) requireByteCollation(expr.args[at]!.expr);
  const keyOf = compositeKeyOf(types);
  return {
    start(frame) {
      const rows: Row[] = [];
      return {
        add(at) {
          if (filter && filter(at) !== true) return;
          if (rows.length >= workRowsMax) throw tooManyRows('an aggregate');
          rows.push(args.map((arg) => arg(at)));
        },
        result() {
          const accumulator = make(frame.environment);
          if (order) rows.sort(order);
          const seen = new Set<unknown>();
          for (const row of rows) {
            if (distinctAt.length > 0) {
              const key = keyOf(distinctAt.map((at) => row[at]!));
              if (seen.has(key)) continue;
              seen.add(key);
            }
            accumulator.add(row[0] ?? null, row[1] ?? null);
          }
          return accumulator.result();
        },
      };
    },
  };
}

/** ORDER BY's clauses come first; DISTINCT's that it lacks follow. */
function withRest(expr: AggrefExpr): AggrefExpr['order'] {
  const ordered = new Set(expr.order.map((clause) => clause.ref));
  return [...expr.order, ...expr.distinct.filter((clause) => !ordered.has(clause.ref))];
}
