import { PgError, assert } from '../../../base/index.ts';
import type { CatalogTable } from '../../../catalog/types.ts';
import { planProjection } from '../../../planner/projection.ts';
import type { Projection } from '../../../planner/projection.ts';
import { tableRules } from '../../../planner/row-rules.ts';
import type { RowRules } from '../../../planner/row-rules.ts';
import type { StoredRow } from '../../../storage/types.ts';
import { castFunction } from '../../../types/cast.ts';
import { defaultTypeContext } from '../../../types/type.ts';
import type { Row, Value } from '../../../types/value.ts';
import type { Execution } from '../../run-plan.ts';
import type { RowEvents } from '../constraint-events/collect.ts';
import type { KeyGoneEvent } from '../constraint-events/events.ts';
import { actionOf } from '../constraint-events/events.ts';
import { hasKey } from '../constraint-events/key-lookup.ts';
import { project } from '../projections.ts';
import { applyRules } from '../rules.ts';
import { uniqueViolation } from '../violations.ts';
import type { PreparedKey } from './prepared-key.ts';
import { concurrentChange } from './violations.ts';

/** CASCADE, SET NULL and SET DEFAULT for one row that refers to a key that is no more. */
export async function changeChild(
  key: PreparedKey,
  event: KeyGoneEvent,
  read: StoredRow,
  wanted: Row,
  events: RowEvents,
  execution: Execution,
): Promise<void> {
  const { transaction, statement } = execution;
  const { child } = key;
  const { stored } = child;
  const deletes = actionOf(event) === 'cascade' && event.next === undefined;
  const columns = columnsToSet(key, event);
  const mode = deletes || touchesKey(child, columns) ? 'update' : 'noKeyUpdate';
  const [row] = (await transaction.lockRows(stored, [read], mode)).rows;
  if (transaction.isolation !== 'read committed' && row?.seq !== read.seq) {
    throw concurrentChange(row === undefined || row.deleted ? 'delete' : 'update');
  }
  if (row === undefined || !hasKey(key.children, row, wanted)) return;
  // heap_update's crosscheck: what the transaction's snapshot does not show is not the transaction's to change.
  if (!transaction.sees(row)) throw concurrentChange();
  if (deletes) {
    await transaction.delete(stored, row, statement.hardDelete ? 'hard' : 'soft');
    events.deleted(row);
    return;
  }
  const values = [...row.values];
  const set = await newValues(key, event, columns, execution);
  columns.forEach((attnum, i) => {
    values[child.positionOf[attnum] ?? -1] = set[i] ?? null;
  });
  try {
    await applyRules(rulesOf(child, execution), child, [values], execution);
    const result = await transaction.update(stored, row, values);
    if ('conflict' in result) {
      throw uniqueViolation(child, result.conflict.index, values, statement.types);
    }
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    throw error.with({ where: `SQL statement "${statementText(key, event, columns)}"` });
  }
  events.updated(row, values);
}

/** attnums of the columns that the action sets, in the constraint's order. */
function columnsToSet(key: PreparedKey, event: KeyGoneEvent): readonly number[] {
  const { childColumns, deleteSetColumns } = key.constraint;
  return event.next === undefined && deleteSetColumns.length > 0 ? deleteSetColumns : childColumns;
}

/** Whether a change of the columns may change a key that others refer to: then it takes the stronger lock. */
function touchesKey(table: CatalogTable, attnums: readonly number[]): boolean {
  const { primaryKey, indexes } = table.stored;
  const keys = [
    primaryKey,
    ...indexes.filter((index) => index.unique).map((index) => index.columns),
  ];
  return keys.some((columns) => columns.some((attnum) => attnums.includes(attnum)));
}

async function newValues(
  key: PreparedKey,
  event: KeyGoneEvent,
  columns: readonly number[],
  execution: Execution,
): Promise<readonly Value[]> {
  switch (actionOf(event)) {
    case 'cascade': {
      const next = event.next!;
      const converted = key.toChild(next);
      // Out of the referencing type's range, in PostgreSQL's words: the assignment cast says it.
      return converted ?? assigned(key, next);
    }
    case 'setDefault':
      return defaultsOf(key.child, columns, execution);
    default:
      return columns.map(() => null);
  }
}

/** The referenced key cast to the referencing columns' types as an UPDATE would; throws what that throws (22003). */
function assigned(key: PreparedKey, next: Row): Value[] {
  const { children, parents } = key;
  return next.map((value, i) => {
    if (value === null) return null;
    const cast = castFunction(parents.types[i]!.oid, children.types[i]!.oid);
    assert(cast !== undefined, 'types of a foreign key that have a cast');
    return cast(value, defaultTypeContext);
  });
}

/** Plans that actions need, by the version of the table that they were made for. */
const rules = new WeakMap<CatalogTable, RowRules>();
const defaults = new WeakMap<CatalogTable, Map<string, Projection>>();

function rulesOf(table: CatalogTable, execution: Execution): RowRules {
  let made = rules.get(table);
  if (made === undefined) {
    made = tableRules(table, execution.catalog, execution.constraints.support);
    rules.set(table, made);
  }
  return made;
}

async function defaultsOf(
  table: CatalogTable,
  columns: readonly number[],
  execution: Execution,
): Promise<readonly Value[]> {
  const exprs = columns.map((attnum) => table.columns[table.positionOf[attnum] ?? -1]?.defaultExpr);
  const given = exprs.filter((expr) => expr !== undefined);
  if (given.length === 0) return columns.map(() => null);
  const byColumns = defaults.get(table) ?? new Map<string, Projection>();
  defaults.set(table, byColumns);
  const name = columns.join(' ');
  let projection = byColumns.get(name);
  if (projection === undefined) {
    projection = planProjection(given, undefined, execution.catalog, execution.constraints.support);
    byColumns.set(name, projection);
  }
  const [computed] = await project(projection, [[]], execution);
  let at = 0;
  return exprs.map((expr) => (expr === undefined ? null : (computed?.[at++] ?? null)));
}

/** The statement that PostgreSQL's trigger would run, for the error's CONTEXT. */
function statementText(key: PreparedKey, event: KeyGoneEvent, columns: readonly number[]): string {
  const { child, constraint } = key;
  const action = actionOf(event);
  const name = (attnum: number): string =>
    quoted(child.columns[child.positionOf[attnum] ?? -1]!.name);
  const value = { setNull: 'NULL', setDefault: 'DEFAULT' } as const;
  let parameter = 0;
  const set = columns.map((attnum) =>
    action === 'setNull' || action === 'setDefault'
      ? `${name(attnum)} = ${value[action]}`
      : `${name(attnum)} = $${++parameter}`,
  );
  const where = constraint.childColumns.map(
    (attnum) => `$${++parameter} OPERATOR(pg_catalog.=) ${name(attnum)}`,
  );
  const { namespace, name: relation } = child.stored;
  return `UPDATE ONLY ${quoted(namespace)}.${quoted(relation)} SET ${set.join(', ')} WHERE ${where.join(' AND ')}`;
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
