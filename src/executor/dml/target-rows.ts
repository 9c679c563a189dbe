import { PgError, SqlState, assert } from '../../base/index.ts';
import type { RowLockMode } from '../../locks/index.ts';
import { SystemColumn } from '../../planner/nodes.ts';
import type { DeletePlan, UpdatePlan } from '../../planner/plan-dml.ts';
import { systemSlots } from '../../planner/plan-dml.ts';
import type { StoredRow } from '../../storage/types.ts';
import type { Row, Value } from '../../types/value.ts';
import type { Execution } from '../run-plan.ts';
import { runPlan, runPlanSync } from '../run-plan.ts';
import { recheck } from './recheck.ts';

/** A row to be changed, locked, in its current version, with what the source says of that version. */
export interface TargetRow {
  readonly before: StoredRow;
  readonly source: Row;
}

/** Rows to be changed. */
export interface Targets {
  readonly targets: readonly TargetRow[];
  /** What the source, or the lock of the next row, failed with after these; told unless one of them is wrong. */
  readonly failure: PgError | undefined;
}

type ChangePlan = UpdatePlan | DeletePlan;

/**
 * The rows to be changed. All of the source is read before the first change (a statement does not see its own writes); of
 * several matches of one target row one is used, as in PostgreSQL. Each row is locked in turn; one that another transaction
 * has changed meanwhile is judged again in its new version (READ COMMITTED) or is a serialization failure.
 * @throws what ends a wait
 */
export async function lockTargets(
  plan: ChangePlan,
  execution: Execution,
  modeOf: (source: Row) => RowLockMode,
  computed?: readonly Row[],
): Promise<Targets> {
  const { sources, failure } = await sourceRows(plan, execution, computed);
  const targets: TargetRow[] = [];
  for (const source of sources.length < 2 ? sources : oncePerTarget(sources)) {
    execution.signal.throwIfAborted();
    try {
      const target = await lockTarget(plan, execution, source, modeOf);
      if (target !== undefined) targets.push(target);
    } catch (error) {
      if (!(error instanceof PgError) || error.code !== SqlState.serializationFailure) throw error;
      return { targets, failure: error };
    }
  }
  return { targets, failure };
}

async function sourceRows(
  plan: ChangePlan,
  execution: Execution,
  computed: readonly Row[] | undefined,
): Promise<{ readonly sources: readonly Row[]; readonly failure: PgError | undefined }> {
  const now = computed ?? runPlanSync(plan.source, execution);
  if (now !== undefined) return { sources: now, failure: undefined };
  const sources: Row[] = [];
  try {
    for await (const batch of runPlan(plan.source, execution))
      for (const row of batch) sources.push(row);
  } catch (error) {
    if (!(error instanceof PgError) || execution.signal.aborted || sources.length === 0)
      throw error;
    return { sources, failure: error };
  }
  return { sources, failure: undefined };
}

/** A lone target within the tick; undefined when there is something to wait for, or to judge again. */
export function lockTargetNow(
  plan: ChangePlan,
  execution: Execution,
  source: Row,
  modeOf: (source: Row) => RowLockMode,
): TargetRow | undefined {
  const { transaction } = execution;
  const before = transaction.lockRowSync(plan.table.stored, rowKey(source), modeOf(source));
  if (before === 'unknown' || before.seq !== versionRead(source)) return undefined;
  return before.deleted && !execution.statement.includeDeleted ? undefined : { before, source };
}

function oncePerTarget(sources: readonly Row[]): Row[] {
  const seen = new Set<string>();
  return sources.filter((source) => {
    const text = Buffer.from(rowKey(source)).toString('latin1');
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  });
}

function rowKey(source: Row): Uint8Array {
  const key = source[0];
  assert(key instanceof Uint8Array, 'the source yields the row key first');
  return key;
}

/** The version that the source has read; the transaction's own ones have 0. */
function versionRead(source: Row): number {
  const seq = source[1];
  return typeof seq === 'bigint' ? Number(seq) : 0;
}

async function lockTarget(
  plan: ChangePlan,
  execution: Execution,
  source: Row,
  modeOf: (source: Row) => RowLockMode,
): Promise<TargetRow | undefined> {
  const { transaction } = execution;
  const { stored } = plan.table;
  const mode = modeOf(source);
  const mark = transaction.owner.mark();
  const now = transaction.lockRowSync(
    stored,
    rowKey(source),
    mode,
    versionOf(plan, source, execution),
  );
  const before =
    now === 'unknown' ? await transaction.lockRow(stored, rowKey(source), mode, 'wait') : now;
  assert(before !== 'skipped', 'a row that is waited for');
  const gone = before === undefined || (before.deleted && !execution.statement.includeDeleted);
  if (!gone && before.seq === versionRead(source)) return { before, source };
  if (transaction.isolation !== 'read committed') throw changedMeanwhile(gone);
  if (gone) return undefined;
  const again = await recheckTarget(plan, execution, source, before);
  if (again === undefined) {
    transaction.owner.releaseTo(mark);
    return undefined;
  }
  const wanted = modeOf(again);
  if (wanted !== mode) await transaction.lockRow(stored, before.key, wanted, 'wait');
  return { before, source: again };
}

/**
 * The row as the source has read it, so that a cold one need not be read again; undefined where something counts that the
 * source does not tell: when it was changed, whether it is deleted.
 */
function versionOf(
  { table, returning }: ChangePlan,
  source: Row,
  { statement }: Execution,
): Pick<StoredRow, 'values' | 'seq' | 'updated'> | undefined {
  if (statement.includeDeleted) return undefined;
  if (returning?.slots.some((slot) => slot.attno === SystemColumn.updated) === true)
    return undefined;
  const values = source.slice(systemSlots.length, systemSlots.length + table.columns.length);
  return { values, seq: versionRead(source), updated: 0n };
}

/** What the source says of a row's new version, joined to the same rows as before; undefined: it is no target any more. */
async function recheckTarget(
  plan: ChangePlan,
  execution: Execution,
  source: Row,
  version: StoredRow,
): Promise<Row | undefined> {
  const rte = plan.source.query.rtable[plan.target - 1];
  assert(rte !== undefined, 'DML has a target');
  const rows = await recheck(plan.source, execution, new Map([[rte, [version]]]));
  const from = source.length - plan.identities;
  const same = (row: Row): boolean => {
    for (let i = from; i < source.length; i++)
      if (!sameKey(row[i] ?? null, source[i] ?? null)) return false;
    return true;
  };
  return rows.find(same);
}

function sameKey(left: Value, right: Value): boolean {
  if (left === null || right === null) return left === right;
  assert(left instanceof Uint8Array && right instanceof Uint8Array, 'row keys are bytes');
  return Buffer.compare(left, right) === 0;
}

/** What a transaction that keeps to one snapshot says of a row that is no longer as it shows it. */
export function changedMeanwhile(gone: boolean): PgError {
  return new PgError(
    SqlState.serializationFailure,
    `could not serialize access due to concurrent ${gone ? 'delete' : 'update'}`,
  );
}
