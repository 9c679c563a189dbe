import type { Query, RangeTblRef, SetOperation } from '../../analyzer/tree.ts';
import type { Row } from '../../types/value.ts';
import { compileSelect } from './compile-select.ts';
import type { CompiledSelect } from './compile-select.ts';
import { createFrame } from './frame.ts';
import type { Environment, Frame } from './frame.ts';
import { comparisonByOperator } from './functions/comparison.ts';
import { isByteCollation } from './functions/definition.ts';
import { compositeKeyOf } from './hash-key.ts';
import { tooManyRows, workRowsMax } from './limits.ts';
import { compileOutput } from './output.ts';
import type { Scope } from './scope.ts';
import { typeOf } from './type-of.ts';
import { unsupported } from './unsupported.ts';

type Emit = (row: Row) => boolean;

interface Node {
  readonly correlated: boolean;
  run(frame: Frame, emit: Emit): boolean;
}

/** UNION, INTERSECT and EXCEPT; the level's ORDER BY and LIMIT work on their result. */
export function compileSetOperation(query: Query, scope: Scope): CompiledSelect {
  const operation = query.setOperations!;
  const columnTypes = operation.kind === 'setOperation' ? operation.columnTypes : [];
  const root = compileNode(operation, scope, columnTypes);
  for (const target of query.targetList) typeOf(target.expr.typeOid);
  const output = compileOutput(query, scope);
  // ORDER BY may name output columns only: the target list is the operands' columns as they are.
  if (query.targetList.some((target) => target.junk)) unsupported('ORDER BY over a set operation');
  return {
    correlated: scope.correlated,
    columnTypes: query.targetList.map((target) => target.expr.typeOid),
    driver: undefined,
    run(parent, environment: Environment, emit) {
      const frame = createFrame(query.rtable.length, parent, environment);
      const sink = output.start(frame, emit);
      root.run(frame, (row) => sink.add(row, undefined));
      sink.finish();
    },
  };
}

function compileNode(
  node: SetOperation | RangeTblRef,
  scope: Scope,
  columnTypes: readonly number[],
): Node {
  if (node.kind === 'ref') {
    const rte = scope.rtable[node.rtindex - 1];
    if (rte?.rteKind !== 'subquery') unsupported('this set operation');
    const plan = compileSelect(rte.query, scope, scope.compiler);
    if (plan.columnTypes.some((oid, i) => oid !== columnTypes[i]))
      unsupported('a set operation over columns of different types');
    return {
      correlated: plan.correlated,
      run(frame, emit) {
        let wanted = true;
        plan.run(frame, frame.environment, (row) => (wanted = emit(row)));
        return wanted;
      },
    };
  }
  const left = compileNode(node.left, scope, columnTypes);
  const right = compileNode(node.right, scope, columnTypes);
  const correlated = left.correlated || right.correlated;
  if (node.op === 'union' && node.all) {
    return { correlated, run: (frame, emit) => left.run(frame, emit) && right.run(frame, emit) };
  }
  for (const clause of node.groupClauses) {
    if (comparisonByOperator(clause.eqOperator)?.op !== '=')
      unsupported('a set operation by this operator');
  }
  if (!node.columnCollations.every(isByteCollation))
    unsupported('a set operation by this collation');
  const keyOf = compositeKeyOf(node.columnTypes);
  if (node.op === 'union') return { correlated, run: unionDistinct(left, right, keyOf) };
  return { correlated, run: filtered(left, right, keyOf, node) };
}

type KeyOf = ReturnType<typeof compositeKeyOf>;

function unionDistinct(left: Node, right: Node, keyOf: KeyOf): Node['run'] {
  return (frame, emit) => {
    const seen = new Set<unknown>();
    const once: Emit = (row) => {
      const key = keyOf(row);
      if (seen.has(key)) return true;
      if (seen.size >= workRowsMax) throw tooManyRows('UNION');
      seen.add(key);
      return emit(row);
    };
    return left.run(frame, once) && right.run(frame, once);
  };
}

/** INTERSECT and EXCEPT: how often each key comes on the right decides which rows of the left pass. */
function filtered(left: Node, right: Node, keyOf: KeyOf, node: SetOperation): Node['run'] {
  const intersect = node.op === 'intersect';
  return (frame, emit) => {
    const counts = new Map<unknown, number>();
    right.run(frame, (row) => {
      const key = keyOf(row);
      if (counts.size >= workRowsMax) throw tooManyRows(node.op.toUpperCase());
      counts.set(key, (counts.get(key) ?? 0) + 1);
      return true;
    });
    const seen = new Set<unknown>();
    return left.run(frame, (row) => {
      const key = keyOf(row);
      if (!node.all) {
        if (seen.has(key)) return true;
        seen.add(key);
        return counts.has(key) === intersect ? emit(row) : true;
      }
      const count = counts.get(key) ?? 0;
      if (count > 0) counts.set(key, count - 1);
      return count > 0 === intersect ? emit(row) : true;
    });
  };
}
