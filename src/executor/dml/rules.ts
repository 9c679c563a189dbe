import { PgError, SqlState } from '../../base/index.ts';
import type { CatalogTable } from '../../catalog/types.ts';
import type { RowRules } from '../../planner/row-rules.ts';
import type { Projection } from '../../planner/projection.ts';
import type { Row } from '../../types/value.ts';
import type { Execution } from '../run-plan.ts';
import { project, projectSync } from './projections.ts';
import { checkViolation, notNullViolation, viewCheckViolation } from './violations.ts';

function layOut(projection: Projection, table: CatalogTable, rows: readonly Row[]): Row[] {
  const positions = projection.slots.map((slot) => table.positionOf[slot.attno] ?? -1);
  return rows.map((row) => positions.map((position) => row[position] ?? null));
}

/**
 * Computes generated columns and then judges each row as PostgreSQL does before it stores it (ExecConstraints): row
 * security, NOT NULL by column order, CHECK by name. The rows are changed in place. Throws the first violation.
 */
export async function applyRules(
  rules: RowRules,
  table: CatalogTable,
  rows: readonly Row[],
  execution: Execution,
): Promise<void> {
  if (applyRulesSync(rules, table, rows, execution)) return;
  if (rules.generated !== undefined) {
    const { positions, projection } = rules.generated;
    const computed = await project(projection, layOut(projection, table, rows), execution);
    storeGenerated(positions, rows, computed);
  }
  judge(
    rules,
    table,
    rows,
    execution,
    rules.withCheck &&
      (await project(
        rules.withCheck.projection,
        layOut(rules.withCheck.projection, table, rows),
        execution,
      )),
    rules.checks &&
      (await project(
        rules.checks.projection,
        layOut(rules.checks.projection, table, rows),
        execution,
      )),
  );
}

/** The failed check of a view, which PostgreSQL makes once the row has been stored; undefined: none. Other errors are thrown. */
export async function viewCheck(applied: Promise<void>): Promise<PgError | undefined> {
  try {
    await applied;
    return undefined;
  } catch (error) {
    if (error instanceof PgError && error.code === SqlState.withCheckOptionViolation) return error;
    throw error;
  }
}

/** The same without waiting; false when it would have to, with nothing done that can't be done again. */
export function applyRulesSync(
  rules: RowRules,
  table: CatalogTable,
  rows: readonly Row[],
  execution: Execution,
): boolean {
  if (rules.generated !== undefined) {
    const { positions, projection } = rules.generated;
    const computed = projectSync(projection, layOut(projection, table, rows), execution);
    if (computed === undefined) return false;
    storeGenerated(positions, rows, computed);
  }
  let allowed: Row[] | undefined;
  if (rules.withCheck !== undefined) {
    const { projection } = rules.withCheck;
    allowed = projectSync(projection, layOut(projection, table, rows), execution);
    if (allowed === undefined) return false;
  }
  let checked: Row[] | undefined;
  if (rules.checks !== undefined) {
    const { projection } = rules.checks;
    checked = projectSync(projection, layOut(projection, table, rows), execution);
    if (checked === undefined) return false;
  }
  judge(rules, table, rows, execution, allowed, checked);
  return true;
}

function storeGenerated(positions: readonly number[], rows: readonly Row[], computed: Row[]): void {
  rows.forEach((row, i) => {
    positions.forEach((position, k) => {
      row[position] = computed[i]?.[k] ?? null;
    });
  });
}

function judge(
  rules: RowRules,
  table: CatalogTable,
  rows: readonly Row[],
  execution: Execution,
  allowed: readonly Row[] | undefined,
  checked: readonly Row[] | undefined,
): void {
  const { types } = execution.statement;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    // Row security goes before the constraints, so that no constraint tells of a row that may not be.
    const policy = allowed?.[i]?.findIndex((ok, k) => ok !== true && isPolicy(rules, k)) ?? -1;
    if (policy >= 0) throw policyViolation(rules, policy, table);
    for (let c = 0; c < table.columns.length; c++) {
      const column = table.columns[c]!;
      if (column.notNull && (row[c] ?? null) === null) {
        throw notNullViolation(table, column, row, types);
      }
    }
    // A CHECK is violated by false only: null passes.
    const failed = checked?.[i]?.indexOf(false) ?? -1;
    if (failed >= 0) throw checkViolation(table, rules.checks!.names[failed]!, row, types);
    const view = allowed?.[i]?.findIndex((ok, k) => ok !== true && !isPolicy(rules, k)) ?? -1;
    if (view >= 0) {
      const { relationName } = rules.withCheck!.options[view]!;
      throw viewCheckViolation(table, relationName, row, types);
    }
  }
}

function isPolicy(rules: RowRules, at: number): boolean {
  return rules.withCheck?.options[at]?.checkKind !== 'view';
}

function policyViolation(rules: RowRules, at: number, table: CatalogTable): PgError {
  const name = rules.withCheck?.options[at]?.policyName;
  const policy = name === undefined ? '' : ` "${name}"`;
  return new PgError(
    SqlState.insufficientPrivilege,
    `new row violates row-level security policy${policy} for table "${table.stored.name}"`,
  );
}
