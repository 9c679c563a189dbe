import type { CatalogTable } from '../catalog/types.ts';
import type { Viewer } from '../session/engine.ts';
import type { SystemSources, View } from './types.ts';

/** Relations on which the role has any right, the rights of columns included. */
const visibleSql = `
  select c.oid::text, pg_has_role($1, c.relowner, 'USAGE')::text from pg_class c
  where c.relkind = 'r' and (
    pg_has_role($1, c.relowner, 'USAGE')
    or has_table_privilege($1, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
    or has_any_column_privilege($1, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))`;

function byName(left: CatalogTable, right: CatalogTable): number {
  const a = left.stored;
  const b = right.stored;
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

/** Finds out what `viewer` may know of. */
export async function viewOf(viewer: Viewer, sources: SystemSources): Promise<View> {
  const all = sources.catalog().tables.toSorted(byName);
  if (viewer.seesAll) return { viewer, tables: all, owns: () => true };
  const { rows } = await sources.mirror().query(visibleSql, [viewer.role], new Map());
  const owned = new Map(rows.map(([oid, owns]) => [Number(oid), owns === 'true']));
  return {
    viewer,
    tables: all.filter((table) => owned.has(table.relid)),
    owns: (table) => owned.get(table.relid) === true,
  };
}
