import { PgError } from '../../base/index.ts';
import type { RowLockMode } from '../../locks/index.ts';
import type { DeletePlan, UpdatePlan } from '../../planner/plan-dml.ts';
import { systemSlots } from '../../planner/plan-dml.ts';
import type { StoredRow } from '../../storage/types.ts';
import type { Row } from '../../types/value.ts';
import type { Execution } from '../run-plan.ts';
import { runPlanSync } from '../run-plan.ts';
import { statementEvents } from './constraint-events/statement.ts';
import type { DmlResult } from './dml.ts';
import type { Touched } from './returning.ts';
import { returningRows } from './returning.ts';
import { applyRules, applyRulesSync, viewCheck } from './rules.ts';
import type { TargetRow } from './target-rows.ts';
import { lockTargetNow, lockTargets } from './target-rows.ts';
import { uniqueViolation } from './violations.ts';

const columnsFrom = systemSlots.length;

/**
 * How an UPDATE locks a row: FOR UPDATE when it changes a column that a unique index covers, since a foreign key might point
 * there, else FOR NO KEY UPDATE (heapam.c, HeapDetermineColumnsInfo).
 */
function updateLock(plan: UpdatePlan): (source: Row) => RowLockMode {
  let mode = updateLocks.get(plan);
  if (mode === undefined) {
    mode = findUpdateLock(plan);
    updateLocks.set(plan, mode);
  }
  return mode;
}

const alwaysNoKeyUpdate = (): RowLockMode => 'noKeyUpdate';

const updateLocks = new WeakMap<UpdatePlan, (source: Row) => RowLockMode>();

function findUpdateLock({ table, positions }: UpdatePlan): (source: Row) => RowLockMode {
  const { primaryKey, indexes } = table.stored;
  const columnIds = [primaryKey, ...indexes.filter(({ unique }) => unique).map((i) => i.columns)];
  const keyPositions = new Set(columnIds.flat().map((id) => table.positionOf[id]));
  const set = positions.flatMap((position, i) =>
    keyPositions.has(position) ? [{ position, i }] : [],
  );
  if (set.length === 0) return alwaysNoKeyUpdate;
  const setFrom = columnsFrom + table.columns.length;
  return (source) => {
    const changes = set.some(
      ({ position, i }) => !sameValue(source[columnsFrom + position], source[setFrom + i]),
    );
    return changes ? 'update' : 'noKeyUpdate';
  };
}

/** Whether two values are surely the same. */
function sameValue(left: Row[number] | undefined, right: Row[number] | undefined): boolean {
  if (left instanceof Uint8Array && right instanceof Uint8Array)
    return Buffer.compare(left, right) === 0;
  return Object.is(left, right);
}

/** The row's new values, of what the source yields. */
function newValues({ table, positions }: UpdatePlan, source: Row): Row {
  const setFrom = columnsFrom + table.columns.length;
  const values = source.slice(columnsFrom, setFrom);
  for (let i = 0; i < positions.length; i++) values[positions[i]!] = source[setFrom + i] ?? null;
  return values;
}

/** The source's rows, and the target row of a lone one if it is locked. */
interface FoundTarget {
  readonly source: readonly Row[];
  readonly target: TargetRow | undefined;
}

/**
 * The row that the primary key names: locked first and read once. Within the tick a statement's snapshot and what is current
 * differ only in rows whose writers still have them locked. Undefined: not such a statement, or there is something to wait for.
 */
function targetByKey(plan: UpdatePlan, execution: Execution): FoundTarget | undefined {
  const { transaction, statement } = execution;
  if (transaction.isolation !== 'read committed' || statement.includeDeleted) return undefined;
  if (!plan.source.pointLookup || updateLock(plan) !== alwaysNoKeyUpdate) return undefined;
  const mark = transaction.owner.mark();
  let before: StoredRow | undefined;
  const source = runPlanSync(plan.source, {
    ...execution,
    lockPoint: (table, userId, key) => {
      const row = transaction.lockKeySync(table, userId, key, 'noKeyUpdate');
      if (row !== 'unknown') before = row;
      return row;
    },
  });
  if (source === undefined) return undefined;
  if (source.length === 0) transaction.owner.releaseTo(mark);
  const [only, more] = source;
  if (before === undefined || only === undefined || more !== undefined)
    return { source, target: undefined };
  return { source, target: { before, source: only } };
}

