import type { Expr, FromExpr, FromItem, JoinExpr } from '../../analyzer/tree.ts';
import { compileTest } from './compile-expr.ts';
import { createSource } from './from-source.ts';
import { joinPipes } from './join.ts';
import type { Frame, SlotRow } from './frame.ts';
import type { Scope } from './scope.ts';
import type { Source } from './source.ts';
import { conjunctsOf, someNode, varnosOf } from './walk.ts';
import { isVolatile } from './access-path.ts';

/** Takes one row of the driving source, then works through everything it joins with; false: no more is wanted. */
export interface Stage {
  push(slot: SlotRow): boolean;
  /** After the last row: what right and full joins owe. */
  finish(): boolean;
}

/**
 * A compiled FROM: rows of `driver` are pushed in, `next` is called for each joined row with the frame's tuple filled.
 */
export interface Pipe {
  readonly driver: Source;
  readonly varnos: readonly number[];
  /** rtindexes of this level outside the pipe that its sources read (LATERAL): it must be run anew for each of their rows. */
  readonly readsLateral: ReadonlySet<number>;
  start(frame: Frame, next: () => boolean): Stage;
}

/** Runs a pipe whose driver needs no streaming; false when `next` wanted no more. */
export function runPipe(pipe: Pipe, frame: Frame, next: () => boolean): boolean {
  const stage = pipe.start(frame, next);
  for (const slot of pipe.driver.rows(frame)) if (!stage.push(slot)) return false;
  return stage.finish();
}

const subsetOf = (varnos: Set<number>, of: readonly number[]): boolean =>
  [...varnos].every((varno) => of.includes(varno));

function rtindexesOf(item: FromItem): number[] {
  if (item.kind === 'ref') return [item.rtindex];
  if (item.kind === 'from') return item.items.flatMap(rtindexesOf);
  return [...rtindexesOf(item.left), ...rtindexesOf(item.right)];
}

/** The pipe of a query's FROM and WHERE; undefined: no FROM, and the WHERE is the caller's. */
export function compileFrom(from: FromExpr, scope: Scope): Pipe | undefined {
  if (from.items.length === 0) return undefined;
  return compileItem(from, [], scope);
}

/**
 * `quals` are conjuncts from above that must hold for every row that comes out. Each goes as far down as outer joins
 * allow; volatile ones stay where they are.
 */
function compileItem(item: FromItem, quals: readonly Expr[], scope: Scope): Pipe {
  if (item.kind === 'ref') return leafPipe(item.rtindex, quals, scope);
  if (item.kind === 'join') return compileJoin(item, quals, scope);
  return innerJoinAll(item.items, [...quals, ...conjunctsOf(item.quals)], scope);
}

function innerJoinAll(items: readonly FromItem[], quals: readonly Expr[], scope: Scope): Pipe {
  let rest = quals.filter((qual) => !someNode(qual, isVolatile));
  const last = quals.filter((qual) => someNode(qual, isVolatile));
  let pipe: Pipe | undefined;
  for (const item of items) {
    const covered = [...(pipe?.varnos ?? []), ...rtindexesOf(item)];
    const own = rest.filter((qual) => subsetOf(varnosOf(qual, scope.rtable), rtindexesOf(item)));
    rest = rest.filter((qual) => !own.includes(qual));
    const right = compileItem(item, own, scope);
    if (!pipe) {
      pipe = right;
      continue;
    }
    const on = rest.filter((qual) => subsetOf(varnosOf(qual, scope.rtable), covered));
    rest = rest.filter((qual) => !on.includes(qual));
    pipe = joinPipes('inner', pipe, right, on, scope);
  }
  return withFilter(pipe!, [...rest, ...last], scope);
}

function compileJoin(join: JoinExpr, above: readonly Expr[], scope: Scope): Pipe {
  const on = conjunctsOf(join.quals);
  if (join.joinType === 'inner')
    return innerJoinAll([join.left, join.right], [...above, ...on], scope);
  const [leftVarnos, rightVarnos] = [rtindexesOf(join.left), rtindexesOf(join.right)];
  const only = (quals: readonly Expr[], varnos: readonly number[]): Expr[] =>
    quals.filter(
      (qual) => subsetOf(varnosOf(qual, scope.rtable), varnos) && !someNode(qual, isVolatile),
    );
  // What may go below: WHERE's on the preserved side, ON's on the other.
  const leftQuals =
    join.joinType === 'left'
      ? only(above, leftVarnos)
      : join.joinType === 'right'
        ? only(on, leftVarnos)
        : [];
  const rightQuals =
    join.joinType === 'right'
      ? only(above, rightVarnos)
      : join.joinType === 'left'
        ? only(on, rightVarnos)
        : [];
  const sunk = new Set([...leftQuals, ...rightQuals]);
  const left = compileItem(join.left, leftQuals, scope);
  const right = compileItem(join.right, rightQuals, scope);
  const pipe = joinPipes(
    join.joinType,
    left,
    right,
    on.filter((qual) => !sunk.has(qual)),
    scope,
  );
  return withFilter(
    pipe,
    above.filter((qual) => !sunk.has(qual)),
    scope,
  );
}

function leafPipe(varno: number, quals: readonly Expr[], scope: Scope): Pipe {
  const security = scope.rtable[varno - 1]?.securityQuals ?? [];
  const all = [...security.flatMap(conjunctsOf), ...quals];
  const readsBefore = scope.reads;
  scope.reads = new Set();
  const driver = createSource(varno, all, scope);
  const readsLateral = scope.reads;
  scope.reads = readsBefore;
  const pipe: Pipe = {
    driver,
    varnos: [varno],
    readsLateral,
    start: (frame, next) => ({
      push(slot) {
        frame.tuple[varno] = slot;
        return next();
      },
      finish: () => true,
    }),
  };
  return withFilter(pipe, all, scope);
}

function withFilter(pipe: Pipe, quals: readonly Expr[], scope: Scope): Pipe {
  const test = compileTest(quals, scope);
  if (!test) return pipe;
  return {
    ...pipe,
    start: (frame, next) => pipe.start(frame, () => (test(frame) ? next() : true)),
  };
}
