import { PgError, SqlState, notSupported } from '../base/index.ts';
import type { Query } from '../analyzer/tree.ts';
import type { ExecutorName, PlanStep, SelectPlan } from '../planner/nodes.ts';
import type { ConstraintHost } from './dml/constraint-events/statement.ts';
import { lockRows } from './lock-rows.ts';
import type { LockingHost } from './lock-rows.ts';
import { NotShippable } from './not-shippable.ts';
import { recheckExecution } from './recheck-execution.ts';
import { callRows } from './row-calls.ts';
import { scopeOf } from './scan-scope.ts';
import type { Row } from '../types/value.ts';
import type { ExecutionContext, RowSource, RunSelect } from './types.ts';

/** The executors of this server; made once at start. */
export interface Executors {
  readonly row: RunSelect;
  /** A query that needs no waiting, at once; undefined when it may have to wait. */
  rowSync(query: Query, context: ExecutionContext): Row[] | undefined;
  readonly columnar: RunSelect;
  readonly postgres: RunSelect;
}

/** One statement's execution: what all of its plans share. */
export interface Execution extends Omit<ExecutionContext, 'scans' | 'sources'> {
  readonly executors: Executors;
  /** SET tide.executor. */
  readonly forced: ExecutorName | 'auto';
  /** Checks between rows and tables, at the end of statements that write. */
  readonly constraints: ConstraintHost;
  /** Rows of computed relations by source name, read when first asked. */
  virtualRows(source: string): Promise<RowSource>;
  /** Rows of the steps that have been run, by source. */
  readonly stepRows: Map<string, RowSource>;
}

export type Sources = ReadonlyMap<string, RowSource>;

const noSources: Sources = new Map();

/** From here on the columnar executor's start-up pays off. */
const columnarRowsMin = 2_000;

/** How a plan will run: on one executor, or in its two parts. */
export type Route =
  | { readonly kind: 'whole'; readonly executor: ExecutorName }
  | { readonly kind: 'split'; readonly lower: Route; readonly upper: Route };

function refusal(plan: SelectPlan, forced: ExecutorName): PgError {
  return new PgError(
    SqlState.featureNotSupported,
    `executor "${forced}" cannot run this statement`,
    { detail: plan.support[forced], hint: "SET tide.executor = 'auto' lets the server choose." },
  );
}

/** Picks the executor by what can run the plan exactly and how many rows it will meet. */
export function routePlan(plan: SelectPlan, execution: Execution): Route {
  const { support, split } = plan;
  const { forced } = execution;
  if (forced !== 'auto') {
    if (support[forced] === undefined) return { kind: 'whole', executor: forced };
    if (
      forced === 'columnar' &&
      split?.lower.support.columnar === undefined &&
      split !== undefined
    ) {
      return splitRoute(split, execution);
    }
    throw refusal(plan, forced);
  }
  const small = plan.pointLookup || rowsToRead(plan, execution) < columnarRowsMin;
  if (
    support.row === undefined &&
    (small || (support.columnar !== undefined && split === undefined))
  ) {
    return { kind: 'whole', executor: 'row' };
  }
  if (support.columnar === undefined && !small) return { kind: 'whole', executor: 'columnar' };
  if (!small && split !== undefined && split.lower.support.columnar === undefined) {
    return splitRoute(split, execution);
  }
  if (support.row === undefined) return { kind: 'whole', executor: 'row' };
  if (support.postgres === undefined) return { kind: 'whole', executor: 'postgres' };
  if (support.columnar === undefined) return { kind: 'whole', executor: 'columnar' };
  throw new PgError(SqlState.featureNotSupported, 'this statement is not supported', {
    detail: support.postgres,
  });
}

function splitRoute(split: NonNullable<SelectPlan['split']>, execution: Execution): Route {
  const upper: Route =
    split.upper.support.row === undefined
      ? { kind: 'whole', executor: 'row' }
      : { kind: 'whole', executor: 'postgres' };
  const lower: Route =
    split.lower.support.columnar === undefined
      ? { kind: 'whole', executor: 'columnar' }
      : routePlan(split.lower, execution);
  return { kind: 'split', lower, upper };
}

/** Rows in the scopes that the plan's scans read, both tiers; nothing is opened to tell. */
function rowsToRead(plan: SelectPlan, execution: Execution): number {
  let rows = 0;
  for (const scan of plan.scans.values()) {
    const { stored } = scan.table;
    rows += execution.storage.estimateRows(stored, scopeOf(scan, execution));
  }
  return rows;
}

/** Waits for what routePlan needs to know of scopes that are met for the first time. */
async function rowsMeasured(plan: SelectPlan, execution: Execution): Promise<void> {
  if (plan.pointLookup || execution.forced !== 'auto') return;
  for (const scan of plan.scans.values()) {
    await execution.storage.rowsMeasured(scan.table.stored, scopeOf(scan, execution));
  }
}

/** Every source of rows that the plan's query names, its own and computed relations'. */
async function gatherSources(
  plan: SelectPlan,
  execution: Execution,
  given: Sources,
): Promise<Sources> {
  const names = plan.rowSources.filter((name) => !given.has(name));
  if (names.length === 0) return given;
  const all = new Map(given);
  for (const name of names)
    all.set(name, execution.stepRows.get(name) ?? (await execution.virtualRows(name)));
  return all;
}

