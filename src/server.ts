/**
 * server: puts the layers together. Order of start: the data folder's lock, storage, the mirror, the catalog (reuses or
 * rebuilds the mirror), executors, jobs, and only then the listener. Stop is the reverse: the listener drains first, storage closes last.
 * After a failed write all but lock and listener is closed and opened again (recovery.ts).
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { analyzerParameters, createAnalyzer, readStoredExpr } from './analyzer/index.ts';
import type { Clock } from './base/index.ts';
import {
  snowflakeIds,
  systemClock,
  systemRandom,
  uuidV7s,
  PgError,
  SqlState,
} from './base/index.ts';
import { openAudit } from './audit/index.ts';
import { openCatalog } from './catalog/catalog.ts';
import type { MirrorConnection } from './catalog/mirror.ts';
import { mirrorSetup } from './catalog/setup.ts';
import type { Config } from './config/index.ts';
import { createFallback } from './executor/fallback.ts';
import { createExecutors } from './executor/index.ts';
import { dropParams, openJobs } from './jobs/index.ts';
import { createFlushPolicies } from './jobs/policy/index.ts';
import { createUpkeep } from './jobs/upkeep/index.ts';
import { createLiveQueries } from './live/index.ts';
import type { Listener } from './net/index.ts';
import { createListener } from './net/index.ts';
import { startRecoverable } from './recovery/recovery.ts';
import type { Backend } from './recovery/recovery.ts';
import type { PgliteHandle } from './pglite/index.ts';
import { PgliteDirectoryError, clusterTemplate, openPglite } from './pglite/index.ts';
import type { Activity } from './session/activity.ts';
import { countedExecutors, createActivity } from './session/activity.ts';
import type { Engine } from './session/engine.ts';
import { sessionHandler } from './session/open.ts';
import { createSessionRegistry } from './session/registry.ts';
import type { SessionRegistry } from './session/registry.ts';
import type { Faults, HotStore } from './storage/index.ts';
import { claimDataFolder, lockDataFolder, openStorage, probeDataFolder } from './storage/index.ts';
import type { FolderLock } from './storage/index.ts';
import { createDiskUsage } from './system/disk.ts';
import { createTableFigures } from './system/figures.ts';
import { measureProcess } from './system/process.ts';
import type { ProcessMeter } from './system/process.ts';
import { systemRelations, virtualRows } from './system/index.ts';

export interface Server {
  readonly host: string;
  readonly port: number;
  /** Drains: statements in flight may end, then everything closes. */
  stop(): Promise<void>;
}

/** Where tests reach into a server. */
export interface ServerHooks {
  /** Awaited at each named step of storage and around each statement that changes the mirror. */
  readonly faults?: Faults;
  /** Puts something of theirs around the hot store. */
  readonly wrapStore?: (store: HotStore) => HotStore;
  /** See OpenStorageOptions. */
  readonly flushInlineRows?: number;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Told what all sessions share, at the start and after each recovery. */
  readonly onEngine?: (engine: Engine) => void;
}

const dayMicros = 86_400_000_000n;

/** The one database's OID: initdb gives it to `postgres`, in PGlite too (pg_database.dat). */
const databaseOid = 5;

/** Opens the mirror's PGlite, making it anew when its folder can't be used: it is a cache. */
async function openMirror(
  dataDir: string,
  log: Logger,
  onFailed: (error: Error) => void,
): Promise<PgliteHandle> {
  const directory = join(dataDir, 'mirror');
  const open = async (): Promise<PgliteHandle> =>
    openPglite({
      name: 'analyzer',
      dataDir: directory,
      templateTar: await clusterTemplate(),
      parameters: analyzerParameters,
      onFailed,
    });
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof PgliteDirectoryError)) throw error;
    log.warn({ reason: error.message }, 'the mirror is made anew');
    await rm(directory, { recursive: true, force: true });
    return open();
  }
}

