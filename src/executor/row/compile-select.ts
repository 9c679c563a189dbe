import type { Expr, Query, TargetEntry } from '../../analyzer/tree.ts';
import type { Row, Value } from '../../types/value.ts';
import { isVolatile } from './access-path.ts';
import { compileExpr, compileTest } from './compile-expr.ts';
import { bindCtes } from './cte.ts';
import type { Environment, Evaluator, Frame, SlotRow } from './frame.ts';
import { createFrame } from './frame.ts';
import { compileGrouping } from './grouping.ts';
import type { Grouping } from './grouping.ts';
import { compileOutput } from './output.ts';
import type { Output } from './output.ts';
import { compileFrom, runPipe } from './pipeline.ts';
import type { Pipe } from './pipeline.ts';
import { createScope } from './scope.ts';
import type { Compiler, Scope } from './scope.ts';
import { compileSetOperation } from './set-operation.ts';
import type { Source } from './source.ts';
import { targetOf } from './sort.ts';
import { typeOf } from './type-of.ts';
import { unsupported } from './unsupported.ts';
import { conjunctsOf, someNode } from './walk.ts';

/** A query level, ready to run any number of times. */
export interface CompiledSelect {
  /** Reads rows of outer levels (or a working table): may not be computed once for all. */
  readonly correlated: boolean;
  /** Of the output, junk left out. */
  readonly columnTypes: readonly number[];
  /** Runs to the end or until `emit` wants no more. Relations that it reads must have been read ahead. */
  run(parent: Frame | undefined, environment: Environment, emit: (row: Row) => boolean): void;
  /** Where rows may be fed in as they come from storage; undefined: only `run`. */
  readonly driver: Driver | undefined;
}

export interface Driver {
  readonly source: Source;
  /** push: false, no more rows are wanted. finish: after the last one, always. */
  start(
    environment: Environment,
    emit: (row: Row) => boolean,
  ): { readonly frame: Frame; push(slot: SlotRow): boolean; finish(): void };
}

function rejectUnsupported(query: Query): void {
  if (query.commandType !== 'select') unsupported(`a query of type ${query.commandType}`);
  if (query.hasModifyingCTE) unsupported('a data-modifying WITH query');
  if (query.hasWindowFuncs || query.windowClause.length > 0) unsupported('a window function');
  if (query.hasTargetSRFs) unsupported('a set-returning function in the target list');
  if (query.groupingSets.length > 0) unsupported('GROUPING SETS');
  if (query.limitOption === 'withTies') unsupported('WITH TIES');
}

export function compileSelect(
  query: Query,
  parent: Scope | undefined,
  compiler: Compiler,
): CompiledSelect {
  rejectUnsupported(query);
  const scope = createScope(query, parent, compiler);
  bindCtes(query.cteList, scope);
  if (query.setOperations) return compileSetOperation(query, scope);
  const pipe = compileFrom(query.jointree, scope);
  const grouping = compileGrouping(query, scope);
  const project = compileTargets(query, scope);
  const output = compileOutput(query, scope);
  grouping?.seal();
  const where = pipe ? undefined : compileTest(conjunctsOf(query.jointree.quals), scope);
  const chain = (frame: Frame, emit: (row: Row) => boolean): Chain =>
    startChain(frame, grouping, project, output, emit);
  return {
    correlated: scope.correlated,
    columnTypes: query.targetList
      .filter((target) => !target.junk)
      .map((target) => target.expr.typeOid),
    driver: pipe && driverOf(pipe, query.rtable.length, chain),
    run(outer, environment, emit) {
      const frame = createFrame(query.rtable.length, outer, environment);
      const { next, finish } = chain(frame, emit);
      if (pipe) runPipe(pipe, frame, next);
      else if (!where || where(frame)) next();
      finish();
    },
  };
}

interface Chain {
  /** The frame holds a row that WHERE has let through. */
  next(): boolean;
  finish(): void;
}

function startChain(
  frame: Frame,
  grouping: Grouping | undefined,
  project: Projection,
  output: Output,
  emit: (row: Row) => boolean,
): Chain {
  const sink = output.start(frame, emit);
  const row = (): boolean => sink.add(project.now(frame), project.later && project.later(frame));
  if (!grouping) return { next: row, finish: sink.finish };
  const groups = grouping.start(frame, row);
  return {
    next: groups.add,
    finish() {
      groups.finish();
      sink.finish();
    },
  };
}

function driverOf(
  pipe: Pipe,
  size: number,
  chain: (frame: Frame, emit: (row: Row) => boolean) => Chain,
): Driver {
  return {
    source: pipe.driver,
    start(environment, emit) {
      const frame = createFrame(size, undefined, environment);
      const { next, finish } = chain(frame, emit);
      let wanted = true;
      const stage = pipe.start(frame, () => (wanted = next()));
      return {
        frame,
        push: (slot) => stage.push(slot) && wanted,
        finish() {
          if (wanted) stage.finish();
          finish();
        },
      };
    },
  };
}

/** Makes a row parallel to the target list. */
interface Projection {
  now(frame: Frame): Row;
  /** Volatile entries of a sorted query: computed for a row once it is known where it comes (make_sort_input_target). */
  readonly later: ((frame: Frame) => (row: Row) => void) | undefined;
}

function compileTargets(query: Query, scope: Scope): Projection {
  const evaluators = query.targetList.map((target) => compileTarget(target, scope));
  const postponed = postponedTargets(query);
  if (postponed.length === 0) return { now: projector(evaluators), later: undefined };
  const early: Evaluator[] = evaluators.map((evaluator, i) =>
    postponed.includes(i) ? () => null : evaluator,
  );
  return {
    now: projector(early),
    later(frame) {
      const tuple = [...frame.tuple];
      const { groups, aggregates } = frame;
      return (row) => {
        for (let i = 0; i < tuple.length; i++) frame.tuple[i] = tuple[i]!;
        frame.groups = groups;
        frame.aggregates = aggregates;
        for (const at of postponed) row[at] = evaluators[at]!(frame);
      };
    },
  };
}

function compileTarget(target: TargetEntry, scope: Scope): Evaluator {
  const evaluator = compileExpr(target.expr, scope);
  typeOf(target.expr.typeOid);
  return evaluator;
}

function projector(evaluators: readonly Evaluator[]): (frame: Frame) => Row {
  const [first, second] = evaluators;
  if (first && evaluators.length === 1) return (frame) => [first(frame)];
  if (first && second && evaluators.length === 2) return (frame) => [first(frame), second(frame)];
  return (frame) => {
    const row: Value[] = [];
    for (const evaluator of evaluators) row.push(evaluator(frame));
    return row;
  };
}

function postponedTargets(query: Query): number[] {
  if (query.sortClause.length === 0 || query.distinctClause.length > 0) return [];
  const sorted = new Set(query.sortClause.map((clause) => targetOf(clause, query.targetList)));
  const volatile = (expr: Expr): boolean => someNode(expr, isVolatile);
  return query.targetList.flatMap((target, i) =>
    !sorted.has(i) && volatile(target.expr) ? [i] : [],
  );
}
