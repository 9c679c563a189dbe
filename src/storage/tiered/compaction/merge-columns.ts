import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Oid } from '../../../types/oid.ts';
import { fileChecksum } from '../../cold/checksum.ts';
import { columnForm, decimalType } from '../../cold/columns.ts';
import type { Duckdb, DuckDBConnection } from '../../cold/duck.ts';
import { makeFolder, syncFile } from '../../cold/durable-file.ts';
import { fileFigures, fileKeys } from '../../cold/file-figures.ts';
import type { FileTarget, FinishedFile } from '../../cold/file-writer.ts';
import {
  hasNegativeZero,
  rowGroupRows,
  systemColumnsOf,
  withoutDictionaries,
} from '../../cold/copy-sql.ts';
import type { KeyTable } from '../../cold/key-table.ts';
import { hasRowId, parquetNames, quoteName, quoteText, systemColumns } from '../../cold/layout.ts';
import type { ManifestEntry } from '../../cold/manifest.ts';
import { columnSql, fileGroups, missingLiteral, readParquet } from '../../cold/relation.ts';
import type { Engine } from '../../engine.ts';
import { tablePrefixBytes } from '../../keys/keyspace.ts';
import type { TableRuntime } from '../../keys/table-runtime.ts';
import { syncFolder } from '../../open/data-folder.ts';
import { layoutOf } from '../../tuple/codec.ts';
import { createReader } from '../../txn/reader.ts';
import type { StoredColumn, StoredTable } from '../../types.ts';
import { loadMarks } from './scope-marks.ts';

export interface MergeRequest {
  readonly engine: Engine;
  readonly runtime: TableRuntime;
  /** Of one scope. */
  readonly files: readonly ManifestEntry[];
  readonly target: FileTarget;
  readonly signal: AbortSignal;
}

export interface Merged {
  /** Undefined: no row is left. */
  readonly file: FinishedFile | undefined;
  readonly rows: number;
}

/**
 * Key columns that DuckDB orders and compares as PostgreSQL does, in the form that files have. Not floating-point ones: its sort
 * makes 0 of -0.
 */
const exactKeys: ReadonlySet<number> = new Set([
  Oid.bool,
  Oid.bytea,
  Oid.date,
  Oid.int2,
  Oid.int4,
  Oid.int8,
  Oid.name,
  Oid.oid,
  Oid.text,
  Oid.time,
  Oid.timestamp,
  Oid.timestamptz,
  Oid.uuid,
  Oid.varchar,
]);

/** Whether DuckDB can merge the table's files without a look at the rows' values in JavaScript. */
export function mergesInColumns(table: StoredTable): boolean {
  const keys = table.columns.filter((column) => table.primaryKey.includes(column.id));
  const exact = ({ typeOid, typmod }: StoredColumn): boolean =>
    exactKeys.has(typeOid) || (typeOid === Oid.numeric && decimalType(typmod) !== undefined);
  return keys.every(exact);
}

/** Columns that the file lacks and whose rows read as a value. */
export function lacking(table: StoredTable, file: ManifestEntry): StoredColumn[] {
  const present = new Set(layoutOf(table, file.schemaVersion).map((column) => column.id));
  return table.columns.filter((column) => !present.has(column.id) && column.missing !== null);
}

/**
 * Merges files of a scope into one, sorted by key, without the rows that marks supersede: DuckDB reads, sorts and writes. Durable when
 * it resolves, but for the manifest. Undefined: the keys' order is not ours, so it has to be done row by row.
 */
