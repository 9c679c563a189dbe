import type { RowCompareExpr } from '../../analyzer/tree.ts';
import { compileExpr } from './compile-expr.ts';
import type { Evaluator } from './frame.ts';
import { comparisonByOperator } from './functions/comparison.ts';
import { bindPair } from './compile-call.ts';
import type { Scope } from './scope.ts';
import { unsupported } from './unsupported.ts';
import { compareFunctionsOf } from './row-comparators.ts';

/** ROW(a, b) < ROW(c, d): the first unequal pair decides; a NULL before that makes the answer NULL. */
export function compileRowCompare(expr: RowCompareExpr, scope: Scope): Evaluator {
  const pairs = expr.left.map((leftExpr, i) => {
    const rightExpr = expr.right[i]!;
    const comparison =
      comparisonByOperator(expr.operatorIds[i] ?? 0) ?? unsupported('this row comparison');
    const less = compareFunctionsOf(comparison, '<');
    const equal = compareFunctionsOf(comparison, '=');
    const [l, r] = [leftExpr.typeOid, rightExpr.typeOid];
    return {
      left: compileExpr(leftExpr, scope),
      right: compileExpr(rightExpr, scope),
      less: bindPair(less, l, r, 0),
      equal: bindPair(equal, l, r, 0),
    };
  });
  const decide = decisionOf(expr.op);
  return (frame) => {
    for (const { left, right, less, equal } of pairs) {
      const l = left(frame);
      const r = right(frame);
      if (l === null || r === null) return null;
      if (equal(l, r, frame.environment) === true) continue;
      return decide(less(l, r, frame.environment) === true ? -1 : 1);
    }
    return decide(0);
  };
}

function decisionOf(op: RowCompareExpr['op']): (order: number) => boolean {
  switch (op) {
    case '<':
      return (order) => order < 0;
    case '<=':
      return (order) => order <= 0;
    case '>':
      return (order) => order > 0;
    case '>=':
      return (order) => order >= 0;
    default:
      return unsupported(`row comparison ${op}`);
  }
}
