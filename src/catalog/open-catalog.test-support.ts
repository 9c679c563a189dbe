/** A catalog over a real storage and a PGlite, for tests: what server.ts puts together, without sessions. */
import { rmSync } from 'node:fs';
import { readStoredExpr } from '../analyzer/index.ts';
import { systemClock } from '../base/index.ts';
import type { LockOwner } from '../locks/index.ts';
import { clusterTemplate, openPglite } from '../pglite/index.ts';
import type { PgliteHandle } from '../pglite/index.ts';
import type { Storage, StorageTransaction } from '../storage/types.ts';
import type { Catalog, DdlRequest, DdlTransaction } from './catalog.ts';
import { openCatalog } from './catalog.ts';
import { mirrorSetup } from './setup.ts';
import type { RowValidator } from './validate.ts';

export interface TestCatalog {
  readonly catalog: Catalog;
  mirror(): PgliteHandle;
  /** Rows of a query in the mirror as it is now; within shared() or hold(). */
  rows(sql: string): Promise<(string | null)[][]>;
  close(): Promise<void>;
}

/** With a `dataDir` the mirror outlives its worker. */
export async function openTestCatalog(storage: Storage, dataDir?: string): Promise<TestCatalog> {
  const open = async (): Promise<PgliteHandle> =>
    openPglite({ name: 'analyzer', dataDir, templateTar: await clusterTemplate() });
  let mirror = await open();
  const rows = async (sql: string): Promise<(string | null)[][]> =>
    (await mirror.query(sql, undefined, new Map())).rows.map((row) => [...row]);
  const catalog = await openCatalog({
    storage,
    // Nothing is left behind that these tests look at.
    recordDrop: () => () => undefined,
    recordMove: () => () => undefined,
    locks: storage.locks,
    clock: systemClock,
    mirror: {
      exec: async (sql, settings) => {
        const { command, notices } = await mirror.query(sql, undefined, settings);
        return { tag: command, notices };
      },
      inTransaction: () => mirror.transactionStatus === 'T',
      rows,
    },
    setup: mirrorSetup([]),
    log: { warn: () => undefined },
    readExpr: readStoredExpr,
    mirrorIsNew: true,
    recreateMirror: async () => {
      await mirror.close();
      if (dataDir !== undefined) rmSync(dataDir, { recursive: true, force: true });
      mirror = await open();
    },
    giveUpMirror: (error) => mirror.giveUp(error),
  });
  return { catalog, mirror: () => mirror, rows, close: () => mirror.close() };
}

/** For tables without rows. */
export const noRows: RowValidator = {
  uniqueViolation: () => new Error('no rows') as never,
  nullsPresent: () => new Error('no rows') as never,
  check: () => Promise.resolve(),
  evaluate: () => Promise.resolve(undefined),
  rewriter: () => Promise.resolve(undefined),
  rewriting: (_, work) => work({}),
};

/** A transaction that does nothing but DDL. */
export interface TestTransaction {
  readonly owner: LockOwner;
  readonly ddl: DdlTransaction;
  run(sql: string, more?: Partial<DdlRequest>): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
  readonly storage: StorageTransaction;
}

export async function beginTestDdl(
  { catalog }: TestCatalog,
  storage: Storage,
  processId = 1,
): Promise<TestTransaction> {
  const owner = storage.locks.owner(storage.locks.backend(processId));
  const ddl = await catalog.beginDdl(owner);
  const transaction = storage.begin({ owner, isolation: 'read committed' });
  return {
    owner,
    ddl,
    storage: transaction,
    run: async (sql, more = {}) => {
      transaction.newStatement();
      const request = {
        sql,
        settings: new Map(),
        lockedTables: new Set<number>(),
        locksTables: true,
      };
      await ddl.run({ ...request, ...more }, transaction, noRows);
    },
    commit: async () => {
      await ddl.prepare(transaction);
      await transaction.commit({ sync: false });
      await ddl.committed();
      owner.releaseAll();
      ddl.cleanUp();
    },
    rollback: async () => {
      await transaction.rollback();
      await ddl.rolledBack();
      owner.releaseAll();
    },
  };
}