function targetNow(plan: UpdatePlan, execution: Execution): FoundTarget | undefined {
  const source = runPlanSync(plan.source, execution);
  if (source === undefined) return undefined;
  const [only, more] = source;
  if (only === undefined || more !== undefined) return { source, target: undefined };
  return { source, target: lockTargetNow(plan, execution, only, updateLock(plan)) };
}

/**
 * A lone row that needs neither waiting nor RETURNING is changed within the call; anything else goes on as runUpdate does, with
 * the source's rows if they have been computed.
 */
export function startUpdate(
  plan: UpdatePlan,
  execution: Execution,
): DmlResult | Promise<DmlResult> {
  if (plan.returning !== undefined || plan.rules.withCheck !== undefined)
    return runUpdate(plan, execution);
  const found = targetByKey(plan, execution) ?? targetNow(plan, execution);
  if (found === undefined) return runUpdate(plan, execution);
  const { source, target } = found;
  execution.signal.throwIfAborted();
  const { table } = plan;
  if (source.length === 0) return { count: 0, rows: undefined };
  if (target === undefined) return runUpdate(plan, execution, source);
  const values = newValues(plan, source[0]!);
  if (
    !applyRulesSync(plan.rules, table, [values], execution) ||
    !execution.transaction.updateNow(table.stored, target.before, values)
  ) {
    return runUpdate(plan, execution, source);
  }
  const done: DmlResult = { count: 1, rows: undefined };
  const events = statementEvents(table, execution);
  events?.updated(target.before, values);
  const checks = events?.finish();
  return checks === undefined ? done : checks.then(() => done);
}

export async function runUpdate(
  plan: UpdatePlan,
  execution: Execution,
  computed?: readonly Row[],
): Promise<DmlResult> {
  const { table, positions } = plan;
  const othersFrom = columnsFrom + table.columns.length + positions.length;
  const { targets, failure } = await lockTargets(plan, execution, updateLock(plan), computed);
  const changed = targets.map(({ source }) => newValues(plan, source));
  const touched: Touched[] = [];
  const events = statementEvents(table, execution);

  const store = async ({ before, source }: TargetRow, values: Row): Promise<void> => {
    execution.signal.throwIfAborted();
    const result = await execution.transaction.update(table.stored, before, values);
    if ('conflict' in result) {
      throw uniqueViolation(table, result.conflict.index, values, execution.statement.types);
    }
    events?.updated(before, values);
    if (plan.returning !== undefined) {
      touched.push({ before, after: result.row, others: source.slice(othersFrom) });
    }
  };

  let wrong = false;
  try {
    await applyRules(plan.rules, table, changed, execution);
  } catch (error) {
    if (!(error instanceof PgError) || execution.signal.aborted) throw error;
    wrong = true;
  }
  try {
    for (const [i, target] of targets.entries()) {
      const values = changed[i]!;
      // Row by row, as PostgreSQL does it: the first wrong one is told, and a view's check looks at what has been stored.
      const failed = wrong && (await viewCheck(applyRules(plan.rules, table, [values], execution)));
      await store(target, values);
      if (failed instanceof PgError) throw failed;
    }
    if (failure !== undefined) throw failure;
  } catch (error) {
    // RETURNING of the rows before comes first.
    if (error instanceof PgError && !execution.signal.aborted)
      await returningRows(plan, touched, execution);
    throw error;
  }
  const rows = await returningRows(plan, touched, execution);
  await events?.finish();
  return { count: targets.length, rows };
}

export async function runDelete(plan: DeletePlan, execution: Execution): Promise<DmlResult> {
  const { table } = plan;
  const othersFrom = columnsFrom + table.columns.length;
  const mode = execution.statement.hardDelete ? 'hard' : 'soft';
  const { targets, failure } = await lockTargets(plan, execution, () => 'update');
  const touched: Touched[] = [];
  const events = statementEvents(table, execution);
  let count = 0;
  for (const { before, source } of targets) {
    execution.signal.throwIfAborted();
    // Under tide.include_deleted a soft DELETE meets rows that are deleted already: nothing to do.
    if (before.deleted && mode === 'soft') continue;
    await execution.transaction.delete(table.stored, before, mode);
    count++;
    events?.deleted(before);
    if (plan.returning !== undefined) {
      touched.push({ before, after: undefined, others: source.slice(othersFrom) });
    }
  }
  const rows = await returningRows(plan, touched, execution);
  if (failure !== undefined) throw failure;
  await events?.finish();
  return { count, rows };
}
