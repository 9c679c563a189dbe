import type { Expr, Query, RangeTblEntry, TargetEntry, VarExpr } from '../analyzer/tree.ts';
import type { CatalogSnapshot } from '../catalog/types.ts';
import { emptySelect } from './build-tree.ts';
import type { SelectPlan } from './nodes.ts';
import type { ExecutorSupport } from './plan-select.ts';
import { planSelect } from './plan-select.ts';
import { transform } from './walk.ts';

/** A column of the rows that a projection reads: which Var it stands for. */
export interface Slot {
  readonly varno: number;
  readonly attno: number;
  readonly returning: VarExpr['returning'];
  readonly typeOid: number;
  readonly typmod: number;
  readonly collation: number;
}

/** Expressions over rows in memory: CHECK, RETURNING, generated columns, DO UPDATE SET. */
export interface Projection {
  /** Parallel to the columns of the rows that go in under the name `projectionSource`. */
  readonly slots: readonly Slot[];
  readonly plan: SelectPlan;
}

export const projectionSource = 'projection';

const slotName = (varno: number, attno: number, returning: string): string =>
  `${varno}/${attno}/${returning}`;

/**
 * The expressions as a SELECT over one relation of rows in memory, a column for each Var they use; so that every executor
 * can compute them and sub-selects in them work.
 */
export function planProjection(
  exprs: readonly (Expr | TargetEntry)[],
  context: Query | undefined,
  catalog: CatalogSnapshot,
  executors: ExecutorSupport,
  expandRow: (variable: VarExpr) => readonly VarExpr[] = (variable) => [variable],
): Projection {
  const slots: Slot[] = [];
  const indexOf = new Map<string, number>();
  const slotOf = (variable: VarExpr): number => {
    const { varno, attno, returning, typeOid, typmod, collation } = variable;
    const name = slotName(varno, attno, returning);
    let index = indexOf.get(name);
    if (index === undefined) {
      index = slots.push({ varno, attno, returning, typeOid, typmod, collation });
      indexOf.set(name, index);
    }
    return index;
  };
  const over = (expr: Expr): Expr =>
    transform(expr, (inner, levels) => {
      if (inner.kind !== 'var' || inner.levelsUp !== levels) return inner;
      const parts = expandRow(inner);
      if (inner.attno === 0 && parts.length !== 1) {
        const args = parts.map((part) => over1(part, levels));
        return {
          kind: 'row',
          typeOid: inner.typeOid,
          args,
          columnNames: [],
          format: 'implicitCast',
        };
      }
      return over1(inner, levels);
    });
  const over1 = (variable: VarExpr, levels: number): VarExpr => ({
    ...variable,
    varno: 1,
    attno: slotOf(variable),
    returning: 'default',
    levelsUp: levels,
  });
  const targetList = exprs.map((item, i): TargetEntry => {
    const entry = item.kind === 'target' ? item : undefined;
    return {
      kind: 'target',
      expr: over(entry === undefined ? (item as Expr) : entry.expr),
      resno: i + 1,
      name: entry?.name,
      sortGroupRef: 0,
      originTable: 0,
      originColumn: 0,
      junk: false,
    };
  });
  const rte: RangeTblEntry = {
    kind: 'rte',
    rteKind: 'rows',
    alias: undefined,
    name: projectionSource,
    columnNames: slots.map((_, i) => `c${i + 1}`),
    lateral: false,
    inFromClause: true,
    securityQuals: [],
    source: projectionSource,
    columnTypes: slots.map((slot) => slot.typeOid),
    columnTypmods: slots.map((slot) => slot.typmod),
    columnCollations: slots.map((slot) => slot.collation),
  };
  const query: Query = {
    ...emptySelect,
    cteList: context?.cteList ?? [],
    hasSubLinks: context?.hasSubLinks ?? false,
    rtable: [rte],
    jointree: { kind: 'from', items: [{ kind: 'ref', rtindex: 1 }], quals: undefined },
    targetList,
  };
  return { slots, plan: planSelect(query, catalog, executors) };
}
