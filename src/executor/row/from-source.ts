import type { Expr, RangeTblEntry } from '../../analyzer/tree.ts';
import { assert } from '../../base/index.ts';
import type { Row } from '../../types/value.ts';
import { compileExpr } from './compile-expr.ts';
import { compileSelect } from './compile-select.ts';
import type { CompiledSelect } from './compile-select.ts';
import { cteBinding } from './cte.ts';
import type { Evaluator, Frame, SlotRow } from './frame.ts';
import { compileTableFunction } from './table-function.ts';
import { limitedRows } from './limits.ts';
import { createRelationSource } from './relation-source.ts';
import type { Scope } from './scope.ts';
import type { Source } from './source.ts';
import { typeOf } from './type-of.ts';
import { unsupported } from './unsupported.ts';

const wrap = (values: Row): SlotRow => ({ values });

/** The source of range table entry `varno`; `quals` are the conjuncts that concern it alone (for access paths). */
export function createSource(varno: number, quals: readonly Expr[], scope: Scope): Source {
  const rte = scope.rtable[varno - 1] ?? unsupported(`range table entry ${varno}`);
  switch (rte.rteKind) {
    case 'relation':
      return createRelationSource(varno, quals, scope);
    case 'subquery':
      return subquerySource(varno, rte, scope);
    case 'values':
      return valuesSource(varno, rte, scope);
    case 'rows':
      return rowsSource(varno, rte);
    case 'cte':
      return cteSource(varno, rte, scope);
    case 'function':
      return { varno, relation: undefined, rows: compileTableFunction(rte, scope) };
    case 'result': {
      const one = [wrap([])];
      return { varno, relation: undefined, rows: () => one };
    }
    default:
      return unsupported(rte.rteKind === 'other' ? rte.what : `a ${rte.rteKind} in FROM`);
  }
}

function materialize(plan: CompiledSelect, frame: Frame): readonly SlotRow[] {
  return limitedRows('a sub-query', (emit) =>
    plan.run(frame, frame.environment, (row: Row) => emit(wrap(row))),
  );
}

function subquerySource(
  varno: number,
  rte: RangeTblEntry & { rteKind: 'subquery' },
  scope: Scope,
): Source {
  // A sub-query in FROM sees its own level as parent: only LATERAL ones read it.
  const plan = compileSelect(rte.query, scope, scope.compiler);
  if (plan.correlated) {
    return { varno, relation: undefined, rows: (frame) => materialize(plan, frame) };
  }
  return {
    varno,
    relation: undefined,
    subquery: plan,
    rows(frame) {
      const { once } = frame.environment;
      const known = once.get(plan) as readonly SlotRow[] | undefined;
      if (known) return known;
      const rows = materialize(plan, frame);
      once.set(plan, rows);
      return rows;
    },
  };
}

function valuesSource(
  varno: number,
  rte: RangeTblEntry & { rteKind: 'values' },
  scope: Scope,
): Source {
  rte.columnTypes.forEach(typeOf);
  const lists = rte.lists.map((list) => list.map((expr) => compileExpr(expr, scope)));
  const rowOf = (list: readonly Evaluator[], frame: Frame): SlotRow =>
    wrap(list.map((item) => item(frame)));
  return {
    varno,
    relation: undefined,
    rows: (frame) => lists.map((list) => rowOf(list, frame)),
    *each(frame) {
      for (const list of lists) yield rowOf(list, frame);
    },
  };
}

function rowsSource(varno: number, rte: RangeTblEntry & { rteKind: 'rows' }): Source {
  rte.columnTypes.forEach(typeOf);
  return {
    varno,
    relation: undefined,
    rows(frame) {
      const source = frame.environment.context.sources.get(rte.source);
      assert(source, `no rows named ${rte.source}`);
      return source.rows.map(wrap);
    },
  };
}

function cteSource(varno: number, rte: RangeTblEntry & { rteKind: 'cte' }, scope: Scope): Source {
  const { rows } = cteBinding(rte, scope);
  return { varno, relation: undefined, rows };
}
