/**
 * duckdb: the one DuckDB instance of the process. The only folder that imports @duckdb/node-api.
 *
 * Lifecycle: openDuckdb() makes an instance in memory; whoever needs a connection borrows one and gives it back (temporary
 * tables of a borrowed connection must be dropped before). close() ends them all. DuckDB's work runs on its own threads.
 *
 * To debug: `connection.runAndReadAll('EXPLAIN ANALYZE …')`.
 */
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { assert } from '../base/index.ts';

export {
  BIGINT,
  BLOB,
  BOOLEAN,
  DATE,
  DOUBLE,
  DuckDBBlobValue,
  DuckDBDataChunk,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBTimeValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTypeId,
  DuckDBUUIDValue,
  FLOAT,
  INTEGER,
  LIST,
  SMALLINT,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
  UINTEGER,
  VARCHAR,
} from '@duckdb/node-api';
export {
  cellBytesMax,
  cellWords,
  writeNumbers,
  writeStrings,
  writeValidity,
} from './raw-vectors.ts';
export type {
  DuckDBConnection,
  DuckDBResult,
  DuckDBType,
  DuckDBValue,
  DuckDBVector,
} from '@duckdb/node-api';

export interface DuckdbOptions {
  /** Bytes that DuckDB may hold before it spills to `tempDirectory`; default: its own (80 % of the machine). */
  readonly memoryBytesMax?: number;
  readonly threads?: number;
  /** Where it spills; undefined: nowhere, what does not fit fails. */
  readonly tempDirectory?: string;
  /**
   * Whether what was read of files stays in memory as far as it has room, for who reads them again. DuckDB keeps some 14 KiB of each
   * file for good, gone ones included.
   */
  readonly cachesFiles?: boolean;
  /** Whether COPY and scans without ORDER BY keep the order of their source; default: not, which is faster. */
  readonly keepsOrder?: boolean;
}

export interface Duckdb {
  /** A connection of one's own until it is released. */
  acquire(): Promise<DuckDBConnection>;
  release(connection: DuckDBConnection): void;
  /** Bytes that it holds in memory. */
  memoryBytes(): Promise<number>;
  close(): void;
}

/** Connections kept open for the next borrower. */
const idleConnectionsMax = 8;

export async function openDuckdb(options: DuckdbOptions = {}): Promise<Duckdb> {
  const settings: Record<string, string> = {
    // Nothing is fetched from the network; what we use is compiled in.
    autoinstall_known_extensions: 'false',
    ...(options.memoryBytesMax === undefined
      ? {}
      : { memory_limit: `${Math.floor(options.memoryBytesMax / 1e6)}MB` }),
    ...(options.threads === undefined ? {} : { threads: String(options.threads) }),
    ...(options.tempDirectory === undefined ? {} : { temp_directory: options.tempDirectory }),
  };
  const instance = await DuckDBInstance.create(':memory:', settings);
  const idle: DuckDBConnection[] = [];
  const borrowed = new Set<DuckDBConnection>();
  let closed = false;
  const first = await instance.connect();
  // Casts to and from timestamptz go by UTC; order of rows is only what ORDER BY says, as in PostgreSQL.
  await first.run(`SET GLOBAL TimeZone = 'UTC'`);
  await first.run(`SET GLOBAL preserve_insertion_order = ${options.keepsOrder === true}`);
  await first.run(`SET GLOBAL enable_external_file_cache = ${options.cachesFiles === true}`);
  idle.push(first);
  const self: Duckdb = {
    async acquire() {
      assert(!closed, 'DuckDB is open while it is used');
      const connection = idle.pop() ?? (await instance.connect());
      borrowed.add(connection);
      return connection;
    },
    release(connection) {
      assert(borrowed.delete(connection), 'a connection is given back once');
      if (closed || idle.length >= idleConnectionsMax) connection.closeSync();
      else idle.push(connection);
    },
    async memoryBytes() {
      const connection = await self.acquire();
      try {
        const result = await connection.runAndReadAll(
          'SELECT sum(memory_usage_bytes)::DOUBLE FROM duckdb_memory()',
        );
        return Number(result.getRows()[0]?.[0] ?? 0);
      } finally {
        self.release(connection);
      }
    },
    close() {
      closed = true;
      for (const connection of idle.splice(0)) connection.closeSync();
      if (borrowed.size === 0) instance.closeSync();
    },
  };
  return self;
}
