import { dirname, join } from 'node:path';
import { assert, pgEpochUnixMicros } from '../../base/index.ts';
import { DuckDBDataChunk, INTEGER, writeNumbers, writeStrings } from '../../duckdb/index.ts';
import type { Duckdb } from '../../duckdb/index.ts';
import type { Faults } from '../engine.ts';
import { tablePrefixBytes } from '../keys/keyspace.ts';
import { TupleFlag, tupleFlags } from '../tuple/header.ts';
import type { StoredTable } from '../types.ts';
import type { BloomBuilder } from './bloom.ts';
import { bloomBuilder } from './bloom.ts';
import { copySql, systemColumnsOf } from './copy-sql.ts';
import type { FileTarget, FinishedFile } from './file-writer.ts';
import { hasRowId } from './layout.ts';
import type { ManifestEntry } from './manifest.ts';
import { makeFolders, sealFile } from './seal-file.ts';
import { columnStatistics } from './statistics.ts';
import { textCells } from './text-cells.ts';
import { chunkRows, tupleColumns } from './tuple-columns.ts';

/** A file that gathers. */
interface OpenFile {
  readonly userId: string;
  readonly bloom: BloomBuilder;
  rows: number;
  deletedRows: number;
  minSeq: number;
  maxSeq: number;
  minKey: Buffer | undefined;
  maxKey: Buffer | undefined;
}

/**
 * Gathers the rows of one file or of several small ones in a table in DuckDB, from which the files are copied at the end: what DuckDB
 * does once for a table costs more than a small file.
 */
export interface Stage {
  /** Rows of all files. */
  readonly rows: number;
  readonly files: number;
  /** Rows of the last file. */
  readonly fileRows: number;
  /** Rows added from now on are those of a new file. */
  begin(userId: string): void;
  /**
   * Takes an intact tuple of the table's present layout, in key order; `key` is the row's full key. False: a file could not give the row
   * back exactly.
   */
  add(tuple: Buffer, seq: number, key: Buffer): boolean;
  /** Writes, syncs and renames the files; undefined for one that got no row. They count only once the manifest lists them. */
  finish(
    target: (userId: string) => Promise<FileTarget>,
  ): Promise<readonly (FinishedFile | undefined)[]>;
  /** Gives up; what is on disk already is swept at the next start. */
  abort(): Promise<void>;
}

let stages = 0;

const epochLow = Number(pgEpochUnixMicros & 0xffffffffn);
const epochHigh = Number(pgEpochUnixMicros >> 32n);

