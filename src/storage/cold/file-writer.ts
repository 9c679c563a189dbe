import { dirname, join } from 'node:path';
import { pgEpochUnixMicros } from '../../base/index.ts';
import { DuckDBDataChunk } from '../../duckdb/index.ts';
import type { Duckdb, DuckDBVector } from '../../duckdb/index.ts';
import type { Row, Value } from '../../types/value.ts';
import { tablePrefixBytes } from '../keys/keyspace.ts';
import type { Faults } from '../engine.ts';
import type { StoredTable } from '../types.ts';
import type { BloomBuilder } from './bloom.ts';
import { bloomBuilder } from './bloom.ts';
import { columnForms, copySql, systemColumnsOf } from './copy-sql.ts';
import { hasRowId } from './layout.ts';
import type { ManifestEntry } from './manifest.ts';
import type { FilePlace } from './places.ts';
import { makeFolders, sealFile } from './seal-file.ts';
import { columnStatistics } from './statistics.ts';

/** Rows handed to DuckDB at a time: the size of its vectors. */
const chunkRows = 2048;

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
  const forms = columnForms(table);
  const withUser = table.kind === 'user';
  const withRowId = hasRowId(table);
  const connection = await duckdb.acquire();
  const stage = `stage_${++stages}`;
  const system = systemColumnsOf(table);
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
  let negativeZero = false;
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
      negativeZero ||= row.some(isNegativeZero);
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
        await makeFolders(target.place.root, [dirname(path)]);
        await faults('flush: folder made');
        await connection.run(copySql(table, stage, `${path}.tmp`, negativeZero));
        const sealed = await sealFile(path, faults);
        const statistics = await columnStatistics(connection, table, stage, '0');
        const { tablespaceId } = target.place;
        const entry: ManifestEntry = {
          fileId: target.fileId,
          tableId: table.tableId,
          userId: target.userId,
          path: target.path,
          ...(tablespaceId === undefined ? {} : { tablespaceId }),
          rows: count,
          ...sealed,
          minSeq,
          maxSeq,
          deletedRows,
          schemaVersion: table.schemaVersion,
          statistics: statistics.get(0)!,
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

/** See copySql. */
function isNegativeZero(value: Value): boolean {
  if (typeof value === 'number') return Object.is(value, -0);
  return (
    typeof value === 'object' &&
    value !== null &&
    'elements' in value &&
    value.elements.some(isNegativeZero)
  );
}
