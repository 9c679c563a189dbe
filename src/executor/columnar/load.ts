import { DuckDBDataChunk } from '../../duckdb/index.ts';
import type { DuckDBConnection, DuckDBType } from '../../duckdb/index.ts';
import type { ColumnForm } from '../../storage/cold/columns.ts';
import { columnForm } from '../../storage/cold/columns.ts';
import { Oid } from '../../types/oid.ts';
import type { Row, Value } from '../../types/value.ts';
import { NotShippable } from '../not-shippable.ts';

/** A column of rows in memory, on its way into DuckDB. */
export interface LoadColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly typmod: number;
  /** Where the value stands in a row. */
  readonly position: number;
}

/** Rows per chunk: DuckDB's vector size. */
const chunkRows = 2048;

/** SQL that gives a column in its columnar type (shippable's columnarTypeOf), from the type that its Parquet files have. */
export const fromStored = (sql: string, typeOid: number): string =>
  typeOid === Oid.interval ? `CAST(replace(${sql}, '+', '') AS INTERVAL)` : sql;

/** A table in DuckDB that takes rows; the columns lie in the forms' stage types until `select` converts them. */
export interface Loader {
  /** @throws NotShippable for a value that DuckDB can't carry exactly */
  add(rows: readonly Row[]): void;
  finish(): void;
  readonly rows: number;
  /** About how much memory the rows take. */
  readonly bytes: number;
  /** Column expressions by name, in their columnar types. */
  readonly select: ReadonlyMap<string, string>;
}

export async function openLoader(
  connection: DuckDBConnection,
  table: string,
  columns: readonly LoadColumn[],
): Promise<Loader> {
  const forms: ColumnForm[] = columns.map((column) => columnForm(column.typeOid, column.typmod));
  const types: DuckDBType[] = forms.map((form) => form.stage);
  const list = columns.map((column, at) => `${column.name} ${types[at]!.toString()}`);
  await connection.run(`CREATE TABLE ${table} (${list.join(', ')})`);
  const appender = await connection.createAppender(table);
  let pending: Row[] = [];
  let rows = 0;
  let bytes = 0;

  const flush = (): void => {
    if (pending.length === 0) return;
    const chunk = DuckDBDataChunk.create(types, pending.length);
    columns.forEach((column, at) => {
      const form = forms[at]!;
      if (form.carries) {
        for (const row of pending) {
          const value = row[column.position]!;
          if (value !== null && !form.carries(value)) {
            throw new NotShippable('a value that DuckDB cannot hold');
          }
        }
      }
      form.write(chunk.getColumnVector(at), pending, column.position);
    });
    appender.appendDataChunk(chunk);
    pending = [];
  };

  return {
    add(batch) {
      for (const row of batch) {
        pending.push(row);
        bytes += rowBytes(row);
        if (pending.length === chunkRows) flush();
      }
      rows += batch.length;
    },
    finish() {
      flush();
      appender.closeSync();
    },
    get rows() {
      return rows;
    },
    get bytes() {
      return bytes;
    },
    select: new Map(
      columns.map((column, at) => [
        column.name,
        fromStored(forms[at]!.toParquet(column.name), column.typeOid),
      ]),
    ),
  };
}

function rowBytes(row: readonly Value[]): number {
  let bytes = 0;
  for (const value of row) {
    bytes += 16;
    if (typeof value === 'string') bytes += value.length;
    else if (value instanceof Uint8Array) bytes += value.byteLength;
  }
  return bytes;
}
