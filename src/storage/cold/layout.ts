import { BIGINT, BOOLEAN, TIMESTAMPTZ, VARCHAR } from '../../duckdb/index.ts';
import type { DuckDBType } from '../../duckdb/index.ts';
import type { StoredColumn, StoredTable } from '../types.ts';

/** System columns of a file with their Parquet field ids; those of the table's own columns are their ids. */
export const systemColumns = {
  seq: { name: '_seq', fieldId: 2_000_000_001, type: 'BIGINT', stage: BIGINT },
  updated: { name: '_updated', fieldId: 2_000_000_002, type: 'TIMESTAMPTZ', stage: TIMESTAMPTZ },
  deleted: { name: '_deleted', fieldId: 2_000_000_003, type: 'BOOLEAN', stage: BOOLEAN },
  userId: { name: '_user_id', fieldId: 2_000_000_004, type: 'VARCHAR', stage: VARCHAR },
  rowId: { name: '_rowid', fieldId: 2_000_000_005, type: 'BIGINT', stage: BIGINT },
} as const satisfies Record<
  string,
  { name: string; fieldId: number; type: string; stage: DuckDBType }
>;

const reserved = new Set(Object.values(systemColumns).map((column) => column.name));

/**
 * Names of a layout's columns in a file: their own, except where they differ only in case (DuckDB ignores case) or are a
 * system column's.
 */
export function parquetNames(columns: readonly StoredColumn[]): string[] {
  const used = new Set<string>(reserved);
  return columns.map((column) => {
    const plain = column.name.toLowerCase();
    const name = used.has(plain) ? `${column.name}#${column.id}` : column.name;
    used.add(plain);
    used.add(name.toLowerCase());
    return name;
  });
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteText(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

export function hasRowId(table: StoredTable): boolean {
  return table.primaryKey.length === 0;
}
