import { Level } from 'level';
import { PgError, SqlState } from '../../base/index.ts';
import { syncFolder } from '../open/data-folder.ts';
import { checkFolder } from './check/folder.ts';
import { writeStopRecord } from './check/stop-record.ts';
import type { TableChecks } from './check/table-checks.ts';
import { holdTables } from './check/table-checks.ts';
import { createLevel } from './level-create.ts';
import { cutLogs, tailMarkKey } from './level-recovery.ts';
import { startNewLog } from './level-rotation.ts';
import type { HotBatch, HotCursor, HotRange, HotSnapshot, HotStore } from './types.ts';
import { PreconditionFailed } from './types.ts';

/** LevelDB's cache of uncompressed blocks. */
export const levelCacheBytes = 64 * 1024 * 1024;
/** Keys and values in one log file, and so in one memtable; two may exist at a time. */
export const levelLogBytesMax = 32 * 1024 * 1024;
/**
 * LevelDB's own bound of a memtable, which must never be reached: it would go on to a new log without syncing the old one or the
 * folder's entry of the new one. `startNewLog` does it in time, and in the right order.
 */
const levelWriteBufferBytes = 1024 * 1024 * 1024;
/** How much one read of an iterator may prefetch. */
export const levelReadAheadBytes = 1024 * 1024;

type Database = Level<Buffer, Buffer>;
type LevelSnapshot = ReturnType<Database['snapshot']>;

/** What `level`'s types leave out of classic-level. */
interface Sized {
  approximateSize(from: Uint8Array, to: Uint8Array): Promise<number>;
  compactRange(from: Uint8Array, to: Uint8Array): Promise<void>;
  getProperty(name: string): string;
}

interface OpenSnapshot extends HotSnapshot {
  readonly level: LevelSnapshot;
}

function levelSnapshot(snapshot: HotSnapshot | undefined): LevelSnapshot | undefined {
  return (snapshot as OpenSnapshot | undefined)?.level;
}

/** Told of what opening has to repair, and of damage that is found later. */
export interface LevelLog {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * Opens (or creates) the LevelDB database in `folder`; nobody else may have it open (see level-lock.ts).
 * Errors: 55006 when another process has it open, XX001 when one of its files is damaged (of a log where it had been synced),
 * 58030 otherwise. Reads are XX001 when a table that they would touch is damaged.
 */
export async function openLevelStore(
  folder: string,
  options: {
    readonly cacheBytes?: number;
    readonly log?: LevelLog;
    /** Default: levelLogBytesMax; for tests. */
    readonly logBytesMax?: number;
  } = {},
): Promise<HotStore> {
  try {
    await createLevel(folder);
  } catch (error) {
    throw openError(folder, error);
  }
  const tables = await checkFolder(folder);
  await cutLogs(folder, options.log);
  const checks = holdTables(folder, tables);
  const db: Database = new Level<Buffer, Buffer>(folder, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    cacheSize: options.cacheBytes ?? levelCacheBytes,
    writeBufferSize: levelWriteBufferBytes,
    maxFileSize: 8 * 1024 * 1024,
    // See level-reader.ts.
    multithreading: true,
  });
  try {
    await db.open();
    // The new log and what CURRENT names are durable only now: LevelDB does not sync its folder after its last rename.
    await syncFolder(folder);
  } catch (error) {
    await checks.close();
    await db.close().catch(() => undefined);
    throw openError(folder, error);
  }
  checks.start((damage) => options.log?.error({ err: damage }, damage.message));
  return levelStore(db, folder, checks, options.logBytesMax ?? levelLogBytesMax);
}

function openError(folder: string, error: unknown): PgError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const text = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'LEVEL_LOCKED')
    return new PgError(
      SqlState.objectInUse,
      `data folder "${folder}" is in use by another process`,
      {
        severity: 'FATAL',
        hint: 'Stop the other server, or start this one with another data folder.',
      },
    );
  return new PgError(SqlState.ioError, `could not open the hot store in "${folder}": ${text}`, {
    severity: 'FATAL',
  });
}

/** An error of a read, as everyone else is told of it. */
function readError(folder: string, error: unknown): unknown {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (!(cause instanceof Error) || typeof code !== 'string') return error;
  if (code === 'LEVEL_CORRUPTION')
    return new PgError(
      SqlState.dataCorrupted,
      `the hot store in "${folder}" is corrupted: ${cause.message}`,
    );
  if (code === 'LEVEL_IO_ERROR')
    return new PgError(
      SqlState.ioError,
      `could not read the hot store in "${folder}": ${cause.message}`,
    );
  return error;
}

