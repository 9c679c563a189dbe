import type { Query } from '../../analyzer/tree.ts';
import type { Value } from '../../types/value.ts';
import type { AggregateSlot, AggregateState } from './aggregate.ts';
import { compileExpr, compileTest } from './compile-expr.ts';
import { requireByteCollation } from './collation-of.ts';
import type { Frame, SlotRow } from './frame.ts';
import { compositeKeyOf } from './hash-key.ts';
import { tooManyRows, workRowsMax } from './limits.ts';
import type { Scope } from './scope.ts';
import { comparisonByOperator } from './functions/comparison.ts';
import { unsupported } from './unsupported.ts';
import { conjunctsOf } from './walk.ts';

export interface Grouping {
  /** Called when everything above the grouping has been compiled, and so all aggregates are known. */
  seal(): void;
  start(frame: Frame, emit: () => boolean): { add(): boolean; finish(): void };
}

interface Group {
  readonly values: readonly Value[];
  /** The first row: columns that the grouping key determines are read from it. */
  readonly tuple: readonly (SlotRow | null)[];
  readonly states: readonly AggregateState[];
}

/** GROUP BY, aggregates and HAVING by hashing; undefined when the query has none of them. */
export function compileGrouping(query: Query, scope: Scope): Grouping | undefined {
  if (query.groupClause.length === 0 && !query.hasAggs && !query.havingQual) return undefined;
  const groupRte = query.rtable.find((rte) => rte.rteKind === 'group');
  if (query.groupClause.length > 0 && !groupRte) unsupported('this GROUP BY');
  const exprs = groupRte?.rteKind === 'group' ? groupRte.groupExprs : [];
  for (const clause of query.groupClause) {
    if (comparisonByOperator(clause.eqOperator)?.op !== '=')
      unsupported('grouping by this operator');
  }
  for (const expr of exprs) requireByteCollation(expr);
  const keys = exprs.map((expr) => compileExpr(expr, scope));
  const keyOf = compositeKeyOf(exprs.map((expr) => expr.typeOid));
  // From here on expressions stand above the grouping.
  const slots: AggregateSlot[] = [];
  scope.aggregates = slots;
  scope.grouped = true;
  const having = compileTest(conjunctsOf(query.havingQual), scope);
  const plain = query.groupClause.length === 0;
  return {
    seal() {
      scope.aggregates = undefined;
    },
    start(frame, emit) {
      const groups = new Map<unknown, Group>();
      const open = (values: readonly Value[]): Group => {
        if (groups.size >= workRowsMax) throw tooManyRows('GROUP BY');
        return { values, tuple: [...frame.tuple], states: slots.map((slot) => slot.start(frame)) };
      };
      return {
        add() {
          const values = keys.map((key) => key(frame));
          const key = plain ? null : keyOf(values);
          let group = groups.get(key);
          if (!group) groups.set(key, (group = open(values)));
          for (const state of group.states) state.add(frame);
          return true;
        },
        finish() {
          if (plain && groups.size === 0) {
            frame.tuple.fill(null);
            groups.set(null, open([]));
          }
          for (const { values, tuple, states } of groups.values()) {
            for (let i = 0; i < tuple.length; i++) frame.tuple[i] = tuple[i]!;
            frame.groups = values;
            frame.aggregates = states.map((state) => state.result());
            if (having && !having(frame)) continue;
            if (!emit()) return;
          }
        },
      };
    },
  };
}
