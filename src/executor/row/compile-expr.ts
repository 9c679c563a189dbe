import type { Expr } from '../../analyzer/tree.ts';
import { compileAggregateRef } from './aggregate-ref.ts';
import {
  compileArray,
  compileArrayCoerce,
  compileScalarArrayOp,
  compileSubscript,
} from './compile-array.ts';
import { compileCall, compileDistinct, compileNullIf } from './compile-call.ts';
import { compileCoerceViaIo, compileRelabel } from './compile-coerce.ts';
import {
  compileBool,
  compileBooleanTest,
  compileCase,
  compileCoalesce,
  compileMinMax,
  compileNullTest,
} from './compile-conditional.ts';
import { compileConst, compileNextValue, compileParam, compileSqlValue } from './compile-leaf.ts';
import { compileRowCompare } from './compile-row.ts';
import { compileSubLink } from './compile-sublink.ts';
import { compileVar } from './compile-var.ts';
import type { Evaluator } from './frame.ts';
import { unsupported } from './unsupported.ts';
import type { Scope } from './scope.ts';

/** Makes the closure that computes `expr`. Throws Unsupported for what is not surely PostgreSQL's answer. */
export function compileExpr(expr: Expr, scope: Scope): Evaluator {
  switch (expr.kind) {
    case 'var':
      return compileVar(expr, scope);
    case 'const':
      return compileConst(expr);
    case 'param':
      return compileParam(expr);
    case 'aggref':
      return compileAggregateRef(expr, scope);
    case 'func':
    case 'op':
      return compileCall(expr, scope);
    case 'distinct':
      return compileDistinct(expr, scope);
    case 'nullIf':
      return compileNullIf(expr, scope);
    case 'scalarArrayOp':
      return compileScalarArrayOp(expr, scope);
    case 'bool':
      return compileBool(expr, scope);
    case 'subLink':
      return compileSubLink(expr, scope);
    case 'case':
      return compileCase(expr, scope);
    case 'caseTest':
      return (frame) => frame.caseTest;
    case 'array':
      return compileArray(expr, scope);
    case 'rowCompare':
      return compileRowCompare(expr, scope);
    case 'coalesce':
      return compileCoalesce(expr, scope);
    case 'minMax':
      return compileMinMax(expr, scope);
    case 'sqlValue':
      return compileSqlValue(expr);
    case 'nullTest':
      return compileNullTest(expr, scope);
    case 'booleanTest':
      return compileBooleanTest(expr, scope);
    case 'relabel':
      return compileRelabel(expr, scope);
    case 'collate':
      return compileExpr(expr.arg, scope);
    case 'namedArg':
      return compileExpr(expr.arg, scope);
    case 'coerceViaIo':
      return compileCoerceViaIo(expr, scope);
    case 'arrayCoerce':
      return compileArrayCoerce(expr, scope);
    case 'subscript':
      return compileSubscript(expr, scope);
    case 'nextValue':
      return compileNextValue(expr);
    case 'windowFunc':
      return unsupported('a window function');
    case 'grouping':
      return unsupported('GROUPING');
    case 'row':
      return unsupported('a row value');
    case 'convertRowtype':
    case 'fieldSelect':
    case 'fieldStore':
      return unsupported('a composite value');
    case 'coerceToDomain':
    case 'domainValue':
      return unsupported('a domain');
    case 'setToDefault':
      return unsupported('DEFAULT');
    case 'currentOf':
      return unsupported('WHERE CURRENT OF');
    case 'other':
      return unsupported(expr.tag);
    default:
      return unsupported((expr as Expr).kind);
  }
}

/** Compiles a test: true only for TRUE, as WHERE and ON have it. */
export function compileTest(
  quals: readonly Expr[],
  scope: Scope,
): ((frame: Parameters<Evaluator>[0]) => boolean) | undefined {
  const tests = quals.map((qual) => compileExpr(qual, scope));
  const [first, second] = tests;
  if (!first) return undefined;
  if (!second) return (frame) => first(frame) === true;
  if (tests.length === 2) return (frame) => first(frame) === true && second(frame) === true;
  return (frame) => {
    for (const test of tests) if (test(frame) !== true) return false;
    return true;
  };
}