export async function openStage(
  duckdb: Duckdb,
  table: StoredTable,
  faults: Faults,
): Promise<Stage> {
  const columns = tupleColumns(table.columns);
  const system = systemColumnsOf(table);
  const withUser = table.kind === 'user';
  const withRowId = hasRowId(table);
  const types = [...columns.types, ...system.map((column) => column.stage), INTEGER];
  const fileColumn = `c${types.length - 1}`;
  const connection = await duckdb.acquire();
  const stage = `flush_${++stages}`;
  await connection.run(
    `CREATE TABLE ${stage} (${types.map((type, i) => `c${i} ${type.toString()}`).join(', ')})`,
  );
  const appender = await connection.createAppender(stage);
  let appending = true;
  /** Filled and emptied again and again. */
  const chunk = DuckDBDataChunk.create(types);

  const seqs = new Uint32Array(chunkRows * 2);
  const updateds = new Int32Array(chunkRows * 2);
  const deleteds = new Uint8Array(chunkRows);
  const userIds = withUser ? textCells(chunkRows) : undefined;
  const rowIds = withRowId ? new Int32Array(chunkRows * 2) : undefined;
  const fileNumbers = new Int32Array(chunkRows);

  const files: OpenFile[] = [];
  let file: OpenFile | undefined;
  let user = Buffer.alloc(0);
  /** The row of the chunk that has the file's user id. */
  let userRow = -1;
  let at = 0;
  let rows = 0;

  const flushChunk = (): void => {
    if (at === 0) return;
    chunk.rowCount = at;
    columns.write(chunk, at);
    let column = columns.types.length;
    const numbers = (items: Uint32Array | Int32Array | Uint8Array, itemBytes: number): void =>
      writeNumbers(
        chunk,
        column++,
        new Uint8Array(items.buffer, items.byteOffset, items.byteLength),
        at * itemBytes,
      );
    numbers(seqs, 8);
    numbers(updateds, 8);
    numbers(deleteds, 1);
    if (userIds !== undefined) writeStrings(chunk, column++, userIds.cells, at, userIds.takeHeap());
    if (rowIds !== undefined) numbers(rowIds, 8);
    numbers(fileNumbers, 4);
    appender.appendDataChunk(chunk);
    chunk.reset();
    at = 0;
    userRow = -1;
  };

  const endAppending = (): void => {
    if (!appending) return;
    appending = false;
    appender.closeSync();
  };

  const drop = async (): Promise<void> => {
    try {
      endAppending();
      await connection.run(`DROP TABLE IF EXISTS ${stage}`);
    } finally {
      duckdb.release(connection);
    }
  };

  const entryOf = (
    { bloom, minKey, maxKey, ...open }: OpenFile,
    { place: { tablespaceId }, fileId, path }: FileTarget,
    sealed: { readonly checksum: string; readonly bytes: number },
    statistics: ManifestEntry['statistics'],
  ): FinishedFile => ({
    entry: {
      ...open,
      ...sealed,
      fileId,
      tableId: table.tableId,
      path,
      ...(tablespaceId === undefined ? {} : { tablespaceId }),
      schemaVersion: table.schemaVersion,
      statistics,
      minKey: minKey!.subarray(tablePrefixBytes),
      maxKey: maxKey!.subarray(tablePrefixBytes),
    },
    bloom: bloom.finish(),
  });

  return {
    get rows() {
      return rows;
    },
    get files() {
      return files.length;
    },
    get fileRows() {
      return file?.rows ?? 0;
    },
    begin(userId) {
      file = {
        userId,
        bloom: bloomBuilder(),
        rows: 0,
        deletedRows: 0,
        minSeq: Infinity,
        maxSeq: 0,
        minKey: undefined,
        maxKey: undefined,
      };
      files.push(file);
      if (withUser) user = Buffer.from(userId, 'utf8');
      userRow = -1;
    },
    add(tuple, seq, key) {
      assert(file !== undefined, 'a file has begun');
      if (!columns.put(tuple, at)) return false;
      seqs[at * 2] = seq;
      seqs[at * 2 + 1] = seq / 0x100000000;
      const low =
        ((tuple[10]! | (tuple[11]! << 8) | (tuple[12]! << 16) | (tuple[13]! << 24)) >>> 0) +
        epochLow;
      const high = tuple[14]! | (tuple[15]! << 8) | (tuple[16]! << 16) | (tuple[17]! << 24);
      updateds[at * 2] = low;
      updateds[at * 2 + 1] = high + epochHigh + (low > 0xffffffff ? 1 : 0);
      const deleted = (tupleFlags(tuple) & TupleFlag.deleted) !== 0;
      deleteds[at] = deleted ? 1 : 0;
      if (userIds !== undefined) {
        if (userRow >= 0) userIds.repeat(at, userRow);
        else {
          userIds.put(user, 0, user.length, at);
          userRow = at;
        }
      }
      if (rowIds !== undefined) {
        rowIds[at * 2] = key.readInt32BE(key.length - 4);
        rowIds[at * 2 + 1] = key.readInt32BE(key.length - 8);
      }
      fileNumbers[at] = files.length - 1;
      file.bloom.add(key, tablePrefixBytes);
      file.minKey ??= key;
      file.maxKey = key;
      if (seq < file.minSeq) file.minSeq = seq;
      if (seq > file.maxSeq) file.maxSeq = seq;
      if (deleted) file.deletedRows++;
      file.rows++;
      rows++;
      if (++at === chunkRows) flushChunk();
      return true;
    },
    async finish(targetOf) {
      const sealing: Promise<{ readonly checksum: string; readonly bytes: number }>[] = [];
      try {
        flushChunk();
        endAppending();
        const wanted = await Promise.all(
          files
            .map((one, number) => ({ one, number }))
            .filter(({ one }) => one.rows > 0)
            .map(async (each) => ({ ...each, target: await targetOf(each.one.userId) })),
        );
        const pathOf = ({ place, path }: FileTarget): string => join(place.root, path);
        const folders = new Set(wanted.map(({ target }) => dirname(pathOf(target))));
        if (wanted.length > 0) await makeFolders(wanted[0]!.target.place.root, folders);
        await faults('flush: folder made');
        for (const { number, target } of wanted) {
          const from = files.length === 1 ? stage : `${stage} WHERE ${fileColumn} = ${number}`;
          await connection.run(
            copySql(table, from, `${pathOf(target)}.tmp`, columns.hasNegativeZero()),
          );
          // Its way to the disk goes on beside the next one's making.
          const work = sealFile(pathOf(target), faults);
          work.catch(() => undefined);
          sealing.push(work);
        }
        const statistics = await columnStatistics(connection, table, stage, fileColumn);
        const sealed = await Promise.all(sealing);
        const finished: (FinishedFile | undefined)[] = files.map(() => undefined);
        wanted.forEach(({ one, number, target }, i) => {
          finished[number] = entryOf(one, target, sealed[i]!, statistics.get(number)!);
        });
        return finished;
      } finally {
        await Promise.allSettled(sealing);
        await drop();
      }
    },
    abort: drop,
  };
}
