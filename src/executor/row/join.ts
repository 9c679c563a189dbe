import type { Expr, JoinType, VarExpr } from '../../analyzer/tree.ts';
import { columnTest } from './access-path.ts';
import { compileExpr, compileTest } from './compile-expr.ts';
import type { Evaluator, Frame, SlotRow } from './frame.ts';
import { comparisonByFunction } from './functions/comparison.ts';
import { isByteCollation } from './functions/definition.ts';
import { sharedHashKey } from './hash-key.ts';
import type { HashKey } from './hash-key.ts';
import { tooManyRows, workRowsMax } from './limits.ts';
import { runPipe } from './pipeline.ts';
import type { Pipe } from './pipeline.ts';
import { lookupOf } from './relation-source.ts';
import { resolveJoinVar } from './scope.ts';
import type { Scope } from './scope.ts';
import { unsupported } from './unsupported.ts';
import { varnosOf } from './walk.ts';
import type { Value } from '../../types/value.ts';

/** One row of the inner side: its slots, parallel to the inner pipe's varnos. */
interface Inner {
  readonly slots: readonly (SlotRow | null)[];
  matched: boolean;
}

interface HashPair {
  readonly outer: Evaluator;
  readonly inner: Evaluator;
  readonly outerKey: (value: Value) => HashKey;
  readonly innerKey: (value: Value) => HashKey;
}

/** Joins two pipes; `quals` is the whole join condition. The left side drives. */
export function joinPipes(
  joinType: JoinType,
  left: Pipe,
  right: Pipe,
  quals: readonly Expr[],
  scope: Scope,
): Pipe {
  if (joinType === 'semi' || joinType === 'anti') unsupported(`a ${joinType} join`);
  const keepLeft = joinType === 'left' || joinType === 'full';
  const keepRight = joinType === 'right' || joinType === 'full';
  const varnos = [...left.varnos, ...right.varnos];
  const readsLateral = new Set(
    [...left.readsLateral, ...right.readsLateral].filter((varno) => !varnos.includes(varno)),
  );
  const lateral = right.readsLateral.size > 0;
  if (lateral && keepRight) unsupported('a right join with LATERAL');
  const pairs: HashPair[] = [];
  const rest: Expr[] = [];
  for (const qual of quals) {
    const pair = lateral ? undefined : hashPair(qual, left, right, scope);
    if (pair) pairs.push(pair);
    else rest.push(qual);
  }
  const test = compileTest(rest, scope);
  if (!keepRight && pairs.length > 0 && !scope.parent) setLookup(left, right, quals, scope);
  return {
    driver: left.driver,
    varnos,
    readsLateral,
    start(frame, next) {
      const { tuple } = frame;
      const place = (slots: readonly (SlotRow | null)[]): void => {
        for (let i = 0; i < slots.length; i++) tuple[right.varnos[i]!] = slots[i]!;
      };
      const absent = right.varnos.map(() => null);
      const inner = lateral ? undefined : lazyInner(right, pairs, frame);
      const everyLeft = (): boolean => {
        const rows = inner ? inner().candidates(frame) : collect(right, frame);
        let matched = false;
        for (const row of rows) {
          place(row.slots);
          if (test && !test(frame)) continue;
          matched = true;
          row.matched = true;
          if (!next()) return false;
        }
        if (matched || !keepLeft) return true;
        place(absent);
        return next();
      };
      const stage = left.start(frame, everyLeft);
      return {
        push: stage.push,
        finish() {
          if (!stage.finish()) return false;
          if (!keepRight || !inner) return true;
          for (const varno of left.varnos) tuple[varno] = null;
          for (const row of inner().all) {
            if (row.matched) continue;
            place(row.slots);
            if (!next()) return false;
          }
          return true;
        },
      };
    },
  };
}

function collect(pipe: Pipe, frame: Frame): Inner[] {
  const rows: Inner[] = [];
  runPipe(pipe, frame, () => {
    if (rows.length >= workRowsMax) throw tooManyRows('a join');
    rows.push({ slots: pipe.varnos.map((varno) => frame.tuple[varno]!), matched: false });
    return true;
  });
  return rows;
}

