import type {
  ArrayCoerce,
  ArrayExpr,
  Expr,
  ScalarArrayOp,
  SubscriptingRef,
} from '../../analyzer/tree.ts';
import type { PgArray, Value } from '../../types/value.ts';
import { compileExpr } from './compile-expr.ts';
import { bindPair } from './compile-call.ts';
import type { Evaluator } from './frame.ts';
import { makeArray } from './functions/array-value.ts';
import { arraySlice } from './functions/array-slice.ts';
import { comparisonByFunction } from './functions/comparison.ts';
import { isByteCollation } from './functions/definition.ts';
import { sharedHashKey } from './hash-key.ts';
import type { HashKey } from './hash-key.ts';
import type { Scope } from './scope.ts';
import { typeOf } from './type-of.ts';
import { unsupported } from './unsupported.ts';

export function compileArray(expr: ArrayExpr, scope: Scope): Evaluator {
  typeOf(expr.typeOid);
  return compileElements(expr, scope);
}

/** The array's own type need not be one of ours. */
export function compileElements(expr: ArrayExpr, scope: Scope): Evaluator {
  if (expr.multidims) unsupported('an array of arrays');
  typeOf(expr.elementOid);
  const elements = expr.elements.map((element) => compileExpr(element, scope));
  const build: Evaluator = (frame) => makeArray(elements.map((element) => element(frame)));
  if (!expr.elements.every(isConst)) return build;
  let constant: Value | undefined;
  return (frame) => (constant ??= build(frame));
}

function isConst(expr: Expr): boolean {
  return expr.kind === 'const' || (expr.kind === 'relabel' && isConst(expr.arg));
}

/** Elements from which on a set of keys is made of an array that stays the same from row to row. */
const hashedElementsMin = 9;

export function compileScalarArrayOp(expr: ScalarArrayOp, scope: Scope): Evaluator {
  const [scalarExpr, arrayExpr] = expr.args;
  if (!scalarExpr || !arrayExpr) unsupported('this ANY or ALL');
  const listed = arrayExpr.kind === 'array';
  const elementOid = listed ? arrayExpr.elementOid : typeOf(arrayExpr.typeOid).elementOid;
  const test = bindPair(expr.funcId, scalarExpr.typeOid, elementOid, expr.inputCollation);
  const scalar = compileExpr(scalarExpr, scope);
  const array = listed ? compileElements(arrayExpr, scope) : compileExpr(arrayExpr, scope);
  const decisive = expr.useOr;
  const find = decisive ? hashedSearch(expr, scalarExpr.typeOid, elementOid) : undefined;
  return (frame) => {
    const value = scalar(frame);
    const list = array(frame) as PgArray | null;
    if (list === null) return null;
    if (list.elements.length === 0) return !decisive;
    if (value === null) return null;
    if (find && list.elements.length >= hashedElementsMin) return find(value, list);
    let unknown = false;
    for (const element of list.elements) {
      const met = element === null ? null : test(value, element, frame.environment);
      if (met === decisive) return decisive;
      if (met === null) unknown = true;
    }
    return unknown ? null : !decisive;
  };
}

function hashedSearch(
  expr: ScalarArrayOp,
  scalarOid: number,
  elementOid: number,
): ((value: Value, list: PgArray) => Value) | undefined {
  if (comparisonByFunction(expr.funcId)?.op !== '=') return undefined;
  if (!isByteCollation(expr.inputCollation)) return undefined;
  const keys = sharedHashKey(scalarOid, elementOid);
  if (!keys) return undefined;
  const [scalarKey, elementKey] = keys;
  const sets = new WeakMap<PgArray, { keys: Set<HashKey>; hasNull: boolean }>();
  return (value, list) => {
    let known = sets.get(list);
    if (!known) {
      const found = new Set<HashKey>();
      for (const element of list.elements) if (element !== null) found.add(elementKey(element));
      known = { keys: found, hasNull: list.elements.includes(null) };
      sets.set(list, known);
    }
    return known.keys.has(scalarKey(value)) ? true : known.hasNull ? null : false;
  };
}

export function compileArrayCoerce(expr: ArrayCoerce, scope: Scope): Evaluator {
  const arg = compileExpr(expr.arg, scope);
  typeOf(expr.typeOid);
  const element = compileExpr(expr.elementExpr, scope);
  return (frame) => {
    const array = arg(frame) as PgArray | null;
    if (array === null) return null;
    const outer = frame.caseTest;
    const elements = array.elements.map((value) => {
      frame.caseTest = value;
      return element(frame);
    });
    frame.caseTest = outer;
    return { ...array, elements };
  };
}

export function compileSubscript(expr: SubscriptingRef, scope: Scope): Evaluator {
  if (expr.assign) unsupported('assignment to an array element');
  if (typeOf(expr.containerType).elementOid === 0) unsupported('a subscript of no array');
  typeOf(expr.typeOid);
  const container = compileExpr(expr.container, scope);
  const optional = (bound: Expr | undefined): Evaluator | undefined =>
    bound && compileExpr(bound, scope);
  const upper = expr.upper.map(optional);
  if (expr.lower.length === 0) return elementAt(container, upper);
  const lower = expr.lower.map(optional);
  return (frame) => {
    const array = container(frame) as PgArray | null;
    const bounds = [lower, upper].map((side) =>
      side.map((bound) => (bound ? (bound(frame) as number | null) : undefined)),
    );
    if (array === null || bounds.some((side) => side.includes(null))) return null;
    return arraySlice(
      array,
      bounds[0] as (number | undefined)[],
      bounds[1] as (number | undefined)[],
    );
  };
}

function elementAt(
  container: Evaluator,
  subscripts: readonly (Evaluator | undefined)[],
): Evaluator {
  return (frame) => {
    const array = container(frame) as PgArray | null;
    const wanted = subscripts.map((subscript) => subscript!(frame) as number | null);
    if (array === null || array.dims.length !== wanted.length) return null;
    let at = 0;
    for (let i = 0; i < wanted.length; i++) {
      const subscript = wanted[i]!;
      if (subscript === null) return null;
      const offset = subscript - array.lowerBounds[i]!;
      if (offset < 0 || offset >= array.dims[i]!) return null;
      at = at * array.dims[i]! + offset;
    }
    return array.elements[at]!;
  };
}