function levelStore(
  db: Database,
  folder: string,
  checks: TableChecks,
  logBytesMax: number,
): HotStore {
  const listeners = new Set<(keys: readonly Uint8Array[]) => void>();
  // Writes are queued here, so that preconditions see every earlier batch.
  let tail: Promise<void> = Promise.resolve();
  let queued = 0;
  /** Bytes written to the present log. */
  let logBytes = 0;
  /** Whether the log ends with batches that are not synced. */
  let unsynced = false;
  /** A write has failed: what the files hold is not known any more. */
  let failed = false;
  /** The compaction of the last log but one, which LevelDB does beside later writes. */
  let compaction: Promise<unknown> = Promise.resolve();

  const syncLog = async (): Promise<void> => {
    await db
      .batch()
      .del(tailMarkKey)
      .write({ sync: true } as Record<string, unknown>);
    unsynced = false;
  };

  /** Syncs the log, then has LevelDB go on to a new one whose name is durable before anything counts on it. */
  const nextLog = async (
    from: Uint8Array = tailMarkKey,
    to: Uint8Array = tailMarkKey,
  ): Promise<void> => {
    if (unsynced) await syncLog();
    const { compacted } = await startNewLog(folder, () =>
      (db as unknown as Sized).compactRange(from, to),
    );
    compaction = compacted;
    logBytes = 0;
  };

  return {
    async get(key, snapshot) {
      checks.requireKey(key);
      try {
        return await db.get(key as Buffer, { snapshot: levelSnapshot(snapshot) });
      } catch (error) {
        throw readError(folder, error);
      }
    },
    getSync(key, snapshot) {
      checks.requireKey(key);
      try {
        return db.getSync(
          key as Buffer,
          snapshot === undefined
            ? getOptions
            : { ...getOptions, snapshot: levelSnapshot(snapshot) },
        );
      } catch (error) {
        throw readError(folder, error);
      }
    },
    scan: (range) => levelCursor(db, folder, checks, range),
    batch: () => levelBatch(),
    snapshot() {
      const level = db.snapshot();
      let open = true;
      const snapshot: OpenSnapshot = {
        level,
        release() {
          if (!open) return;
          open = false;
          void level.close();
        },
      };
      return snapshot;
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    approximateBytes: (from, to) => (db as unknown as Sized).approximateSize(from, to),
    async compactRange(from, to) {
      // LevelDB writes a memtable with all that was ever in it, and merges only tables that overlap: what is in memory becomes a table, then
      // comes one that reaches across the whole range.
      await inTurn(() => nextLog());
      await compaction;
      await Promise.all([touch(from), touch(to)]);
      await inTurn(() => nextLog(from, to));
      await compaction;
    },
    memoryBytes: () =>
      Number((db as unknown as Sized).getProperty('leveldb.approximate-memory-usage')),
    shared: {
      folder,
      async requireRange(from, to) {
        await checks.requireRange(from, to);
      },
    },
    async close() {
      await tail.catch(() => undefined);
      await compaction;
      await checks.close();
      // What the record below vouches for must be on disk.
      if (unsynced && !failed) await syncLog();
      await db.close();
      if (!failed) await writeStopRecord(folder);
    },
  };

  /** After the batches handed in before. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const result = queued === 0 ? work() : tail.then(work);
    queued++;
    tail = result.then(
      () => void queued--,
      () => void queued--,
    );
    return result;
  }

  /** Has the memtable hold a key, which stays as it is. */
  async function touch(key: Uint8Array): Promise<void> {
    const value = db.getSync(key as Buffer, getOptions);
    const batch = levelBatch();
    batch.require(key, value);
    if (value === undefined) batch.delete(key);
    else batch.put(key, value);
    try {
      await batch.write({ sync: false });
    } catch (error) {
      // Then someone else has just written it.
      if (!(error instanceof PreconditionFailed)) throw error;
    }
  }

  function levelBatch(): HotBatch {
    const chained = db.batch();
    const required: [Uint8Array, Uint8Array | undefined][] = [];
    const keys: Uint8Array[] | undefined = listeners.size > 0 ? [] : undefined;
    let operations = 0;
    let bytes = 0;
    const write = async (sync: boolean): Promise<void> => {
      if (logBytes > logBytesMax) await nextLog();
      for (const [key, value] of required) {
        const found = db.getSync(key as Buffer);
        if (value === undefined ? found !== undefined : found?.equals(value) !== true) {
          await chained.close();
          throw new PreconditionFailed(key);
        }
      }
      // Last of the batch, where level-recovery.ts looks for it.
      if (unsynced) chained.del(tailMarkKey);
      logBytes += bytes;
      if (!sync) unsynced = true;
      // classic-level takes `sync` here; abstract-level's type does not know it.
      try {
        await chained.write({ sync } as Record<string, unknown>);
      } catch (error) {
        failed = true;
        throw error;
      }
      if (sync) unsynced = false;
      if (keys !== undefined) for (const listener of listeners) listener(keys);
    };
    return {
      put(key, value) {
        chained.put(key as Buffer, value as Buffer);
        keys?.push(Buffer.from(key));
        operations++;
        bytes += key.length + value.length + entryBytes;
      },
      delete(key) {
        chained.del(key as Buffer);
        keys?.push(key);
        operations++;
        bytes += key.length + entryBytes;
      },
      require: (key, value) => void required.push([key, value]),
      get operations() {
        return operations;
      },
      write: ({ sync }) => inTurn(() => write(sync)),
    };
  }
}

/** What LevelDB's memtable holds of an entry beside key and value, about. */
const entryBytes = 40;

const getOptions = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;

function levelCursor(
  db: Database,
  folder: string,
  checks: TableChecks,
  range: HotRange,
): HotCursor {
  const iterator = db.iterator({
    gte: range.from as Buffer,
    lt: range.to as Buffer,
    reverse: range.reverse ?? false,
    values: range.values ?? true,
    limit: range.limit ?? -1,
    // A scan passes once over much data; it must not push out the blocks that point reads need.
    fillCache: range.limit !== undefined,
    highWaterMarkBytes: levelReadAheadBytes,
    ...(range.snapshot === undefined ? {} : { snapshot: levelSnapshot(range.snapshot)! }),
  });
  const keysOnly = range.values === false;
  const checked = checks.requireRange(range.from, range.to);
  // Waited for by the first read; a cursor that is never read has nothing to tell.
  checked?.catch(() => undefined);
  return {
    async next(max) {
      if (checked !== undefined) await checked;
      let entries: [Buffer, Buffer][];
      try {
        entries = (await iterator.nextv(max)) as [Buffer, Buffer][];
      } catch (error) {
        throw readError(folder, error);
      }
      if (keysOnly) for (const entry of entries) entry[1] = empty;
      return entries;
    },
    seek: (key) => iterator.seek(key as Buffer),
    close: () => iterator.close(),
  };
}

const empty = Buffer.alloc(0);
