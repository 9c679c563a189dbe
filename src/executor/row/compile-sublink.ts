import type { Expr, SubLinkExpr } from '../../analyzer/tree.ts';
import { PgError, SqlState } from '../../base/index.ts';
import type { Row, Value } from '../../types/value.ts';
import { makeArray } from './functions/array-value.ts';
import { compileExpr } from './compile-expr.ts';
import { compileSelect } from './compile-select.ts';
import type { CompiledSelect } from './compile-select.ts';
import { comparisonByFunction } from './functions/comparison.ts';
import type { Evaluator, Frame } from './frame.ts';
import { sharedHashKey } from './hash-key.ts';
import type { HashKey } from './hash-key.ts';
import { isByteCollation } from './functions/definition.ts';
import { limitedRows } from './limits.ts';
import type { Scope } from './scope.ts';
import { walkDeep } from './walk.ts';
import { typeOf } from './type-of.ts';
import { unsupported } from './unsupported.ts';

/** Computes once for the statement when the sub-query reads no outer row, else per row. */
function onceUnless<T>(plan: CompiledSelect, compute: (frame: Frame) => T): (frame: Frame) => T {
  if (plan.correlated) return compute;
  return (frame) => {
    const { once } = frame.environment;
    if (once.has(compute)) return once.get(compute) as T;
    const result = compute(frame);
    once.set(compute, result);
    return result;
  };
}

function rowsOf(plan: CompiledSelect): (frame: Frame) => Row[] {
  return (frame) => limitedRows('a sub-query', (emit) => plan.run(frame, frame.environment, emit));
}

export function compileSubLink(expr: SubLinkExpr, scope: Scope): Evaluator {
  const plan = compileSelect(expr.query, scope, scope.compiler);
  switch (expr.linkKind) {
    case 'exists':
      return onceUnless(plan, (frame) => {
        let found = false;
        plan.run(frame, frame.environment, () => {
          found = true;
          return false;
        });
        return found;
      });
    case 'expr':
      return onceUnless(plan, (frame) => singleRow(plan, frame)?.[0] ?? null);
    case 'array': {
      const rows = rowsOf(plan);
      typeOf(expr.typeOid);
      if (typeOf(plan.columnTypes[0]!).elementOid !== 0) unsupported('ARRAY of arrays');
      return onceUnless(plan, (frame) => makeArray(rows(frame).map((row) => row[0]!)));
    }
    case 'rowCompare': {
      const test = compileExpr(expr.testExpr ?? unsupported('this sub-query'), scope);
      const row = onceUnless(plan, (frame) => singleRow(plan, frame));
      return (frame) => {
        const values = row(frame);
        return values ? withSubRow(frame, values, test) : null;
      };
    }
    case 'any':
    case 'all':
      return compileQuantified(expr, plan, scope);
    default:
      return unsupported(`a sub-query of kind ${expr.linkKind}`);
  }
}

function singleRow(plan: CompiledSelect, frame: Frame): Row | undefined {
  let found: Row | undefined;
  plan.run(frame, frame.environment, (row) => {
    if (found) {
      throw new PgError(
        SqlState.cardinalityViolation,
        'more than one row returned by a subquery used as an expression',
      );
    }
    found = row;
    return true;
  });
  return found;
}

function withSubRow(frame: Frame, row: readonly Value[], test: Evaluator): Value {
  const outer = frame.subRow;
  frame.subRow = row;
  const result = test(frame);
  frame.subRow = outer;
  return result;
}

function compileQuantified(expr: SubLinkExpr, plan: CompiledSelect, scope: Scope): Evaluator {
  const testExpr = expr.testExpr ?? unsupported('this sub-query');
  if (expr.linkKind === 'any' && !plan.correlated) {
    const hashed = compileHashed(testExpr, plan, scope);
    if (hashed) return hashed;
  }
  const rows = onceUnless(plan, rowsOf(plan));
  const test = compileExpr(testExpr, scope);
  // ANY stops at TRUE, ALL at FALSE.
  const decisive = expr.linkKind === 'any';
  return (frame) => {
    let unknown = false;
    for (const row of rows(frame)) {
      const value = withSubRow(frame, row, test);
      if (value === decisive) return decisive;
      if (value === null) unknown = true;
    }
    return unknown ? null : !decisive;
  };
}

/** `x = ANY (SELECT y)` over a set of y's keys. */
function compileHashed(testExpr: Expr, plan: CompiledSelect, scope: Scope): Evaluator | undefined {
  if (testExpr.kind !== 'op' || comparisonByFunction(testExpr.funcId)?.op !== '=') return undefined;
  const [left, right] = testExpr.args;
  if (!left || !right || !isByteCollation(testExpr.inputCollation)) return undefined;
  let param: Expr = right;
  while (param.kind === 'relabel') param = param.arg;
  if (param.kind !== 'param' || param.paramKind !== 'sublink') return undefined;
  let leftHasParam = false;
  walkDeep(left, (node) => {
    leftHasParam ||= node.kind === 'param' && node.paramKind === 'sublink';
  });
  const keys = sharedHashKey(left.typeOid, right.typeOid);
  if (!keys || leftHasParam) return undefined;
  const [leftKey, rightKey] = keys;
  const at = param.id - 1;
  const rows = rowsOf(plan);
  const set = onceUnless(plan, (frame) => {
    const known = new Set<HashKey>();
    let hasNull = false;
    let count = 0;
    for (const row of rows(frame)) {
      const value = row[at]!;
      count++;
      if (value === null) hasNull = true;
      else known.add(rightKey(value));
    }
    return { known, hasNull, count };
  });
  const evaluate = compileExpr(left, scope);
  return (frame) => {
    const value = evaluate(frame);
    const { known, hasNull, count } = set(frame);
    if (count === 0) return false;
    if (value === null) return null;
    return known.has(leftKey(value)) ? true : hasNull ? null : false;
  };
}