function mirrorConnection(handle: () => PgliteHandle, faults: Faults): MirrorConnection {
  const noSettings: ReadonlyMap<string, string> = new Map();
  return {
    exec: async (sql, settings) => {
      const step = sql === 'commit' ? 'mirror commit' : 'mirror statement';
      await faults(`${step}: before`);
      const { command, notices } = await handle().query(sql, undefined, settings);
      await faults(`${step}: done`);
      return { tag: command, notices: notices.filter((notice) => notice.severity !== 'LOG') };
    },
    inTransaction: () => handle().transactionStatus === 'T',
    rows: async (sql) => [...(await handle().query(sql, undefined, noSettings)).rows],
  };
}

/** What outlives a recovery. */
interface Lasting {
  readonly lock: FolderLock;
  readonly sessions: SessionRegistry;
  readonly ids: Pick<Engine, 'snowflakeId' | 'uuidV7'>;
  readonly activity: Activity;
  readonly meter: ProcessMeter['figures'];
}

/** Opens all that stands on the storage, in the order above. */
async function openBackend(
  config: Config,
  log: Logger,
  hooks: ServerHooks,
  { lock, sessions, ids, activity, meter }: Lasting,
): Promise<Backend> {
  const { faults = () => undefined, clock = systemClock } = hooks;
  const { dataDir } = config;
  const storage = await openStorage({
    dataDir,
    clock,
    log,
    options: {
      hotCacheBytes: config.hotCacheMib * 2 ** 20,
      compactionMemoryBytes: config.compactionMemoryMib * 2 ** 20,
      duckdbMemoryBytes: config.duckdbMemoryMib * 2 ** 20,
      ...hooks,
      lock,
    },
  });
  const closers: (() => Promise<void>)[] = [() => storage.close()];
  const failureListeners: ((failure: PgError) => void)[] = [];
  const mirrorFailed = (error: Error): void => {
    const why = `the mirror of the catalog can not be started again: ${error.message}`;
    for (const listener of failureListeners) listener(new PgError(SqlState.ioError, why));
  };
  try {
    let mirror = await openMirror(dataDir, log, mirrorFailed);
    closers.push(() => mirror.close());
    const setup = mirrorSetup(systemRelations);
    const jobs = await openJobs({
      storage,
      clock,
      log,
      nodeId: config.nodeId,
      jobsMax: config.maxJobs,
      retentionMicros: BigInt(config.jobRetentionDays) * dayMicros,
    });
    closers.push(() => jobs.close());
    const audit = await openAudit({
      storage,
      clock,
      log,
      retentionDays: config.auditRetentionDays,
    });
    closers.push(() => audit.close());
    const live = createLiveQueries();
    const figures = createTableFigures({ storage, clock, log });
    closers.push(() => figures.close());
    const disk = createDiskUsage({ dataDir, clock, storage });
    const catalog = await openCatalog({
      storage,
      locks: storage.locks,
      clock,
      mirror: mirrorConnection(() => mirror, faults),
      setup,
      log,
      readExpr: readStoredExpr,
      mirrorIsNew: mirror.fresh,
      recordDrop: (transaction, table, owner) => {
        const params = dropParams(table);
        const job = jobs.record(transaction, 'drop', { table, params, requestedBy: owner });
        return () => jobs.launch(job);
      },
      recordMove: (transaction, table, owner) => {
        const job = jobs.record(transaction, 'move', { table, requestedBy: owner });
        return () => jobs.launch(job);
      },
      recreateMirror: async () => {
        // It is removed: what closing it could not write is of no consequence.
        await mirror.close().catch(() => undefined);
        await rm(join(dataDir, 'mirror'), { recursive: true, force: true });
        mirror = await openMirror(dataDir, log, mirrorFailed);
      },
      giveUpMirror: (error) => mirror.giveUp(error),
    });
    storage.locks.nameRelations((tableId) => {
      const table = catalog.current.tables.find(({ stored }) => stored.tableId === tableId);
      return `relation ${table?.relid ?? tableId} of database ${databaseOid}`;
    });
    const fallback = createFallback(catalog, log);
    closers.push(() => fallback.close());
    const {
      executors,
      support,
      columnarMemory,
      close: closeExecutors,
    } = createExecutors({
      dataDir,
      fallback,
      duckdbMemoryBytes: config.duckdbMemoryMib * 2 ** 20,
      duckdbThreads: config.duckdbThreads,
    });
    closers.push(closeExecutors);
    jobs.resume(
      (tableId) => catalog.current.tables.find((table) => table.stored.tableId === tableId)?.stored,
    );
    const policies = createFlushPolicies({ storage, jobs, clock, log });
    closers.push(async () => policies.close());
    policies.follow(catalog.current.tables);
    catalog.onChange(() => policies.follow(catalog.current.tables));
    const upkeep = createUpkeep({ storage, jobs, clock, log });
    closers.push(async () => upkeep.close());
    upkeep.follow(catalog.current.tables);
    catalog.onChange(() => upkeep.follow(catalog.current.tables));
    const engine: Engine = {
      log,
      clock,
      random: systemRandom,
      ...ids,
      storage,
      catalog,
      analyzer: createAnalyzer(
        () => mirror,
        () => catalog.current.version,
      ),
      get mirror() {
        return mirror;
      },
      fallback: () => fallback.session(),
      executors: countedExecutors(executors, activity),
      support,
      virtualRows: virtualRows({
        storage,
        catalog: () => catalog.current,
        mirror: () => ({
          query: (...question) => catalog.shared(() => mirror.query(...question)),
        }),
        jobs,
        sessions,
        live,
        audit,
        activity,
        figures,
        disk,
        process: {
          ...meter,
          get startUpMs() {
            return meter.startUpMs;
          },
          columnarMemory,
        },
        config,
      }),
      jobs,
      sessions,
      live,
      audit,
      activity,
      figures,
      disk,
      logMinDurationStatementMs: config.logMinDurationStatementMs,
      materializeLimitRows: config.materializeLimitRows,
    };
    hooks.onEngine?.(engine);
    return {
      sessions: sessionHandler(engine),
      onFailure: (listener) => {
        storage.onFailure(listener);
        failureListeners.push(listener);
      },
      close: () => closeAll(closers),
    };
  } catch (error) {
    await closeAll(closers).catch((closing: unknown) => log.error({ err: closing }, 'stop failed'));
    throw error;
  }
}

