import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pgEpochUnixMicros } from '../../base/index.ts';
import { DuckDBDataChunk } from '../../duckdb/index.ts';
import type { Duckdb, DuckDBConnection, DuckDBVector } from '../../duckdb/index.ts';
import { pgType } from '../../types/registry.ts';
import type { Row } from '../../types/value.ts';
import { keyBuffer } from '../keys/buffer.ts';
import { tablePrefixBytes } from '../keys/keyspace.ts';
import { syncFolder } from '../open/data-folder.ts';
import type { Faults } from '../engine.ts';
import type { StoredTable } from '../types.ts';
import type { BloomBuilder } from './bloom.ts';
import { bloomBuilder } from './bloom.ts';
import { fileChecksum } from './checksum.ts';
import type { ColumnForm } from './columns.ts';
import { columnForm } from './columns.ts';
import { makeFolder, syncFile } from './durable-file.ts';
import { hasRowId, parquetNames, quoteName, quoteText, systemColumns } from './layout.ts';
import type { ManifestEntry } from './manifest.ts';
import type { FilePlace } from './places.ts';

/** Rows per row group; DuckDB's own default, a multiple of its vectors. */
export const rowGroupRows = 122_880;
/** Rows handed to DuckDB at a time: the size of its vectors. */
const chunkRows = 2048;
/** Larger minima and maxima are left out of the manifest. */
const statisticBytesMax = 256;

/** What `finish` has made durable, to be listed in the manifest. */
export interface FinishedFile {
  readonly entry: ManifestEntry;
  readonly bloom: Buffer;
}

export interface FileTarget {
  /** What `path` is relative to. */
  readonly place: Pick<FilePlace, 'root' | 'tablespaceId'>;
  readonly path: string;
  readonly fileId: number;
  readonly userId: string;
}

/** Writes one Parquet file: rows gather in a table in DuckDB, from which the file is copied at the end. */
export interface FileWriter {
  readonly rows: number;
  /** Rows must come in key order. `fullKey` is the row's key in the hot store. */
  add(row: Row, seq: number, updated: bigint, deleted: boolean, fullKey: Buffer): void;
  /** Writes, syncs and renames the file. It counts only once the manifest lists it. */
  finish(): Promise<FinishedFile>;
  /** Gives up; what is on disk already is swept at the next start. */
  abort(): Promise<void>;
}

let stages = 0;

/** Maps values that mostly repeat the one before: those of rows that came with one statement. */
function inRuns<T>(values: readonly T[], map: (value: T) => bigint): bigint[] {
  let before: T | undefined;
  let mapped = 0n;
  return values.map((value) => {
    if (value !== before) {
      before = value;
      mapped = map(value);
    }
    return mapped;
  });
}

