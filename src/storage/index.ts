/**
 * storage: where rows live.
 *
 * Layers, from below: `hot/` is an ordered key-value store (LevelDB, or memory in tests); `keys/` and `tuple/` say what its keys
 * and values look like; `txn/` holds a transaction's overlay, checks it and commits it through one sequencer; `cold/` writes and
 * reads Parquet files; `tiered/` joins both into one table and moves rows from hot to cold (flush). Nothing here knows SQL: rows
 * come and go as arrays of values, tables as StoredTable (types.ts).
 *
 * Life: `openStorage` claims the data folder, opens the hot store, loads counters, sequences, table records and unfinished
 * bulk transactions, removes what a crash left over (orphan files, uncommitted bulk rows, half-done clean-ups), and returns.
 * `close` waits for commits and background work.
 *
 * Debugging: every key starts with a byte from keys/keyspace.ts, then the table id; `tupleSeq` and `tupleFlags` (tuple/header.ts)
 * read a value's head; records are JSON after four bytes of checksum. After a failed write `sequencer.failure` says why nothing
 * is accepted. The crash steps of a flush have names (`faults` option), at which tests stop it.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, RandomBytes } from '../base/index.ts';
import { systemRandom } from '../base/index.ts';
import { filesDuckdb } from './cold/duck.ts';
import { createPlaces } from './cold/places.ts';
import { noFaults } from './engine.ts';
import type { Faults, StorageLog } from './engine.ts';
import { openLevelStore } from './hot/level-store.ts';
import type { HotStore } from './hot/types.ts';
import { claimDataFolder, syncFolder } from './open/data-folder.ts';
import { openEngine } from './open/engine.ts';
import type { FolderLock } from './open/folder-lock.ts';
import { lockDataFolder } from './open/folder-lock.ts';
import { loadTableStates } from './open/load.ts';
import { createLocations } from './open/locations.ts';
import { makeStorage } from './open/storage.ts';
import { sweepOrphans } from './open/sweep.ts';
import { createColdTier } from './tiered/cold-tier.ts';
import { flushHost } from './tiered/flush-host.ts';
import { removeBulk } from './txn/bulk.ts';
import type { Storage } from './types.ts';

export * from './types.ts';
export type { Faults, StorageLog } from './engine.ts';
export type { HotBatch, HotStore } from './hot/types.ts';
export { claimDataFolder } from './open/data-folder.ts';
export { probeDataFolder } from './open/probe.ts';
export { lockDataFolder } from './open/folder-lock.ts';
export { restore } from './backup/restore.ts';
export { verifyDataFolder } from './verify/verify.ts';
export { userOfRowKey } from './keys/scope.ts';
export { lockedTable } from './locked-table.ts';
export type { FolderLock } from './open/folder-lock.ts';
export { parseLocation as checkLocation } from './cold/location.ts';
export { UniqueConflictError } from './txn/errors.ts';

export interface OpenStorageOptions {
  /** Created when absent. */
  readonly dataDir: string;
  readonly clock: Clock;
  readonly log?: StorageLog;
  readonly options?: {
    /** LevelDB's block cache. */
    readonly hotCacheBytes?: number;
    /** After how many bytes the hot store goes on to a new log; for tests. */
    readonly hotLogBytesMax?: number;
    /** A hot store to use instead of LevelDB in the data folder, for tests. */
    readonly hotStore?: HotStore;
    /** Puts something around the hot store, for tests. */
    readonly wrapStore?: (store: HotStore) => HotStore;
    /** What the DuckDB that writes and reads files may hold in memory. */
    readonly duckdbMemoryBytes?: number;
    /** What the DuckDB that merges files may hold in memory, beside that. */
    readonly compactionMemoryBytes?: number;
    /** For names that nobody else gives; default: the system's. */
    readonly random?: RandomBytes;
    /** Hot rows up to which a flush does without a thread of its own. */
    readonly flushInlineRows?: number;
    /** Larger tables are flushed by two threads; for tests. */
    readonly flushPartedBytes?: number;
    /** Called at each named step of opening, a flush or a clean-up; for tests. */
    readonly faults?: Faults;
    /** The data folder's lock when the caller has it already, and keeps it. Default: taken here, released by close. */
    readonly lock?: FolderLock;
  };
}

/** Default of duckdbMemoryBytes. */
const duckdbMemoryBytes = 1024 * 1024 * 1024;
/** Default of compactionMemoryBytes. */
const compactionMemoryBytes = 512 * 1024 * 1024;

const silentLog: StorageLog = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Opens the storage in a data folder. Errors: see claimDataFolder, lockDataFolder and openLevelStore. */
export async function openStorage(settings: OpenStorageOptions): Promise<Storage> {
  const { dataDir, options = {} } = settings;
  await claimDataFolder(dataDir);
  if (options.lock !== undefined) return await openLocked(settings, undefined);
  const lock = await lockDataFolder(dataDir);
  try {
    return await openLocked(settings, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openLocked(
  { dataDir, clock, log = silentLog, options = {} }: OpenStorageOptions,
  lock: FolderLock | undefined,
): Promise<Storage> {
  const coldRoot = join(dataDir, 'cold');
  await mkdir(coldRoot, { recursive: true });
  const { wrapStore = (opened) => opened, faults = noFaults } = options;
  await faults('open: folder claimed');
  const store = wrapStore(
    options.hotStore ??
      (await openLevelStore(join(dataDir, 'hot'), {
        log,
        ...(options.hotCacheBytes === undefined ? {} : { cacheBytes: options.hotCacheBytes }),
        ...(options.hotLogBytesMax === undefined ? {} : { logBytesMax: options.hotLogBytesMax }),
      })),
  );
  try {
    // The names of the folders just made.
    await syncFolder(dataDir);
    const memoryBytes = options.duckdbMemoryBytes ?? duckdbMemoryBytes;
    const duckdb = filesDuckdb(join(dataDir, 'tmp'), memoryBytes);
    const parts = await openEngine(store, (engine) => createColdTier(engine, duckdb.open), {
      clock,
      log,
      faults,
      places: createPlaces(coldRoot),
    });
    const { engine } = parts;
    const { cleaning, moving } = await loadTableStates(store, engine.tableState);
    for (const [bulkId, record] of engine.bulks)
      if (record.committed === null) await removeBulk(engine, bulkId);
    await faults('open: before sweep');
    const locations = createLocations(engine, dataDir, options.random ?? systemRandom);
    await sweepOrphans(engine, coldRoot, await locations.open());
    await faults('open: swept');
    const compactionBytes = options.compactionMemoryBytes ?? compactionMemoryBytes;
    const flushing = flushHost(engine, duckdb, {
      inlineRows: options.flushInlineRows,
      partedBytes: options.flushPartedBytes,
      tempDirectory: join(dataDir, 'tmp', 'flush'),
      memoryBytes,
    });
    const storage = makeStorage(parts, coldRoot, duckdb, flushing, lock, locations, {
      duckdb: filesDuckdb(join(dataDir, 'tmp', 'compaction'), compactionBytes),
      memoryBytes: compactionBytes,
    });
    storage.resume(cleaning, moving);
    return storage;
  } catch (error) {
    await store.close();
    throw error;
  }
}