export async function startServer(
  config: Config,
  log: Logger,
  hooks: ServerHooks = {},
): Promise<Server> {
  const { dataDir } = config;
  const { clock = systemClock } = hooks;
  await claimDataFolder(dataDir);
  const lock = await lockDataFolder(dataDir);
  const closers: (() => Promise<void>)[] = [() => lock.release()];
  try {
    const meter = measureProcess(clock);
    closers.push(async () => meter.stop());
    const startMs = clock.monotonicMs();
    const lasting: Lasting = {
      lock,
      sessions: createSessionRegistry(),
      ids: {
        snowflakeId: snowflakeIds(clock, config.nodeId),
        uuidV7: uuidV7s(clock, systemRandom),
      },
      activity: createActivity(),
      meter: meter.figures,
    };
    const listening: { listener?: Listener } = {};
    const recovery = await startRecoverable({
      open: () => openBackend(config, log, hooks, lasting),
      probe: () => probeDataFolder(dataDir),
      endSessions: async (report) => listening.listener?.endSessions(report),
      log,
    });
    closers.push(() => recovery.stop());
    const listener = await createListener({
      host: config.host,
      port: config.port,
      sessions: recovery.sessions,
      log,
      clock,
      connectionsMax: config.maxConnections,
    });
    listening.listener = listener;
    meter.figures.startUpMs = clock.monotonicMs() - startMs;
    const { host, port, stop } = listener;
    closers.push(() => stop({ drainMs: config.drainTimeoutMs }));
    return { host, port, stop: () => closeAll(closers) };
  } catch (error) {
    await closeAll(closers).catch((closing: unknown) => log.error({ err: closing }, 'stop failed'));
    throw error;
  }
}

/** Last opened, first closed; one that fails does not keep the others open. */
async function closeAll(closers: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: Error[] = [];
  for (const close of closers.toReversed()) {
    try {
      await close();
    } catch (error) {
      failures.push(error instanceof Error ? error : new Error(String(error)));
    }
  }
  if (failures[0] !== undefined) throw failures[0];
}
