import type { Expr } from '../analyzer/tree.ts';
import { Oid } from '../types/oid.ts';

/** What must all be true for a condition to be. */
export function conjunctsOf(quals: Expr | undefined): readonly Expr[] {
  if (quals === undefined) return [];
  return quals.kind === 'bool' && quals.op === 'and' ? quals.args.flatMap(conjunctsOf) : [quals];
}

export function conjunction(quals: readonly Expr[]): Expr | undefined {
  if (quals.length <= 1) return quals[0];
  return { kind: 'bool', op: 'and', args: quals, typeOid: Oid.bool };
}
