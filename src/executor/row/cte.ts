import type { CommonTableExpr, RangeTblEntry } from '../../analyzer/tree.ts';
import type { Row } from '../../types/value.ts';
import { compileSelect } from './compile-select.ts';
import type { CompiledSelect } from './compile-select.ts';
import type { Frame, SlotRow } from './frame.ts';
import { limitedRows } from './limits.ts';
import { compileRecursive } from './recursive-cte.ts';
import { outerScope } from './scope.ts';
import type { Scope } from './scope.ts';
import { unsupported } from './unsupported.ts';

/** A WITH query of a level; compiled when first named, as PostgreSQL never runs one that nobody reads. */
export interface CteBinding {
  readonly cte: CommonTableExpr;
  plan: CompiledSelect | undefined;
  /** While the recursive term is being compiled: gives the working table's rows. */
  working: ((frame: Frame) => readonly SlotRow[]) | undefined;
}

export function bindCtes(ctes: readonly CommonTableExpr[], scope: Scope): void {
  for (const cte of ctes) scope.ctes.push({ cte, plan: undefined, working: undefined });
}

/** Rows of the CTE that an RTE names, computed once per execution of the level that owns it. */
export function cteBinding(
  rte: RangeTblEntry & { rteKind: 'cte' },
  scope: Scope,
): { rows(frame: Frame): readonly SlotRow[] } {
  let owner: Scope | undefined = scope;
  for (let i = 0; i < rte.levelsUp; i++) owner = owner?.parent;
  const binding = owner?.ctes.find((item) => item.cte.name === rte.cteName);
  if (!owner || !binding) unsupported(`WITH query ${rte.cteName}`);
  if (binding.working) {
    // Nothing between here and the recursive term may be computed once only: the working table changes.
    outerScope(scope, rte.levelsUp);
    return { rows: binding.working };
  }
  binding.plan ??= binding.cte.recursive
    ? compileRecursive(binding, owner)
    : compileSelect(binding.cte.query, owner, owner.compiler);
  const { plan } = binding;
  const compute = (frame: Frame): readonly SlotRow[] =>
    limitedRows('a WITH query', (emit) =>
      plan.run(frame, frame.environment, (values: Row) => emit({ values })),
    );
  if (!plan.correlated) return { rows: (frame) => onceForStatement(plan, frame, compute) };
  outerScope(scope, rte.levelsUp);
  return {
    rows(frame) {
      let at = frame;
      for (let i = 0; i < rte.levelsUp; i++) at = at.parent!;
      at.cteRows ??= new Map();
      const known = at.cteRows.get(plan);
      if (known) return known;
      const rows = compute(at);
      at.cteRows.set(plan, rows);
      return rows;
    },
  };
}

function onceForStatement(
  plan: CompiledSelect,
  frame: Frame,
  compute: (frame: Frame) => readonly SlotRow[],
): readonly SlotRow[] {
  const { once } = frame.environment;
  const known = once.get(plan) as readonly SlotRow[] | undefined;
  if (known) return known;
  const rows = compute(frame);
  once.set(plan, rows);
  return rows;
}
