import { PgError, SqlState, assert } from '../../base/index.ts';
import type { DeletePlan, UpdatePlan } from '../../planner/plan-dml.ts';
import { systemSlots } from '../../planner/plan-dml.ts';
import type { StoredRow } from '../../storage/types.ts';
import type { Row } from '../../types/value.ts';
import type { Execution } from '../run-plan.ts';
import { collectPlan, runPlanSync } from '../run-plan.ts';
import type { DmlResult } from './dml.ts';
import type { Touched } from './returning.ts';
import { returningRows } from './returning.ts';
import { applyRules } from './rules.ts';
import { uniqueViolation } from './violations.ts';

/**
 * The source's rows, all of them before the first change (a statement does not see its own writes), one for each target row:
 * when FROM or USING joins a row several times, one of the matches is used, as in PostgreSQL.
 */
async function sourceRows(plan: UpdatePlan | DeletePlan, execution: Execution): Promise<Row[]> {
  const rows = runPlanSync(plan.source, execution) ?? (await collectPlan(plan.source, execution));
  const seen = new Set<string>();
  return rows.filter((row) => {
    const key = Buffer.from(rowKey(row)).toString('latin1');
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function rowKey(row: Row): Uint8Array {
  const key = row[0];
  assert(key instanceof Uint8Array, 'the source yields the row key first');
  return key;
}

/**
 * The stored row that a source row stands for, in the very version that the source has read: new values that were computed
 * from another version would undo someone's change.
 * @throws 40001 when another commit has changed it since
 */
async function storedRow(
  plan: UpdatePlan | DeletePlan,
  source: Row,
  execution: Execution,
): Promise<StoredRow> {
  const key = rowKey(source);
  const { stored } = plan.table;
  const at = execution.transaction.getByKeySync(stored, key);
  const row = at === 'unknown' ? await execution.transaction.getByKey(stored, key) : at;
  const seq = source[1];
  const version = typeof seq === 'bigint' ? Number(seq) : 0;
  if (row === undefined || row.seq !== version) {
    throw new PgError(
      SqlState.serializationFailure,
      'could not serialize access due to concurrent update',
    );
  }
  return row;
}

const columnsFrom = systemSlots.length;

export async function runUpdate(plan: UpdatePlan, execution: Execution): Promise<DmlResult> {
  const { table, positions } = plan;
  const setFrom = columnsFrom + table.columns.length;
  const othersFrom = setFrom + positions.length;
  const sources = await sourceRows(plan, execution);
  const changed = sources.map((source) => {
    const values = source.slice(columnsFrom, setFrom);
    positions.forEach((position, i) => {
      values[position] = source[setFrom + i] ?? null;
    });
    return values;
  });
  await applyRules(plan.rules, table, changed, execution);
  const touched: Touched[] = [];
  for (let i = 0; i < sources.length; i++) {
    execution.signal.throwIfAborted();
    const source = sources[i]!;
    const before = await storedRow(plan, source, execution);
    const values = changed[i]!;
    const result = await execution.transaction.update(table.stored, before, values);
    if ('conflict' in result) {
      throw uniqueViolation(table, result.conflict.index, values, execution.statement.types);
    }
    if (plan.returning !== undefined) {
      touched.push({ before, after: result.row, others: source.slice(othersFrom) });
    }
  }
  return { count: sources.length, rows: await returningRows(plan, touched, execution) };
}

export async function runDelete(plan: DeletePlan, execution: Execution): Promise<DmlResult> {
  const { table } = plan;
  const othersFrom = columnsFrom + table.columns.length;
  const mode = execution.statement.hardDelete ? 'hard' : 'soft';
  const sources = await sourceRows(plan, execution);
  const touched: Touched[] = [];
  let count = 0;
  for (const source of sources) {
    execution.signal.throwIfAborted();
    const before = await storedRow(plan, source, execution);
    // Under tide.include_deleted a soft DELETE meets rows that are deleted already: nothing to do.
    if (before.deleted && mode === 'soft') continue;
    await execution.transaction.delete(table.stored, before, mode);
    count++;
    if (plan.returning !== undefined) {
      touched.push({ before, after: undefined, others: source.slice(othersFrom) });
    }
  }
  return { count, rows: await returningRows(plan, touched, execution) };
}
