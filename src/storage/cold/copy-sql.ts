import type { DuckDBConnection } from '../../duckdb/index.ts';
import type { StoredTable } from '../types.ts';
import type { ColumnForm } from './columns.ts';
import { columnForm } from './columns.ts';
import { hasRowId, parquetNames, quoteName, quoteText, systemColumns } from './layout.ts';

/** Rows per row group; DuckDB's own default, a multiple of its vectors. */
export const rowGroupRows = 122_880;

type SystemColumn = (typeof systemColumns)[keyof typeof systemColumns];

/** The system columns of a table's files, in the order in which they follow its own. */
export function systemColumnsOf(table: StoredTable): readonly SystemColumn[] {
  return [
    systemColumns.seq,
    systemColumns.updated,
    systemColumns.deleted,
    ...(table.kind === 'user' ? [systemColumns.userId] : []),
    ...(hasRowId(table) ? [systemColumns.rowId] : []),
  ];
}

export function columnForms(table: StoredTable): readonly ColumnForm[] {
  return table.columns.map((column) => columnForm(column.typeOid, column.typmod));
}

/**
 * DuckDB's dictionaries take -0.0 for 0.0, so that a row group with both gives back one of them everywhere. A file with a negative zero
 * in a column of floats goes without.
 */
export const withoutDictionaries = ', DICTIONARY_SIZE_LIMIT 0';

/** Whether there is such a zero in the rows that follow FROM, whose columns have their names in files. */
export async function hasNegativeZero(
  connection: DuckDBConnection,
  table: StoredTable,
  from: string,
): Promise<boolean> {
  const names = parquetNames(table.columns);
  const isZero = (value: string): string => `(${value} = 0 AND signbit(${value}))`;
  const tests = columnForms(table).flatMap(({ parquetType }, i) => {
    const name = quoteName(names[i]!);
    if (floats.has(parquetType)) return [isZero(name)];
    if (floats.has(parquetType.replace(/\[\]$/, '')))
      return [`len(list_filter(${name}, lambda x: ${isZero('x')})) > 0`];
    return [];
  });
  if (tests.length === 0) return false;
  const result = await connection.run(
    `SELECT coalesce(bool_or(${tests.join(' OR ')}), false) FROM ${from}`,
  );
  return (await result.getRows())[0]![0] as boolean;
}

const floats: ReadonlySet<string> = new Set(['FLOAT', 'DOUBLE']);

/**
 * COPY of rows whose columns are `c0`, `c1`, … in their stage types, the table's own first, then systemColumnsOf. `from` is what
 * follows FROM; its rows are in key order.
 */
export function copySql(
  table: StoredTable,
  from: string,
  path: string,
  hasNegativeZero: boolean,
): string {
  const forms = columnForms(table);
  const system = systemColumnsOf(table);
  const names = parquetNames(table.columns);
  const selected = [
    ...forms.map((form, i) => `${form.toParquet(`c${i}`)} AS ${quoteName(names[i]!)}`),
    ...system.map((column, i) => `c${forms.length + i} AS ${quoteName(column.name)}`),
  ];
  const fieldIds = [
    ...table.columns.map((column, i) => `${quoteText(names[i]!)}: ${column.id}`),
    ...system.map((column) => `${quoteText(column.name)}: ${column.fieldId}`),
  ];
  return (
    `COPY (SELECT ${selected.join(', ')} FROM ${from}) TO ${quoteText(path)} ` +
    `(FORMAT parquet, ROW_GROUP_SIZE ${rowGroupRows}, FIELD_IDS {${fieldIds.join(', ')}}${hasNegativeZero ? withoutDictionaries : ''})`
  );
}