export async function mergeColumns(
  duckdb: Duckdb,
  request: MergeRequest,
): Promise<Merged | undefined> {
  const { engine, runtime, files, target, signal } = request;
  const { table } = runtime;
  const connection = await duckdb.acquire();
  const interrupt = (): void => connection.interrupt();
  signal.addEventListener('abort', interrupt, { once: true });
  const path = join(target.place.root, target.path);
  const temporary = `${path}.tmp`;
  let marks: KeyTable | undefined;
  let done = false;
  try {
    const reader = createReader(engine);
    let markedUpTo: number;
    try {
      const snapshot = reader.hot();
      markedUpTo = reader.seq;
      marks = await loadMarks(connection, engine, table, target.userId, files, snapshot);
    } finally {
      reader.release();
    }
    signal.throwIfAborted();
    await makeFolder(target.place.root, dirname(path));
    await engine.faults('compact: folder made');
    const rows = mergedRows(request, marks);
    const negativeZero = await hasNegativeZero(connection, table, `(${rows})`);
    await connection.run(mergeSql(table, rows, temporary, negativeZero));
    await engine.faults('compact: file written');
    const figures = await fileFigures(connection, table, temporary);
    if (figures.rows === 0) return { file: undefined, rows: 0 };
    const keys = await fileKeys(connection, runtime, target.userId, temporary, signal);
    if (keys === undefined) return undefined;
    await syncFile(temporary);
    await engine.faults('compact: file synced');
    const { checksum, bytes } = await fileChecksum(temporary);
    await rename(temporary, path);
    await engine.faults('compact: file renamed');
    await syncFolder(dirname(path));
    await engine.faults('compact: folder synced');
    done = true;
    const { tablespaceId } = target.place;
    const entry: ManifestEntry = {
      fileId: target.fileId,
      tableId: table.tableId,
      userId: target.userId,
      path: target.path,
      ...(tablespaceId === undefined ? {} : { tablespaceId }),
      ...figures,
      bytes,
      checksum,
      markedUpTo,
      schemaVersion: table.schemaVersion,
      minKey: keys.minKey.subarray(tablePrefixBytes),
      maxKey: keys.maxKey.subarray(tablePrefixBytes),
    };
    return { file: { entry, bloom: keys.bloom.finish() }, rows: figures.rows };
  } finally {
    signal.removeEventListener('abort', interrupt);
    // What is left of a failed one; a crash's goes at the next start.
    if (!done) await rm(temporary, { force: true }).catch(() => undefined);
    await giveBack(duckdb, connection, marks);
  }
}

async function giveBack(
  duckdb: Duckdb,
  connection: DuckDBConnection,
  marks: KeyTable | undefined,
): Promise<void> {
  try {
    if (marks !== undefined) await connection.run(`DROP TABLE IF EXISTS ${marks.name}`);
  } finally {
    duckdb.release(connection);
  }
}

/** SELECT of the files' rows that no mark supersedes, in columns as the merged file has them. */
function mergedRows({ engine, runtime, files }: MergeRequest, marks: KeyTable): string {
  const { table } = runtime;
  const names = parquetNames(table.columns);
  const system = systemColumnsOf(table);
  const paths = files.map((file) => engine.cold.path(file));
  const selects = fileGroups(table, files, paths).map((group) => {
    const columns = table.columns.map((column, i) => {
      const value =
        columnSql(group, column, 'f.') ??
        missingLiteral(column.typeOid, column.typmod, column.missing);
      // A literal's type may be wider than the column's.
      const { parquetType } = columnForm(column.typeOid, column.typmod);
      return `CAST(${value} AS ${parquetType}) AS ${quoteName(names[i]!)}`;
    });
    const own = system.map(({ name }) => `f.${quoteName(name)} AS ${quoteName(name)}`);
    let without = '';
    if (marks.rows > 0) {
      const keys = hasRowId(table)
        ? [`f.${quoteName(systemColumns.rowId.name)} = ${marks.columns[0]}`]
        : table.primaryKey.map((id, at) => {
            const column = table.columns.find((candidate) => candidate.id === id)!;
            return `${columnSql(group, column, 'f.')} = ${marks.columns[at]}`;
          });
      without = ` ANTI JOIN ${marks.name} AS x ON ${keys.join(' AND ')} AND f.${quoteName(systemColumns.seq.name)} < x.q`;
    }
    return `SELECT ${[...columns, ...own].join(', ')} FROM ${readParquet(group.paths)} AS f${without}`;
  });
  return selects.join(' UNION ALL ');
}

function mergeSql(table: StoredTable, rows: string, path: string, negativeZero: boolean): string {
  const names = parquetNames(table.columns);
  const order = hasRowId(table)
    ? [systemColumns.rowId.name]
    : table.primaryKey.map((id) => names[table.columns.findIndex((column) => column.id === id)]!);
  const fieldIds = [
    ...table.columns.map((column, i) => `${quoteText(names[i]!)}: ${column.id}`),
    ...systemColumnsOf(table).map((column) => `${quoteText(column.name)}: ${column.fieldId}`),
  ];
  return (
    `COPY (SELECT * FROM (${rows}) ORDER BY ${order.map(quoteName).join(', ')}) ` +
    `TO ${quoteText(path)} (FORMAT parquet, ROW_GROUP_SIZE ${rowGroupRows}, FIELD_IDS {${fieldIds.join(', ')}}${negativeZero ? withoutDictionaries : ''})`
  );
}
