import type { CatalogSnapshot, CatalogTable } from '../catalog/types.ts';
import type { DmlPlan } from '../planner/plan-dml.ts';
import type { TableUse } from './lock-tables.ts';

/** What a statement, or an action that it sets off, does to rows of a table. */
interface Change {
  readonly table: CatalogTable;
  readonly inserts: boolean;
  readonly deletes: boolean;
  /** attnums of columns that get new values; undefined: all may. */
  readonly sets: readonly number[] | undefined;
}

const onlyChecked: ReadonlySet<string> = new Set(['noAction', 'restrict']);

/**
 * Tables that foreign keys lead to from a change of rows, with what PostgreSQL's triggers lock them for: parents are looked at,
 * children looked at or changed, and so on from those. Locked with the statement's own tables, before its snapshot is taken, so
 * that no other transaction changes what they are while rows are checked against them.
 */
export function relatedUses(plan: DmlPlan, catalog: CatalogSnapshot): TableUse[] {
  const { table } = plan;
  switch (plan.kind) {
    case 'insert': {
      const updates = plan.onConflict?.action === 'update';
      const sets = updates ? attnumsAt(table, plan.onConflict?.positions ?? []) : [];
      return follow({ table, inserts: true, deletes: false, sets }, catalog);
    }
    case 'update':
      return follow(
        { table, inserts: false, deletes: false, sets: attnumsAt(table, plan.positions) },
        catalog,
      );
    case 'delete':
      return follow({ table, inserts: false, deletes: true, sets: [] }, catalog);
  }
}

/** The same for COPY FROM. */
export function relatedToInsert(table: CatalogTable, catalog: CatalogSnapshot): TableUse[] {
  return follow({ table, inserts: true, deletes: false, sets: [] }, catalog);
}

/** Undefined when generated columns follow from those that are set: any column may change then. */
function attnumsAt(
  table: CatalogTable,
  positions: readonly number[],
): readonly number[] | undefined {
  if (table.columns.some((column) => column.generated !== undefined)) return undefined;
  return positions.flatMap((position) => table.columns[position]?.id ?? []);
}

function follow(first: Change, catalog: CatalogSnapshot): TableUse[] {
  const { foreignKeys, referencedBy } = catalog.table(first.table.relid) ?? first.table;
  if (foreignKeys.length === 0 && referencedBy.length === 0) return [];
  const uses = new Map<string, TableUse>();
  const seen = new Set<string>();
  const changes: Change[] = [first];
  const use = (table: CatalogTable, mode: TableUse['mode']): void => {
    uses.set(`${table.relid} ${mode}`, { table, mode });
  };
  for (let change = changes.pop(); change !== undefined; change = changes.pop()) {
    const { inserts, deletes, sets } = change;
    const name = `${change.table.relid} ${inserts} ${deletes} ${sets?.join(' ') ?? 'all'}`;
    if (seen.has(name)) continue;
    seen.add(name);
    const touches = (columns: readonly number[]): boolean =>
      sets === undefined || columns.some((attnum) => sets.includes(attnum));
    const table = catalog.table(change.table.relid) ?? change.table;
    for (const key of table.foreignKeys) {
      const parent = catalog.table(key.parent);
      if (parent === undefined || !key.enforced) continue;
      if (inserts || touches(key.childColumns)) use(parent, 'rowShare');
    }
    for (const key of table.referencedBy) {
      const child = catalog.table(key.child);
      if (child === undefined || !key.enforced) continue;
      const updates = touches(key.parentColumns);
      if (!deletes && !updates) continue;
      const changesRows =
        (deletes && !onlyChecked.has(key.onDelete)) || (updates && !onlyChecked.has(key.onUpdate));
      use(child, changesRows ? 'rowExclusive' : 'rowShare');
      if (deletes && key.onDelete === 'cascade')
        changes.push({ table: child, inserts: false, deletes: true, sets: [] });
      if ((deletes && key.onDelete.startsWith('set')) || (updates && changesRows))
        changes.push({
          table: child,
          inserts: false,
          deletes: false,
          sets: child.columns.some((column) => column.generated !== undefined)
            ? undefined
            : key.childColumns,
        });
    }
  }
  // Always in one order, so that two statements do not wait for each other.
  return [...uses.values()].sort((a, b) => a.table.stored.tableId - b.table.stored.tableId);
}
