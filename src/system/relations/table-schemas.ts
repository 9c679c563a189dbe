import type { CatalogSnapshot } from '../../catalog/types.ts';
import type { StoredColumn, StoredTable } from '../../storage/types.ts';
import { jsonb } from '../jsonb.ts';
import type { SystemRelation } from '../types.ts';

/** Every layout that rows and files of the table may have, oldest first. */
function layoutsOf(table: StoredTable): readonly (readonly [number, readonly StoredColumn[]])[] {
  const all = new Map(table.layouts).set(table.schemaVersion, table.columns);
  return [...all].toSorted(([a], [b]) => a - b);
}

function describe(columns: readonly StoredColumn[], catalog: CatalogSnapshot): unknown {
  return columns.map((column) => ({
    id: column.id,
    name: column.name,
    type: catalog.typeName(column.typeOid, column.typmod) ?? String(column.typeOid),
  }));
}

export const tableSchemas: SystemRelation = {
  name: 'table_schemas',
  comment:
    'Every version of the columns of each table, as rows and files may have been written with.',
  columns: [
    ['namespace', 'text'],
    ['table_name', 'text'],
    ['table_id', 'bigint'],
    ['schema_version', 'integer'],
    ['columns', 'jsonb'],
  ],
  rows: ({ tables }, { catalog }) =>
    tables.flatMap(({ stored }) =>
      layoutsOf(stored).map(([version, columns]) => [
        stored.namespace,
        stored.name,
        BigInt(stored.tableId),
        version,
        jsonb(describe(columns, catalog())),
      ]),
    ),
};
