/**
 * executor: runs plans. `run-plan.ts` picks one of three executors with one meaning: `row/` (closures over rows),
 * `columnar/` (DuckDB) and `postgres/` (PGlite); `dml/` writes. What each can run exactly it says itself (ExecutorSupport).
 */
import { join } from 'node:path';
import type { Duckdb } from '../duckdb/index.ts';
import { openDuckdb } from '../duckdb/index.ts';
import { columnarSupports } from '../planner/shippable/index.ts';
import { splitQuery } from '../planner/split.ts';
import type { ExecutorSupport } from '../planner/plan-select.ts';
import { createColumnar } from './columnar/index.ts';
import type { Fallback } from './fallback.ts';
import { createPostgres, pgliteFallback, postgresSupports } from './postgres/index.ts';
import { rowSupports, runRow, runRowSync } from './row/index.ts';
import type { Executors } from './run-plan.ts';

export interface ExecutorOptions {
  readonly dataDir: string;
  readonly fallback: Fallback;
  readonly duckdbMemoryBytes: number;
  /** 0: one a core. */
  readonly duckdbThreads: number;
}

export function createExecutors(options: ExecutorOptions): {
  readonly executors: Executors;
  readonly support: ExecutorSupport;
  /** Bytes that the columnar executor's DuckDB holds; undefined: it has not been needed yet. */
  readonly columnarMemory: () => Promise<number | undefined>;
  readonly close: () => Promise<void>;
} {
  let opening: Promise<Duckdb> | undefined;
  const duckdb = (): Promise<Duckdb> =>
    (opening ??= openDuckdb({
      memoryBytesMax: options.duckdbMemoryBytes,
      cachesFiles: true,
      ...(options.duckdbThreads === 0 ? {} : { threads: options.duckdbThreads }),
      tempDirectory: join(options.dataDir, 'tmp', 'columnar'),
    }));
  const columnar = createColumnar(duckdb);
  const postgres = createPostgres(pgliteFallback(() => options.fallback.session()));
  return {
    executors: {
      row: runRow,
      rowSync: runRowSync,
      columnar: columnar.run,
      postgres: postgres.run,
    },
    support: {
      row: rowSupports,
      columnar: (query, catalog) => columnarSupports(query, catalog),
      postgres: postgresSupports,
      split: splitQuery,
    },
    columnarMemory: async () => (await opening)?.memoryBytes(),
    close: async () => {
      columnar.close();
      (await opening)?.close();
    },
  };
}
