/**
 * Erases a user: all their rows of all user tables, soft-deleted ones included, in both tiers. One commit hides them all; the job
 * then removes keys and files and looks that none is left. Its result is the receipt.
 */
import { dirname } from 'node:path/posix';
import { PgError, SqlState, pgEpochUnixMicros } from '../../base/index.ts';
import type { Clock } from '../../base/index.ts';
import { decodeTable } from '../../catalog/codec.ts';
import { keys } from '../../catalog/level-records.ts';
import { tableModes } from '../../locks/index.ts';
import type { LockOwner } from '../../locks/index.ts';
import type {
  ManifestFile,
  Storage,
  StorageTransaction,
  StoredTable,
  UserFolder,
} from '../../storage/types.ts';
import { hasEnded } from '../history.ts';
import { decodeJob, jobKeyPrefix } from '../record.ts';
import type { JobContext, JobHandler, Json } from '../types.ts';
import { count } from './words.ts';

/** How long the writers of all user tables may have to wait for one of them; then the job lets them go on and tries again. */
const lockTimeoutMs = 2_000;
const tablePrefix = keys.table(0).slice(0, -12);
const prefix = 'erase/';
const eraseKey = (jobId: bigint): string => `${prefix}${String(jobId).padStart(20, '0')}`;

export function eraseParams(userId: string): Json {
  return { user_id: userId };
}

/** What has been erased of a table. */
interface Erased {
  readonly table: string;
  readonly rows: number;
  readonly files: number;
  readonly bytes: number;
}

/** What an attempt leaves to the next. */
interface EraseRecord {
  readonly startedAt: string;
  readonly tables: readonly Erased[];
  /** Folders that must not have files any more. */
  readonly folders: readonly UserFolder[];
}

const nothing = { tables: [], folders: [] } as const;

function isoTime(clock: Clock): string {
  return new Date(Number((clock.now() + pgEpochUnixMicros) / 1000n)).toISOString();
}

async function userTables(storage: Storage): Promise<StoredTable[]> {
  const entries = await storage.meta(tablePrefix);
  return entries
    .map(([, bytes]) => decodeTable(bytes).stored)
    .filter(({ kind }) => kind === 'user');
}

async function loadRecord(storage: Storage, jobId: bigint): Promise<EraseRecord | undefined> {
  const [entry] = await storage.meta(eraseKey(jobId));
  return entry === undefined
    ? undefined
    : (JSON.parse(Buffer.from(entry[1]).toString()) as EraseRecord);
}

/** Records of jobs whose receipts are in the history. */
async function forgetEnded(storage: Storage, transaction: StorageTransaction): Promise<void> {
  const records = await storage.meta(prefix);
  if (records.length === 0) return;
  const running = (await storage.meta(jobKeyPrefix))
    .map(([key, bytes]) => decodeJob(key, bytes))
    .filter((job) => !hasEnded(job));
  const kept = new Set(running.map(({ jobId }) => eraseKey(jobId)));
  for (const [key] of records) if (!kept.has(key)) transaction.putMeta(key, undefined);
}

/**
 * No transaction that has written to a user table is open any more, and none begins to, as long as the owner holds these: rows
 * that refer to the user's are the same user's, in these tables. @throws 55P03, 40P01
 */
async function lockTables(
  storage: Storage,
  owner: LockOwner,
  tables: readonly StoredTable[],
): Promise<void> {
  for (const { tableId } of tables.toSorted((a, b) => a.tableId - b.tableId))
    await storage.locks.acquire(owner, 'relation', tableId, tableModes.shareRowExclusive);
}

async function figures(
  storage: Storage,
  transaction: StorageTransaction,
  table: StoredTable,
  userId: string,
): Promise<{ readonly erased: Erased; readonly listed: readonly ManifestFile[] }> {
  const listed = (await storage.files(table.tableId)).filter((file) => file.userId === userId);
  const scope = { kind: 'one', userId } as const;
  let rows = 0;
  try {
    const options = { scope, columns: [], includeDeleted: true };
    for await (const batch of transaction.scan(table, options)) rows += batch.length;
  } catch (error) {
    // A damaged file must go, too: what it was written with counts.
    if (!(error instanceof PgError)) throw error;
    rows = listed.reduce((sum, file) => sum + file.rows, 0);
    const options = { scope, columns: [], includeDeleted: true };
    for await (const batch of storage.scanHot(transaction, table, options)) rows += batch.length;
  }
  const bytes = listed.reduce((sum, file) => sum + file.bytes, 0);
  const name = `${table.namespace}.${table.name}`;
  return { erased: { table: name, rows, files: listed.length, bytes }, listed };
}

