import type { Expr, FuncCall, OpCall } from '../../analyzer/tree.ts';
import type { Value } from '../../types/value.ts';
import { compileExpr } from './compile-expr.ts';
import { compileSessionFunction } from './session-functions.ts';
import type { Environment, Evaluator } from './frame.ts';
import { functionEntry } from './functions/index.ts';
import type { Scope } from './scope.ts';
import { unsupported } from './unsupported.ts';

type Bound = (...args: (Value | Environment)[]) => Value;

/** What EXPLAIN calls a function: its name, or its OID when the catalog knows none. */
export function functionLabel(funcId: number, scope: Scope): string {
  return `function ${scope.compiler.catalog.functionName(funcId) ?? funcId}`;
}

/** The types that a function sees: a polymorphic argument's own type is that of the expression. */
function bindFunction(
  funcId: number,
  args: readonly Expr[],
  resultType: number,
  collation: number,
  scope: Scope,
): { run: Bound; strict: boolean } {
  const entry = functionEntry(funcId) ?? unsupported(functionLabel(funcId, scope));
  const run = entry.bind({ argTypes: args.map((arg) => arg.typeOid), resultType, collation });
  if (!run) unsupported(`function ${entry.signature} of these types or this collation`);
  // What a signature promises of its values, the analyzer has checked: here they are just Values.
  return { run: run as unknown as Bound, strict: entry.strict };
}

export function compileCall(expr: FuncCall | OpCall, scope: Scope): Evaluator {
  if (expr.kind === 'func') {
    if (expr.returnsSet) unsupported('a set-returning function');
    const session = compileSessionFunction(expr, scope);
    if (session) return session;
    if (expr.variadic) unsupported('VARIADIC');
  }
  const { run, strict } = bindFunction(
    expr.funcId,
    expr.args,
    expr.typeOid,
    expr.inputCollation,
    scope,
  );
  const args = expr.args.map((arg) => compileExpr(arg, scope));
  return strict ? strictCall(run, args) : nullableCall(run, args);
}

function strictCall(run: Bound, args: readonly Evaluator[]): Evaluator {
  const [first, second, third] = args;
  if (!first) return (frame) => run(frame.environment);
  if (!second) {
    return (frame) => {
      const value = first(frame);
      return value === null ? null : run(value, frame.environment);
    };
  }
  if (!third) {
    return (frame) => {
      // Both are evaluated before either is tested: the second may fail though the first is NULL.
      const l = first(frame);
      const r = second(frame);
      return l === null || r === null ? null : run(l, r, frame.environment);
    };
  }
  return (frame) => {
    const values: (Value | Environment)[] = [];
    let missing = false;
    for (const arg of args) {
      const value = arg(frame);
      if (value === null) missing = true;
      values.push(value);
    }
    if (missing) return null;
    values.push(frame.environment);
    return run(...values);
  };
}

function nullableCall(run: Bound, args: readonly Evaluator[]): Evaluator {
  return (frame) => {
    const values: (Value | Environment)[] = args.map((arg) => arg(frame));
    values.push(frame.environment);
    return run(...values);
  };
}

function compilePair(expr: OpCall, scope: Scope) {
  const { run } = bindFunction(expr.funcId, expr.args, expr.typeOid, expr.inputCollation, scope);
  const [left, right] = expr.args;
  if (!left || !right) unsupported('an operator of one argument');
  return { run, left: compileExpr(left, scope), right: compileExpr(right, scope) };
}

export function compileDistinct(expr: OpCall, scope: Scope): Evaluator {
  const { run, left, right } = compilePair(expr, scope);
  return (frame) => {
    const l = left(frame);
    const r = right(frame);
    if (l === null || r === null) return l !== r;
    return run(l, r, frame.environment) !== true;
  };
}

export function compileNullIf(expr: OpCall, scope: Scope): Evaluator {
  const { run, left, right } = compilePair(expr, scope);
  return (frame) => {
    const l = left(frame);
    const r = right(frame);
    if (l === null || r === null) return l;
    return run(l, r, frame.environment) === true ? null : l;
  };
}

/** The function of a comparison between two evaluators' values, for ANY, ALL and row comparisons. */
export function bindPair(
  funcId: number,
  leftType: number,
  rightType: number,
  collation: number,
): (l: Value, r: Value, environment: Environment) => Value {
  const entry = functionEntry(funcId) ?? unsupported(`function ${funcId}`);
  if (!entry.strict) unsupported(`function ${entry.signature} here`);
  const run = entry.bind({ argTypes: [leftType, rightType], resultType: 16, collation });
  if (!run) unsupported(`function ${entry.signature} of these types or this collation`);
  return run as unknown as (l: Value, r: Value, environment: Environment) => Value;
}