/** Runs what a plan needs to have been run, once an execution. */
async function runSteps(steps: readonly PlanStep[], execution: Execution): Promise<void> {
  const limit = execution.statement.materializeLimit;
  for (const { source, plan } of steps) {
    if (execution.stepRows.has(source)) continue;
    const rows: Row[] = [];
    for await (const batch of runPlan(plan, execution)) {
      for (const row of batch) rows.push(row);
      if (rows.length > limit) throw materializeLimitReached(execution, undefined);
    }
    execution.stepRows.set(source, { rows });
  }
}

function contextOf(plan: SelectPlan, execution: Execution, sources: Sources): ExecutionContext {
  return { ...execution, scans: plan.scans, sources };
}

/** Runs a plan; the contract is RunSelect's. */
export async function* runPlan(
  plan: SelectPlan,
  execution: Execution,
  given: Sources = noSources,
): AsyncIterable<Row[]> {
  const rows = runUnlocked(plan, execution, given);
  const locked =
    plan.locks === undefined ? rows : lockRows(plan.locks, rows, lockingHost(plan, execution));
  yield* plan.calls === undefined ? locked : callRows(plan.calls, locked, execution.statement);
}

/** What locking the plan's rows takes. */
export function lockingHost(plan: SelectPlan, execution: Execution): LockingHost {
  return {
    execution,
    recheck: (instead) => collect(runUnlocked(plan, recheckExecution(plan, execution, instead))),
    rowOf: async (limit) => {
      if (plan.before !== undefined) await runSteps(plan.before, execution);
      return (await collectPlan(limit, { ...execution, forced: 'auto' }))[0];
    },
  };
}

/** The plan's rows as they are before they are locked. */
export async function* runUnlocked(
  plan: SelectPlan,
  execution: Execution,
  given: Sources = noSources,
  chosen?: Route,
): AsyncIterable<Row[]> {
  if (plan.before !== undefined) await runSteps(plan.before, execution);
  if (chosen === undefined) await rowsMeasured(plan, execution);
  const route = chosen ?? routePlan(plan, execution);
  if (route.kind === 'split') {
    const { source, lower, upper } = plan.split!;
    const rows: Row[] = [];
    for await (const batch of runUnlocked(lower, execution, given, route.lower)) {
      for (const row of batch) rows.push(row);
      if (rows.length > execution.statement.materializeLimit) {
        if (execution.forced === 'auto' && plan.support.row === undefined) {
          // Slower, but without the limit.
          yield* runUnlocked(plan, execution, given, { kind: 'whole', executor: 'row' });
          return;
        }
        throw materializeLimitReached(execution, plan.support.columnar);
      }
    }
    yield* runUnlocked(upper, execution, new Map([...given, [source, { rows }]]), route.upper);
    return;
  }
  const sources = await gatherSources(plan, execution, given);
  const context = contextOf(plan, execution, sources);
  try {
    yield* execution.executors[route.executor](plan.query, context);
    return;
  } catch (error) {
    // Thrown before the first row: what the data turned out to be is beyond this executor.
    if (!(error instanceof NotShippable)) throw error;
    const other = nextExecutor(plan, execution, route.executor, error);
    yield* execution.executors[other](plan.query, context);
  }
}

/** Who runs what the columnar executor could not after all. A forced one has none: its refusal is the answer. */
function nextExecutor(
  plan: SelectPlan,
  execution: Execution,
  failed: ExecutorName,
  error: NotShippable,
): ExecutorName {
  if (execution.forced !== 'auto') {
    throw (
      error.likely ??
      notSupported(`executor "${failed}" for this statement`, { detail: error.message })
    );
  }
  for (const name of ['row', 'postgres'] as const) {
    if (name !== failed && plan.support[name] === undefined) return name;
  }
  throw error.likely ?? notSupported('this statement', { detail: error.message });
}

/** All rows in memory; undefined when the row executor would have to wait. */
export function runPlanSync(
  plan: SelectPlan,
  execution: Execution,
  sources: Sources = noSources,
): Row[] | undefined {
  if (plan.support.row !== undefined) return undefined;
  if (plan.locks !== undefined || plan.calls !== undefined) return undefined;
  if (plan.before?.some(({ source }) => !execution.stepRows.has(source)) === true) return undefined;
  if (execution.forced !== 'auto' && execution.forced !== 'row') return undefined;
  if (!plan.pointLookup && plan.scans.size > 0) return undefined;
  if (plan.rowSources.some((name) => !sources.has(name))) return undefined;
  return execution.executors.rowSync(plan.query, contextOf(plan, execution, sources));
}

export async function collectPlan(
  plan: SelectPlan,
  execution: Execution,
  sources: Sources = noSources,
): Promise<Row[]> {
  return collect(runPlan(plan, execution, sources));
}

async function collect(batches: AsyncIterable<Row[]>): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const batch of batches) for (const row of batch) rows.push(row);
  return rows;
}

function materializeLimitReached(execution: Execution, why: string | undefined): PgError {
  const limit = execution.statement.materializeLimit;
  return new PgError(
    SqlState.programLimitExceeded,
    `the statement would materialize more than ${limit} rows`,
    {
      detail: why,
      hint: 'Filter more rows out, or raise tide.materialize_limit.',
    },
  );
}