interface InnerRows {
  readonly all: readonly Inner[];
  /** Those whose keys equal the outer row's; all of them without keys. */
  candidates(frame: Frame): readonly Inner[];
}

const none: readonly Inner[] = [];

/** The inner side is read when the first outer row asks for it. */
function lazyInner(pipe: Pipe, pairs: readonly HashPair[], frame: Frame): () => InnerRows {
  let made: InnerRows | undefined;
  return () => {
    if (made) return made;
    // The outer row in the tuple stays: the inner pipe writes its own slots only.
    const all = collect(pipe, frame);
    if (pairs.length === 0) {
      made = { all, candidates: () => all };
      return made;
    }
    const table = new Map<HashKey, Inner[]>();
    for (const row of all) {
      for (let i = 0; i < row.slots.length; i++) frame.tuple[pipe.varnos[i]!] = row.slots[i]!;
      const key = joinKey(pairs, 'inner', frame);
      if (key === undefined) continue;
      const bucket = table.get(key);
      if (bucket) bucket.push(row);
      else table.set(key, [row]);
    }
    made = {
      all,
      candidates(at) {
        const key = joinKey(pairs, 'outer', at);
        return key === undefined ? none : (table.get(key) ?? none);
      },
    };
    return made;
  };
}

/** undefined: a NULL, which equals nothing. */
function joinKey(
  pairs: readonly HashPair[],
  side: 'outer' | 'inner',
  frame: Frame,
): HashKey | undefined {
  let text = '';
  for (const pair of pairs) {
    const value = pair[side](frame);
    if (value === null) return undefined;
    const key = side === 'outer' ? pair.outerKey(value) : pair.innerKey(value);
    if (pairs.length === 1) return key;
    const part = String(key);
    text += `${part.length}:${part}`;
  }
  return text;
}

function hashPair(qual: Expr, left: Pipe, right: Pipe, scope: Scope): HashPair | undefined {
  if (qual.kind !== 'op' || qual.args.length !== 2) return undefined;
  if (comparisonByFunction(qual.funcId)?.op !== '=' || !isByteCollation(qual.inputCollation))
    return undefined;
  const [first, second] = [qual.args[0]!, qual.args[1]!];
  const within = (expr: Expr, pipe: Pipe): boolean => {
    const varnos = [...varnosOf(expr, scope.rtable)];
    return varnos.length > 0 && varnos.every((varno) => pipe.varnos.includes(varno));
  };
  const [outer, inner] =
    within(first, left) && within(second, right)
      ? [first, second]
      : within(second, left) && within(first, right)
        ? [second, first]
        : [undefined, undefined];
  if (!outer || !inner) return undefined;
  const keys = sharedHashKey(outer.typeOid, inner.typeOid);
  if (!keys) return undefined;
  return {
    outer: compileExpr(outer, scope),
    inner: compileExpr(inner, scope),
    outerKey: keys[0],
    innerKey: keys[1],
  };
}

/** On the outermost level, few driving rows need not have the whole inner table read. */
function setLookup(left: Pipe, right: Pipe, quals: readonly Expr[], scope: Scope): void {
  const { relation } = right.driver;
  const [innerVarno, more] = right.varnos;
  if (!relation || relation.lookup || more !== undefined || innerVarno === undefined) return;
  const found: (readonly [VarExpr, VarExpr])[] = [];
  for (const qual of quals) {
    const test = columnTest(qual, innerVarno, scope);
    if (test?.op !== '=') continue;
    const value = test.value.kind === 'relabel' ? test.value.arg : test.value;
    const outer = resolveJoinVar(scope.rtable, value);
    const isDriver =
      outer.kind === 'var' && outer.levelsUp === 0 && outer.varno === left.driver.varno;
    if (isDriver) found.push([test.column, outer]);
  }
  if (found.length > 0) relation.lookup = lookupOf(found, scope);
}
