import { PgError, SqlState, assert } from '../../base/index.ts';
import type { CatalogTable } from '../../catalog/types.ts';
import type { ConflictPlan, InsertPlan } from '../../planner/plan-dml.ts';
import type { StoredIndex, StoredRow, UniqueConflict } from '../../storage/types.ts';
import type { Row } from '../../types/value.ts';
import type { Execution } from '../run-plan.ts';
import { runPlan, runPlanSync } from '../run-plan.ts';
import type { DmlResult } from './dml.ts';
import { project, slotReader } from './projections.ts';
import type { Touched } from './returning.ts';
import { returningRows } from './returning.ts';
import { changedMeanwhile } from './target-rows.ts';
import { applyRules, applyRulesSync, viewCheck } from './rules.ts';
import { statementEvents } from './constraint-events/statement.ts';
import type { StatementEvents } from './constraint-events/statement.ts';
import { deferrableArbiter, uniqueViolation } from './violations.ts';

/** Whose row an INSERT makes. */
export function targetUser(plan: Pick<InsertPlan, 'table'>, execution: Execution): string {
  return plan.table.stored.kind === 'user' ? execution.statement.userId : '';
}

/**
 * A lone row that needs neither waiting nor RETURNING goes in within the call; anything else goes on as runInsert does, with
 * the source's rows if they have been computed (a sequence has moved by then).
 */
export function startInsert(
  plan: InsertPlan,
  execution: Execution,
): DmlResult | Promise<DmlResult> {
  const plain = plan.onConflict ?? plan.returning ?? plan.own ?? plan.rules.withCheck;
  const source = plain === undefined ? runPlanSync(plan.source, execution) : undefined;
  if (source?.length === 1) {
    const { table, positions } = plan;
    const row: Row = new Array<null>(table.columns.length).fill(null);
    for (let i = 0; i < positions.length; i++) row[positions[i]!] = source[0]![i] ?? null;
    execution.signal.throwIfAborted();
    const userId = targetUser(plan, execution);
    if (
      applyRulesSync(plan.rules, table, [row], execution) &&
      execution.transaction.insertNow(table.stored, userId, row)
    ) {
      const done: DmlResult = { count: 1, rows: undefined };
      const events = statementEvents(table, execution);
      events?.inserted(userId, [row]);
      const checks = events?.finish();
      return checks === undefined ? done : checks.then(() => done);
    }
  }
  return runInsert(plan, execution, source);
}

export async function runInsert(
  plan: InsertPlan,
  execution: Execution,
  computed?: readonly Row[],
): Promise<DmlResult> {
  const { table } = plan;
  const userId = targetUser(plan, execution);
  const touched: Touched[] = [];
  const proposedKeys = new Set<string>();
  const events = statementEvents(table, execution);
  let count = 0;
  const width = table.columns.length;

  const insertBatch = async (batch: readonly Row[]): Promise<void> => {
    const own =
      plan.own &&
      (await project(
        plan.own.projection,
        batch.map(() => []),
        execution,
      ));
    const rows = batch.map((source, r) => {
      const row: Row = new Array<null>(width).fill(null);
      plan.positions.forEach((position, i) => {
        row[position] = source[i] ?? null;
      });
      plan.own?.positions.forEach((position, i) => {
        row[position] = own?.[r]?.[i] ?? null;
      });
      return row;
    });
    try {
      await applyRules(plan.rules, table, rows, execution);
    } catch (error) {
      if (!(error instanceof PgError) || execution.signal.aborted) throw error;
      return insertOneByOne(rows);
    }
    await store(rows);
  };

  /** Returns how many rows it has inserted; ON CONFLICT may have skipped or updated the others. */
  const store = async (rows: readonly Row[]): Promise<number> => {
    if (plan.onConflict === undefined && plan.returning === undefined) {
      execution.signal.throwIfAborted();
      const taken = await execution.transaction.insertMany(table.stored, userId, rows);
      if (taken !== undefined) {
        const { index } = taken.conflict;
        throw uniqueViolation(table, index, rows[taken.at]!, execution.statement.types);
      }
      events?.inserted(userId, rows);
      count += rows.length;
      return rows.length;
    }
    let inserted = 0;
    for (const row of rows) {
      execution.signal.throwIfAborted();
      if (plan.onConflict?.deferrable !== undefined) {
        throw deferrableArbiter(table, plan.onConflict.deferrable);
      }
      const stored = await insertOrResolve(plan, userId, row, proposedKeys, events, execution);
      if (stored === undefined) continue;
      count++;
      if (stored.before === undefined) inserted++;
      if (plan.returning !== undefined) touched.push(stored);
    }
    return inserted;
  };

  /**
   * Each row as PostgreSQL handles it (ExecInsert), so that what is told of several wrong rows is the first one's. A view's
   * check looks at rows that have been inserted.
   */
  const insertOneByOne = async (rows: readonly Row[]): Promise<void> => {
    for (const row of rows) {
      const failed = await viewCheck(applyRules(plan.rules, table, [row], execution));
      const inserted = await store([row]);
      if (failed !== undefined && inserted > 0) throw failed;
    }
  };

  try {
    const immediate = computed ?? runPlanSync(plan.source, execution);
    if (immediate !== undefined) await insertBatch(immediate);
    else for await (const batch of runPlan(plan.source, execution)) await insertBatch(batch);
  } catch (error) {
    // RETURNING of the rows before comes first.
    if (error instanceof PgError && !execution.signal.aborted)
      await returningRows(plan, touched, execution);
    throw error;
  }
  const rows = await returningRows(plan, touched, execution);
  await events?.finish();
  return { count, rows };
}

