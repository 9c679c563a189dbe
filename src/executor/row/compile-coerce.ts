import type { CoerceViaIo } from '../../analyzer/tree.ts';
import { compileExpr } from './compile-expr.ts';
import type { Evaluator } from './frame.ts';
import type { Scope } from './scope.ts';
import { typeOf } from './type-of.ts';

/** A cast by the source's output function and the target's input function. */
export function compileCoerceViaIo(expr: CoerceViaIo, scope: Scope): Evaluator {
  const from = typeOf(expr.arg.typeOid);
  const to = typeOf(expr.typeOid);
  const arg = compileExpr(expr.arg, scope);
  return (frame) => {
    const value = arg(frame);
    if (value === null) return null;
    const { types } = frame.environment.context.statement;
    return to.parse(from.format(value, types), -1, types);
  };
}
