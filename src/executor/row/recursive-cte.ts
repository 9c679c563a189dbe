import type { Query } from '../../analyzer/tree.ts';
import type { Row } from '../../types/value.ts';
import { compileSelect } from './compile-select.ts';
import type { CompiledSelect } from './compile-select.ts';
import type { CteBinding } from './cte.ts';
import type { Frame, SlotRow } from './frame.ts';
import { compositeKeyOf } from './hash-key.ts';
import { tooManyRows, workRowsMax } from './limits.ts';
import type { Scope } from './scope.ts';
import { createScope } from './scope.ts';
import { unsupported } from './unsupported.ts';

function operand(query: Query, rtindex: number): Query {
  const rte = query.rtable[rtindex - 1];
  return rte?.rteKind === 'subquery' ? rte.query : unsupported('this recursive query');
}

/** WITH RECURSIVE: the non-recursive term, then the recursive one over what the last round brought, until nothing new comes. */
export function compileRecursive(binding: CteBinding, owner: Scope): CompiledSelect {
  const { query } = binding.cte;
  const operation = query.setOperations;
  if (operation?.kind !== 'setOperation' || operation.op !== 'union')
    unsupported('this recursive query');
  if (operation.left.kind !== 'ref' || operation.right.kind !== 'ref')
    unsupported('this recursive query');
  if (query.cteList.length > 0 || query.sortClause.length > 0) unsupported('this recursive query');
  if (query.limitCount || query.limitOffset || binding.cte.hasSearchOrCycle)
    unsupported('this recursive query');
  const scope = createScope(query, owner, owner.compiler);
  const start = compileSelect(operand(query, operation.left.rtindex), scope, scope.compiler);
  let working: readonly SlotRow[] = [];
  binding.working = () => working;
  const correlatedBefore = { scope: scope.correlated, owner: owner.correlated };
  const step = compileSelect(operand(query, operation.right.rtindex), scope, scope.compiler);
  binding.working = undefined;
  // Reading the working table marked the scopes between as correlated; only real outer columns count for the whole.
  if (start.correlated || correlatedBefore.scope)
    unsupported('a recursive query that reads outer columns');
  scope.correlated = correlatedBefore.scope;
  owner.correlated = correlatedBefore.owner;
  const keyOf = operation.all ? undefined : compositeKeyOf(operation.columnTypes);
  return {
    correlated: false,
    columnTypes: operation.columnTypes,
    driver: undefined,
    run(parent, environment, emit) {
      const frame: Frame | undefined = parent;
      const seen = new Set<unknown>();
      let count = 0;
      const round = (plan: CompiledSelect): SlotRow[] | undefined => {
        const found: SlotRow[] = [];
        let wanted = true;
        plan.run(frame, environment, (values: Row) => {
          const key = keyOf?.(values);
          if (keyOf && seen.has(key)) return true;
          seen.add(key);
          if (++count > workRowsMax) throw tooManyRows('a recursive query');
          found.push({ values });
          wanted = emit(values);
          return wanted;
        });
        return wanted ? found : undefined;
      };
      let rows = round(start);
      while (rows && rows.length > 0) {
        working = rows;
        rows = round(step);
      }
      working = [];
    },
  };
}