const keyText = (row: Pick<StoredRow, 'key'>): string => Buffer.from(row.key).toString('latin1');

/** One row. Undefined: it is skipped. */
async function insertOrResolve(
  plan: InsertPlan,
  userId: string,
  row: Row,
  proposedKeys: Set<string>,
  events: StatementEvents | undefined,
  execution: Execution,
): Promise<Touched | undefined> {
  const { transaction } = execution;
  for (;;) {
    const result = await transaction.insert(plan.table.stored, userId, row, arbitersFirst(plan));
    if ('row' in result) {
      events?.inserted(userId, [row]);
      if (plan.onConflict?.action === 'update') proposedKeys.add(keyText(result.row));
      return { before: undefined, after: result.row, others: [] };
    }
    const { conflict } = result;
    const resolved = await resolveConflict(plan, row, conflict, proposedKeys, events, execution);
    // Gone by the time it was locked: there may be room for the row now.
    if (resolved !== 'gone') return resolved;
    execution.signal.throwIfAborted();
  }
}

/** ON CONFLICT. Undefined: the row is skipped. */
async function resolveConflict(
  plan: InsertPlan,
  proposed: Row,
  conflict: UniqueConflict,
  proposedKeys: Set<string>,
  events: StatementEvents | undefined,
  execution: Execution,
): Promise<Touched | undefined | 'gone'> {
  const { table, onConflict } = plan;
  const { types } = execution.statement;
  if (onConflict === undefined || !arbitrates(onConflict, conflict)) {
    throw uniqueViolation(table, conflict.index, proposed, types);
  }
  // What the transaction's snapshot does not show it may neither change nor leave as it is (nodeModifyTable.c).
  if (!execution.transaction.sees(conflict.existing)) throw changedMeanwhile(false);
  if (onConflict.action === 'nothing') return undefined;
  if (proposedKeys.has(keyText(conflict.existing))) {
    throw new PgError(
      SqlState.cardinalityViolation,
      'ON CONFLICT DO UPDATE command cannot affect row a second time',
      {
        hint: 'Ensure that no rows proposed for insertion within the same command have duplicate constrained values.',
      },
    );
  }
  const existing = await lockExisting(plan, onConflict, conflict.existing, execution);
  if (existing === undefined) return 'gone';
  const { set, positions, excluded } = onConflict;
  const excludedVersion = {
    values: proposed,
    userId: existing.userId,
    seq: null,
    updated: execution.statement.transactionTime,
    deleted: false,
  };
  const input = set!.slots.map((slot) =>
    slotReader(table, slot)(slot.varno === excluded ? excludedVersion : existing),
  );
  const [computed] = await project(set!, [input], execution);
  if (computed?.[0] !== true) return undefined;
  const values = [...existing.values];
  positions.forEach((position, i) => {
    values[position] = computed[i + 1] ?? null;
  });
  const failed = await viewCheck(applyRules(plan.rules, table, [values], execution));
  const result = await execution.transaction.update(table.stored, existing, values);
  if ('conflict' in result) throw uniqueViolation(table, result.conflict.index, values, types);
  if (failed !== undefined) throw failed;
  events?.updated(existing, values);
  proposedKeys.add(keyText(result.row));
  return { before: existing, after: result.row, others: [] };
}

/**
 * Locks the row that is there, in the version that it now has; undefined: it is gone.
 * @throws 40001 when the transaction keeps to a snapshot that does not show what has become of it
 */
async function lockExisting(
  { table }: InsertPlan,
  { positions }: ConflictPlan,
  existing: StoredRow,
  { transaction }: Execution,
): Promise<StoredRow | undefined> {
  const mode = setsKey(table, positions) ? 'update' : 'noKeyUpdate';
  const now = transaction.lockRowSync(table.stored, existing.key, mode);
  const row =
    now === 'unknown' ? await transaction.lockRow(table.stored, existing.key, mode, 'wait') : now;
  assert(row !== 'skipped', 'a row that is waited for');
  if (row === undefined || row.deleted) {
    if (transaction.isolation !== 'read committed') throw changedMeanwhile(true);
    return undefined;
  }
  if (!transaction.sees(row)) throw changedMeanwhile(false);
  return row;
}

/** Whether a column that a unique index covers is among those set. */
function setsKey(table: CatalogTable, positions: readonly number[]): boolean {
  const { primaryKey, indexes } = table.stored;
  const covered = [primaryKey, ...indexes.filter(({ unique }) => unique).map((i) => i.columns)];
  return covered.flat().some((columnId) => positions.includes(table.positionOf[columnId] ?? -1));
}

/** Indexes that arbitrate are looked at before all others (ExecCheckIndexConstraints); the primary key comes first by itself. */
function arbitersFirst({ onConflict }: InsertPlan): readonly StoredIndex[] | undefined {
  if (onConflict === undefined || onConflict.arbiters.includes(null)) return undefined;
  return onConflict.arbiters.filter((index) => index !== null);
}

function arbitrates(plan: ConflictPlan, conflict: UniqueConflict): boolean {
  if (plan.arbiters.length === 0) return plan.action === 'nothing';
  return plan.arbiters.some((index) => index?.indexId === conflict.index?.indexId);
}
