import type { DuckDBConnection } from '../../duckdb/index.ts';
import { SystemColumn } from '../../planner/nodes.ts';
import { hasRowId } from '../../storage/cold/layout.ts';
import type { ScanOptions, StoredRow, StoredTable } from '../../storage/types.ts';
import { Oid } from '../../types/oid.ts';
import type { Row } from '../../types/value.ts';
import type { LoadColumn, Loader } from './load.ts';
import { openLoader } from './load.ts';

/** Name of a column of a scan's relation: `c<attno>`, `s<number>` for system columns. */
export const columnName = (attno: number): string => (attno > 0 ? `c${attno}` : `s${-attno}`);

const systemTypes: readonly (readonly [attno: number, typeOid: number])[] = [
  [SystemColumn.seq, Oid.int8],
  [SystemColumn.updated, Oid.timestamptz],
  [SystemColumn.deleted, Oid.bool],
  [SystemColumn.userId, Oid.text],
  // Of tables without a primary key: the row id, for mirrors.
  [SystemColumn.rowKey, Oid.int8],
];

/** Columns of hot rows to load: those needed, system columns behind the table's own. */
function loadColumns(table: StoredTable, attnos: readonly number[]): LoadColumn[] {
  const width = table.columns.length;
  const own = table.columns.flatMap((column, position) =>
    attnos.includes(column.id)
      ? [{ name: columnName(column.id), typeOid: column.typeOid, typmod: column.typmod, position }]
      : [],
  );
  const system = systemTypes.flatMap(([attno, typeOid], at) =>
    attnos.includes(attno) && (attno !== SystemColumn.rowKey || hasRowId(table))
      ? [{ name: columnName(attno), typeOid, typmod: -1, position: width + at }]
      : [],
  );
  const all = [...own, ...system];
  // A table has a column; what counts rows needs none.
  return all.length > 0
    ? all
    : [
        {
          name: columnName(SystemColumn.deleted),
          typeOid: Oid.bool,
          typmod: -1,
          position: width + 2,
        },
      ];
}

/** The id that ends the key of a row without a primary key. */
export function rowIdOf(key: Uint8Array): bigint {
  return new DataView(key.buffer, key.byteOffset, key.byteLength).getBigInt64(key.byteLength - 8);
}

const withSystem = (row: StoredRow, keyed: boolean): Row => [
  ...row.values,
  BigInt(row.seq),
  row.updated,
  row.deleted,
  row.userId,
  ...(keyed ? [rowIdOf(row.key)] : []),
];

export interface LoadedRows {
  readonly rows: number;
  readonly bytes: number;
  readonly select: Loader['select'];
}

/**
 * Appends hot rows to a new DuckDB table. undefined: `keep` said no, and the table is gone again.
 * @throws NotShippable
 */
export async function loadHotRows(
  connection: DuckDBConnection,
  name: string,
  table: StoredTable,
  attnos: readonly number[],
  batches: AsyncIterable<StoredRow[]>,
  options: Pick<ScanOptions, 'signal'> & {
    readonly keep?: (rows: number, bytes: number) => boolean;
  },
): Promise<LoadedRows | undefined> {
  const columns = loadColumns(table, attnos);
  const system = columns.some((column) => column.position >= table.columns.length);
  const rowId = attnos.includes(SystemColumn.rowKey) && hasRowId(table);
  const loader = await openLoader(connection, name, columns);
  let finished = false;
  try {
    for await (const batch of batches) {
      options.signal?.throwIfAborted();
      loader.add(
        system ? batch.map((row) => withSystem(row, rowId)) : batch.map((row) => row.values),
      );
      if (options.keep?.(loader.rows, loader.bytes) === false) {
        loader.finish();
        await connection.run(`DROP TABLE ${name}`);
        return undefined;
      }
    }
    loader.finish();
    finished = true;
  } finally {
    if (!finished) await connection.run(`DROP TABLE IF EXISTS ${name}`);
  }
  return { rows: loader.rows, bytes: loader.bytes, select: loader.select };
}
