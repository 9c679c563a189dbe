import type { CoerceViaIo, RelabelType } from '../../analyzer/tree.ts';
import { compileExpr } from './compile-expr.ts';
import type { Evaluator } from './frame.ts';
import { Oid } from '../../types/oid.ts';
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

/** Types with the same bytes; only between signed and unsigned do our values differ. */
export function compileRelabel(expr: RelabelType, scope: Scope): Evaluator {
  const arg = compileExpr(expr.arg, scope);
  const [from, to] = [expr.arg.typeOid, expr.typeOid];
  if (from === to || (from !== Oid.int4 && to !== Oid.int4)) return arg;
  return (frame) => {
    const value = arg(frame);
    if (typeof value !== 'number') return value;
    return to === Oid.int4 ? value | 0 : value >>> 0;
  };
}
