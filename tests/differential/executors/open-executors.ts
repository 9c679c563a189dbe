import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualClock } from '../../../src/base/index.ts';
import type { Query } from '../../../src/analyzer/tree.ts';
import { openDuckdb } from '../../../src/duckdb/index.ts';
import { findScans } from '../../../src/planner/scans.ts';
import { normalizeQuery } from '../../../src/planner/normalize.ts';
import { openStorage, sharedScope } from '../../../src/storage/index.ts';
import type { Storage, StorageTransaction } from '../../../src/storage/index.ts';
import { pgType } from '../../../src/types/registry.ts';
import { defaultTypeContext } from '../../../src/types/type.ts';
import type { Row, Value } from '../../../src/types/value.ts';
import { createColumnar } from '../../../src/executor/columnar/index.ts';
import { createPostgres, pgliteFallback } from '../../../src/executor/postgres/index.ts';
import { runRow } from '../../../src/executor/row/index.ts';
import type { ExecutionContext, RowSource, RunSelect } from '../../../src/executor/types.ts';
import type { Mirror } from './mirror.ts';
import { openMirror, testStatement } from './mirror.ts';

/** Both printing executors over a storage that holds the mirror's rows. */
export interface TestExecutors {
  readonly mirror: Mirror;
  readonly storage: Storage;
  readonly columnar: RunSelect;
  readonly postgres: RunSelect;
  readonly row: RunSelect;
  /** A transaction of its own unless given. */
  run(
    executor: RunSelect,
    query: Query,
    text: string,
    options?: RunOptions,
  ): Promise<(string | null)[][]>;
  /** Appends the rows themselves. */
  collect(
    executor: RunSelect,
    query: Query,
    text: string,
    transaction: StorageTransaction,
    into: Row[],
  ): Promise<void>;
  /** The statement as the planner hands it on. */
  analyze(text: string, paramTypes?: readonly number[]): Promise<Query>;
  close(): Promise<void>;
}

export interface RunOptions {
  readonly params?: readonly Value[];
  readonly paramTypes?: readonly number[];
  readonly transaction?: StorageTransaction;
  readonly sources?: ReadonlyMap<string, RowSource>;
  readonly statement?: Partial<ExecutionContext['statement']>;
  readonly signal?: AbortSignal;
}

export async function openExecutors(schema: string): Promise<TestExecutors> {
  const mirror = await openMirror(schema);
  const dataDir = await mkdtemp(join(tmpdir(), 'pgtide-print-'));
  const storage = await openStorage({ dataDir, clock: manualClock(1_000_000n) });
  for (const table of mirror.catalog.tables) {
    const { stored } = table;
    const { rows } = await mirror.handle.query(
      `SELECT * FROM ${stored.namespace}.${stored.name}`,
      [],
    );
    const transaction = storage.begin();
    transaction.newStatement();
    const values = rows.map((row) =>
      row.map((value, at): Value => {
        const { typeOid, typmod } = stored.columns[at]!;
        return value === null ? null : pgType(typeOid)!.parse(value, typmod, defaultTypeContext);
      }),
    );
    await transaction.insertMany(stored, '', values);
    await transaction.commit({ sync: false });
  }
  const duckdb = await openDuckdb();
  const columnar = createColumnar(async () => duckdb);
  const postgres = createPostgres(pgliteFallback(async () => mirror.handle));
  const contextOf = (
    query: Query,
    text: string,
    transaction: StorageTransaction,
    options: RunOptions,
  ): ExecutionContext => ({
    statement: { ...testStatement, ...options.statement },
    catalog: mirror.catalog,
    storage,
    transaction,
    scans: findScans(query, mirror.catalog),
    params: options.params ?? [],
    paramTypes: options.paramTypes ?? [],
    sources: options.sources ?? new Map(),
    signal: options.signal ?? new AbortController().signal,
    scanReports: [],
    text,
  });
  return {
    mirror,
    storage,
    columnar: columnar.run,
    postgres: postgres.run,
    row: runRow,
    async analyze(text, paramTypes) {
      return normalizeQuery(await mirror.analyze(text, paramTypes), mirror.catalog);
    },
    async collect(executor, query, text, transaction, into) {
      const context = contextOf(query, text, transaction, {});
      for await (const batch of executor(query, context)) into.push(...batch);
    },
    async run(executor, query, text, options = {}) {
      const transaction = options.transaction ?? storage.begin();
      if (!options.transaction) transaction.newStatement();
      const context = contextOf(query, text, transaction, options);
      const types = query.targetList
        .filter((target) => !target.junk)
        .map((target) => target.expr.typeOid);
      const out: (string | null)[][] = [];
      try {
        for await (const batch of executor(query, context)) {
          for (const row of batch) {
            out.push(
              row.map((value, at) =>
                value === null
                  ? null
                  : (pgType(types[at]!)?.format(value, defaultTypeContext) ?? (value as string)),
              ),
            );
          }
        }
      } finally {
        if (!options.transaction) await transaction.rollback();
      }
      return out;
    },
    async close() {
      columnar.close();
      await storage.close();
      duckdb.close();
      await mirror.handle.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** All rows of a table, to be changed by tests. */
export async function storedRows(
  { storage }: TestExecutors,
  table: Parameters<StorageTransaction['scan']>[0],
): Promise<{ transaction: StorageTransaction; rows: Awaited<ReturnType<typeof collect>> }> {
  const transaction = storage.begin();
  transaction.newStatement();
  return { transaction, rows: await collect(transaction, table) };
}

async function collect(
  transaction: StorageTransaction,
  table: Parameters<StorageTransaction['scan']>[0],
): Promise<import('../../../src/storage/index.ts').StoredRow[]> {
  const rows: import('../../../src/storage/index.ts').StoredRow[] = [];
  for await (const batch of transaction.scan(table, { scope: sharedScope })) rows.push(...batch);
  return rows;
}
