import type { CatalogSnapshot, CatalogTable } from '../catalog/types.ts';
import { tableModes } from '../locks/index.ts';
import type { TableLockMode } from '../locks/index.ts';
import type { SelectPlan } from '../planner/nodes.ts';
import type { QualifiedName, Statement } from '../sql/index.ts';
import { findTable } from './ddl-locks.ts';
import type { Planned } from './planned.ts';
import { relatedUses } from './related-tables.ts';
import type { SessionState } from './state.ts';

/** A table that a statement uses, and PostgreSQL's lock for that use. */
export interface TableUse {
  readonly table: CatalogTable;
  readonly mode: TableLockMode;
}

const usesOf = new WeakMap<
  Planned,
  { readonly catalog: CatalogSnapshot; readonly uses: readonly TableUse[] }
>();

/** The tables that a planned statement reads and writes, and those that foreign keys lead to from there in `catalog`. */
export function tableUses(planned: Planned, catalog: CatalogSnapshot): readonly TableUse[] {
  const known = usesOf.get(planned);
  if (known?.catalog === catalog) return known.uses;
  const uses = findUses(planned, catalog);
  usesOf.set(planned, { catalog, uses });
  return uses;
}

function findUses(planned: Planned, catalog: CatalogSnapshot): TableUse[] {
  const uses: TableUse[] = [];
  if (planned.kind === 'verbatim') return uses;
  const { plan } = planned;
  if (plan.kind !== 'select')
    uses.push({ table: plan.table, mode: 'rowExclusive' }, ...relatedUses(plan, catalog));
  uses.push(...usesOfSelect(plan.kind === 'select' ? plan : plan.source));
  return uses;
}

function usesOfSelect({ scans, locks, before = [] }: SelectPlan): TableUse[] {
  return [
    ...before.flatMap((step) => usesOfSelect(step.plan)),
    ...(locks?.marks ?? []).map(({ table }): TableUse => ({ table, mode: 'rowShare' })),
    ...[...scans.values()].map(({ table }): TableUse => ({ table, mode: 'accessShare' })),
  ];
}

/**
 * Locks what the statement uses until the transaction ends. True: it took a wait, so that the catalog may have changed and the plan
 * must be looked at again.
 */
export function lockTables(
  session: SessionState,
  uses: readonly TableUse[],
): false | Promise<true> {
  return lockTablesNow(session, uses) ? false : waitForTables(session, uses);
}

async function waitForTables(session: SessionState, uses: readonly TableUse[]): Promise<true> {
  const { locks } = session.engine.storage;
  const { owner } = session.transaction;
  for (const { table, mode } of uses)
    await locks.acquire(owner, 'relation', table.stored.tableId, tableModes[mode]);
  return true;
}

/** Locks what the statement uses if that takes no wait; false: some are not locked, and the statement must wait for them. */
export function lockTablesNow(session: SessionState, uses: readonly TableUse[]): boolean {
  const { locks } = session.engine.storage;
  const { owner } = session.transaction;
  return uses.every(({ table, mode }) =>
    locks.tryAcquire(owner, 'relation', table.stored.tableId, tableModes[mode]),
  );
}

/** Whether a statement that ends within the call may use the tables without a lock. */
export function tablesAreFree(session: SessionState, uses: readonly TableUse[]): boolean {
  const { locks } = session.engine.storage;
  const { owner } = session.transaction;
  return uses.every(({ table, mode }) =>
    locks.isFree(owner, 'relation', table.stored.tableId, tableModes[mode]),
  );
}

/**
 * Waits for the tables that a statement names when others have them locked against reading; false: none is, or none is there.
 */
export async function waitForNamed(session: SessionState, statement: Statement): Promise<boolean> {
  const uses = relationsIn(statement.node).flatMap((name): TableUse[] => {
    const table = findTable(session, name);
    return table === undefined ? [] : [{ table, mode: 'accessShare' }];
  });
  if (tablesAreFree(session, uses)) return false;
  await waitForTables(session, uses);
  return true;
}

/** Names in RangeVars, wherever they are. */
function relationsIn(node: unknown): QualifiedName[] {
  if (typeof node !== 'object' || node === null) return [];
  const children = Object.entries(node).flatMap(([key, child]) => {
    if (key !== 'RangeVar' && key !== 'relation') return relationsIn(child);
    const { schemaname, relname } = child as { schemaname?: string; relname?: string };
    return relname === undefined ? relationsIn(child) : [{ schema: schemaname, name: relname }];
  });
  return children;
}