/** In one commit: hides the rows, and puts down what they were. */
async function hide(
  { storage, job, clock, signal }: JobContext,
  userId: string,
): Promise<{ readonly record: EraseRecord; readonly tables: readonly StoredTable[] }> {
  const backend = storage.locks.backend(0);
  backend.signal = signal;
  backend.lockTimeoutMs = lockTimeoutMs;
  const owner = storage.locks.owner(backend);
  const transaction = storage.begin({ owner });
  try {
    await lockTables(storage, owner, await userTables(storage));
    // A DROP may have been waited for.
    const tables = await userTables(storage);
    const before = (await loadRecord(storage, job.jobId)) ?? {
      ...nothing,
      startedAt: isoTime(clock),
    };
    const erased = new Map(before.tables.map((one) => [one.table, one]));
    const folders = new Map<string, UserFolder>();
    const addFolder = (one: UserFolder): void =>
      void folders.set(`${one.tablespaceId ?? ''} ${one.folder}`, one);
    before.folders.forEach(addFolder);
    transaction.newStatement();
    for (const table of tables) {
      const { erased: now, listed } = await figures(storage, transaction, table, userId);
      await transaction.truncate(table, { kind: 'one', userId });
      const former = erased.get(now.table);
      if (now.rows > 0 || now.files > 0)
        erased.set(now.table, {
          table: now.table,
          rows: now.rows + (former?.rows ?? 0),
          files: now.files + (former?.files ?? 0),
          bytes: now.bytes + (former?.bytes ?? 0),
        });
      for (const { path, tablespaceId } of listed)
        addFolder({
          folder: dirname(path),
          ...(tablespaceId === undefined ? {} : { tablespaceId }),
        });
    }
    const record: EraseRecord = {
      startedAt: before.startedAt,
      tables: [...erased.values()],
      folders: [...folders.values()],
    };
    await forgetEnded(storage, transaction);
    transaction.putMeta(eraseKey(job.jobId), Buffer.from(JSON.stringify(record)));
    await transaction.commit({ sync: true });
    return { record, tables };
  } catch (error) {
    if (!transaction.ended) await transaction.rollback();
    throw error;
  } finally {
    owner.releaseAll();
  }
}

/** Repeatable: what is hidden is hidden, what is gone is not there to be removed, and the figures add up. */
export const eraseHandler: JobHandler = {
  withoutTable: true,
  mustComplete: true,
  attemptsMax: Infinity,
  async run(context) {
    const { storage, job, params, clock, signal, onProgress } = context;
    const { user_id: userId } = params as { readonly user_id: string };
    const { record, tables } = await hide(context, userId);
    let rowsSince = 0;
    let keysLeft = 0;
    for (const [i, table] of tables.entries()) {
      signal.throwIfAborted();
      const left = await storage.forgetUser(table, userId);
      rowsSince += left.rows;
      keysLeft += left.keys;
      onProgress((i + 1) / (tables.length + 1));
    }
    const files = await storage.filesIn(record.folders);
    const listed = (await storage.files()).filter((file) => file.userId === userId);
    const own = new Set(listed.map(({ path }) => path));
    const leftover = files.filter((path) => !own.has(path));
    if (leftover.length > 0)
      throw new PgError(SqlState.ioError, `could not remove file "${leftover[0]}"`, {
        detail: `${count(leftover.length, 'file')} of the erased user could not be removed.`,
      });
    // What this attempt has found stays until the receipt is in the history; where it was goes now.
    const transaction = storage.begin();
    const kept: EraseRecord = { ...record, folders: [] };
    transaction.putMeta(eraseKey(job.jobId), Buffer.from(JSON.stringify(kept)));
    await transaction.commit({ sync: true });
    const sum = (of: (one: Erased) => number): number =>
      record.tables.reduce((total, one) => total + of(one), 0);
    const receipt = {
      user_id: userId,
      started_at: record.startedAt,
      finished_at: isoTime(clock),
      verified_empty: keysLeft === 0 && listed.length === 0,
      rows_written_since: rowsSince,
      tables_searched: tables.length,
      rows: sum(({ rows }) => rows),
      files: sum((one) => one.files),
      bytes: sum(({ bytes }) => bytes),
      tables: record.tables.map(({ table, rows, files: gone, bytes }) => ({
        table,
        rows,
        files: gone,
        bytes,
      })),
    };
    return {
      result: receipt,
      summary: `${count(receipt.rows, 'row')} and ${count(receipt.files, 'file')} of one user`,
    };
  },
};
