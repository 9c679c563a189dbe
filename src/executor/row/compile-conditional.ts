import type {
  BoolExpr,
  BooleanTest,
  CaseExpr,
  CoalesceExpr,
  MinMaxExpr,
  NullTest,
} from '../../analyzer/tree.ts';
import { compileExpr } from './compile-expr.ts';
import type { Evaluator } from './frame.ts';
import { isByteCollation } from './functions/definition.ts';
import type { Scope } from './scope.ts';
import { typeOf } from './type-of.ts';
import { unsupported } from './unsupported.ts';

/** AND and OR stop at the first argument that decides, left to right, as ExecEvalBoolAndStep does. */
export function compileBool(expr: BoolExpr, scope: Scope): Evaluator {
  const args = expr.args.map((arg) => compileExpr(arg, scope));
  if (expr.op === 'not') {
    const arg = args[0]!;
    return (frame) => {
      const value = arg(frame);
      return value === null ? null : !value;
    };
  }
  const decisive = expr.op === 'or';
  if (args.length === 2) {
    const [left, right] = [args[0]!, args[1]!];
    return (frame) => {
      const l = left(frame);
      if (l === decisive) return decisive;
      const r = right(frame);
      return r === decisive ? decisive : l === null ? null : r;
    };
  }
  return (frame) => {
    let unknown = false;
    for (const arg of args) {
      const value = arg(frame);
      if (value === decisive) return decisive;
      if (value === null) unknown = true;
    }
    return unknown ? null : !decisive;
  };
}

export function compileCase(expr: CaseExpr, scope: Scope): Evaluator {
  const whens = expr.whens.map((branch) => ({
    when: compileExpr(branch.when, scope),
    then: compileExpr(branch.then, scope),
  }));
  const otherwise: Evaluator = expr.otherwise ? compileExpr(expr.otherwise, scope) : () => null;
  const choose: Evaluator = (frame) => {
    for (const { when, then } of whens) if (when(frame) === true) return then(frame);
    return otherwise(frame);
  };
  if (!expr.arg) return choose;
  const arg = compileExpr(expr.arg, scope);
  return (frame) => {
    const value = arg(frame);
    const outer = frame.caseTest;
    for (const { when, then } of whens) {
      frame.caseTest = value;
      const met = when(frame) === true;
      frame.caseTest = outer;
      if (met) return then(frame);
    }
    return otherwise(frame);
  };
}

export function compileCoalesce(expr: CoalesceExpr, scope: Scope): Evaluator {
  const args = expr.args.map((arg) => compileExpr(arg, scope));
  return (frame) => {
    for (const arg of args) {
      const value = arg(frame);
      if (value !== null) return value;
    }
    return null;
  };
}

export function compileMinMax(expr: MinMaxExpr, scope: Scope): Evaluator {
  if (!isByteCollation(expr.inputCollation)) unsupported('this collation');
  const compare =
    typeOf(expr.typeOid).compare ?? unsupported(`GREATEST or LEAST of type ${expr.typeOid}`);
  const args = expr.args.map((arg) => compileExpr(arg, scope));
  const sign = expr.op === 'greatest' ? 1 : -1;
  return (frame) => {
    let best = null as ReturnType<Evaluator>;
    for (const arg of args) {
      const value = arg(frame);
      if (value === null) continue;
      if (best === null || compare(value, best) * sign > 0) best = value;
    }
    return best;
  };
}

export function compileNullTest(expr: NullTest, scope: Scope): Evaluator {
  if (expr.argIsRow) unsupported('IS NULL of a row');
  const arg = compileExpr(expr.arg, scope);
  return expr.isNull ? (frame) => arg(frame) === null : (frame) => arg(frame) !== null;
}

export function compileBooleanTest(expr: BooleanTest, scope: Scope): Evaluator {
  const arg = compileExpr(expr.arg, scope);
  switch (expr.test) {
    case 'true':
      return (frame) => arg(frame) === true;
    case 'notTrue':
      return (frame) => arg(frame) !== true;
    case 'false':
      return (frame) => arg(frame) === false;
    case 'notFalse':
      return (frame) => arg(frame) !== false;
    case 'unknown':
      return (frame) => arg(frame) === null;
    default:
      return (frame) => arg(frame) !== null;
  }
}
