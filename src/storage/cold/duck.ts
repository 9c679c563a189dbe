import { openDuckdb } from '../../duckdb/index.ts';
import type { Duckdb } from '../../duckdb/index.ts';

export type { Duckdb, DuckDBConnection, DuckDBVector } from '../../duckdb/index.ts';

/** The DuckDB that writes and reads files; opened when first needed. */
export interface FilesDuckdb {
  open(): Promise<Duckdb>;
  /** Undefined: it is not open. */
  memoryBytes(): Promise<number | undefined>;
  close(): Promise<void>;
}

/** Apart from the executor's, as it keeps the order of rows: files are sorted by key. */
export function filesDuckdb(
  tempDirectory: string,
  memoryBytesMax: number,
  threads?: number,
): FilesDuckdb {
  let opening: Promise<Duckdb> | undefined;
  return {
    open: () =>
      (opening ??= openDuckdb({
        keepsOrder: true,
        tempDirectory,
        memoryBytesMax,
        ...(threads === undefined ? {} : { threads }),
      })),
    memoryBytes: async () => (await opening)?.memoryBytes(),
    close: async () => (await opening)?.close(),
  };
}
