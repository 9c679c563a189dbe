import type { CatalogSnapshot, CatalogTable } from '../../catalog/types.ts';
import { jsonb } from '../jsonb.ts';
import type { SystemRelation } from '../types.ts';

interface Version {
  readonly version: number;
  readonly changedAt: bigint | null;
  readonly columns: unknown;
}

/** Every version of a table's columns, oldest first. */
function versionsOf({ stored, schemas }: CatalogTable, catalog: CatalogSnapshot): Version[] {
  const told = new Map<number, Version>(
    schemas.map(({ version, changedAt, columns }) => [
      version,
      {
        version,
        changedAt,
        columns: columns.map(({ notNull, ...column }) => ({ ...column, not_null: notNull })),
      },
    ]),
  );
  // Tables made before versions were described have their layouts to tell of.
  for (const [version, columns] of new Map(stored.layouts).set(
    stored.schemaVersion,
    stored.columns,
  )) {
    if (told.has(version)) continue;
    const described = columns.map((column) => ({
      id: column.id,
      name: column.name,
      type: catalog.typeName(column.typeOid, column.typmod) ?? String(column.typeOid),
    }));
    told.set(version, { version, changedAt: null, columns: described });
  }
  return [...told.values()].toSorted((a, b) => a.version - b.version);
}

export const tableSchemas: SystemRelation = {
  name: 'table_schemas',
  comment:
    'Every version of the columns of each table, from its creation on, with when it came; rows and files may be of any of them.',
  columns: [
    ['namespace', 'text'],
    ['table_name', 'text'],
    ['table_id', 'bigint'],
    ['schema_version', 'integer'],
    ['columns', 'jsonb'],
    ['changed_at', 'timestamptz'],
  ],
  rows: ({ tables }, { catalog }) =>
    tables.flatMap((table) =>
      versionsOf(table, catalog()).map(({ version, columns, changedAt }) => [
        table.stored.namespace,
        table.stored.name,
        BigInt(table.stored.tableId),
        version,
        jsonb(columns),
        changedAt,
      ]),
    ),
};