export async function createFileWriter(
  duckdb: Duckdb,
  table: StoredTable,
  target: FileTarget,
  faults: Faults,
): Promise<FileWriter> {
  const forms = table.columns.map((column) => columnForm(column.typeOid, column.typmod));
  const withUser = table.kind === 'user';
  const withRowId = hasRowId(table);
  const connection = await duckdb.acquire();
  const stage = `stage_${++stages}`;
  const system = [
    systemColumns.seq,
    systemColumns.updated,
    systemColumns.deleted,
    ...(withUser ? [systemColumns.userId] : []),
    ...(withRowId ? [systemColumns.rowId] : []),
  ];
  const types = [...forms.map((form) => form.stage), ...system.map((column) => column.stage)];
  await connection.run(
    `CREATE TABLE ${stage} (${types.map((type, i) => `c${i} ${type.toString()}`).join(', ')})`,
  );
  const appender = await connection.createAppender(stage);
  const bloom: BloomBuilder = bloomBuilder();

  let rows: Row[] = [];
  let seqs: number[] = [];
  let updateds: bigint[] = [];
  let deleteds: boolean[] = [];
  let rowIds: bigint[] = [];
  let count = 0;
  let deletedRows = 0;
  let minSeq = Infinity;
  let maxSeq = 0;
  let minKey: Buffer | undefined;
  let maxKey: Buffer | undefined;

  const flushChunk = (): void => {
    if (rows.length === 0) return;
    const chunk = DuckDBDataChunk.create(types, rows.length);
    let at = 0;
    for (const form of forms) {
      form.write(chunk.getColumnVector(at), rows, at);
      at++;
    }
    const integers = (values: readonly bigint[]): void => {
      const vector = chunk.getColumnVector(at++) as DuckDBVector & { items: BigInt64Array };
      for (let i = 0; i < values.length; i++) vector.items[i] = values[i]!;
      vector.flush();
    };
    integers(inRuns(seqs, BigInt));
    integers(inRuns(updateds, (micros) => micros + pgEpochUnixMicros));
    const deletedVector = chunk.getColumnVector(at++);
    for (let i = 0; i < rows.length; i++) deletedVector.setItem(i, deleteds[i]!);
    deletedVector.flush();
    if (withUser) {
      const users = chunk.getColumnVector(at++);
      for (let i = 0; i < rows.length; i++) users.setItem(i, target.userId);
      users.flush();
    }
    if (withRowId) integers(rowIds);
    appender.appendDataChunk(chunk);
    rows = [];
    seqs = [];
    updateds = [];
    deleteds = [];
    rowIds = [];
  };

  const drop = async (): Promise<void> => {
    try {
      appender.closeSync();
      await connection.run(`DROP TABLE IF EXISTS ${stage}`);
    } finally {
      duckdb.release(connection);
    }
  };

  return {
    get rows() {
      return count;
    },
    add(row, seq, updated, deleted, fullKey) {
      rows.push(row);
      seqs.push(seq);
      updateds.push(updated);
      deleteds.push(deleted);
      if (deleted) deletedRows++;
      if (withRowId) rowIds.push(fullKey.readBigInt64BE(fullKey.length - 8));
      bloom.add(fullKey, tablePrefixBytes);
      minKey ??= fullKey;
      maxKey = fullKey;
      if (seq < minSeq) minSeq = seq;
      if (seq > maxSeq) maxSeq = seq;
      count++;
      if (rows.length === chunkRows) flushChunk();
    },
    async finish() {
      try {
        flushChunk();
        appender.flushSync();
        const path = join(target.place.root, target.path);
        const temporary = `${path}.tmp`;
        const folder = dirname(path);
        await makeFolder(target.place.root, folder);
        await faults('flush: folder made');
        await connection.run(copySql(table, forms, system, stage, temporary));
        await faults('flush: file written');
        await syncFile(temporary);
        await faults('flush: file synced');
        const { checksum, bytes } = await fileChecksum(temporary);
        await rename(temporary, path);
        await faults('flush: file renamed');
        await syncFolder(folder);
        await faults('flush: folder synced');
        const { tablespaceId } = target.place;
        const entry: ManifestEntry = {
          fileId: target.fileId,
          tableId: table.tableId,
          userId: target.userId,
          path: target.path,
          ...(tablespaceId === undefined ? {} : { tablespaceId }),
          rows: count,
          bytes,
          checksum,
          minSeq,
          maxSeq,
          deletedRows,
          schemaVersion: table.schemaVersion,
          statistics: await statistics(connection, table, forms, stage),
          minKey: minKey!.subarray(tablePrefixBytes),
          maxKey: maxKey!.subarray(tablePrefixBytes),
        };
        return { entry, bloom: bloom.finish() };
      } finally {
        await drop();
      }
    },
    abort: drop,
  };
}

function copySql(
  table: StoredTable,
  forms: readonly ColumnForm[],
  system: readonly { readonly name: string; readonly fieldId: number }[],
  stage: string,
  path: string,
): string {
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
    `COPY (SELECT ${selected.join(', ')} FROM ${stage}) TO ${quoteText(path)} ` +
    `(FORMAT parquet, ROW_GROUP_SIZE ${rowGroupRows}, FIELD_IDS {${fieldIds.join(', ')}})`
  );
}

/** Min, max and nulls of each column, the former in memcomparable form. */
async function statistics(
  connection: DuckDBConnection,
  table: StoredTable,
  forms: readonly ColumnForm[],
  stage: string,
): Promise<ManifestEntry['statistics']> {
  const selected: string[] = [];
  forms.forEach((form, i) => {
    const value = form.toParquet(`c${i}`);
    selected.push(`CAST(count(*) - count(c${i}) AS INTEGER)`);
    if (form.ordered)
      selected.push(form.fromParquet(`min(${value})`), form.fromParquet(`max(${value})`));
  });
  const result = new Map<number, { min?: Uint8Array; max?: Uint8Array; nulls: number }>();
  if (selected.length === 0) return result;
  const chunk = await (
    await connection.run(`SELECT ${selected.join(', ')} FROM ${stage}`)
  ).fetchChunk();
  let at = 0;
  forms.forEach((form, i) => {
    const column = table.columns[i]!;
    const nulls = chunk!.getColumnVector(at++).getItem(0) as number;
    if (!form.ordered) {
      result.set(column.id, { nulls });
      return;
    }
    const bounds: Row[] = [[null, null]];
    form.read(chunk!.getColumnVector(at++), 1, bounds, 0);
    form.read(chunk!.getColumnVector(at++), 1, bounds, 1);
    const [min, max] = bounds[0]!.map((value) => {
      const type = pgType(column.typeOid);
      if (value === null || type?.encodeKey === undefined) return undefined;
      keys.reset();
      type.encodeKey(keys, value);
      return keys.length > statisticBytesMax ? undefined : keys.take();
    });
    result.set(column.id, {
      nulls,
      ...(min === undefined || max === undefined ? {} : { min, max }),
    });
  });
  return result;
}

const keys = keyBuffer();
