import { comparisonRows } from './functions/comparison-table.ts';
import type { ComparisonOp } from './functions/comparison-table.ts';
import type { Comparison } from './functions/comparison.ts';
import { unsupported } from './unsupported.ts';

/** The function that makes test `op` between the same two types. */
export function compareFunctionsOf(comparison: Comparison, op: ComparisonOp): number {
  for (const [funcId, , rowOp, left, right] of comparisonRows) {
    if (rowOp === op && left === comparison.left && right === comparison.right) return funcId;
  }
  return unsupported(`comparing ${comparison.left} with ${comparison.right}`);
}
