import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualClock } from '../base/index.ts';
import type { OpenStorageOptions, Storage } from './index.ts';
import { openStorage } from './index.ts';
import type { ScanOptions, StorageTransaction, StoredRow, StoredTable } from './types.ts';

/** A data folder of its own for a test, with a clock that stands still. */
export interface TestFolder {
  readonly dataDir: string;
  readonly clock: ReturnType<typeof manualClock>;
  open(options?: OpenStorageOptions['options']): Promise<Storage>;
  remove(): void;
}

export function testFolder(): TestFolder {
  const dataDir = mkdtempSync(join(tmpdir(), 'pgtide-storage-'));
  const clock = manualClock(1_000_000_000n);
  return {
    dataDir,
    clock,
    open: (options) =>
      openStorage({ dataDir, clock, ...(options === undefined ? {} : { options }) }),
    remove: () => rmSync(dataDir, { recursive: true, force: true }),
  };
}

/** Paths of the Parquet files below a data folder's cold tier, sorted; those that are being written included. */
export function parquetFiles(dataDir: string): string[] {
  return readdirSync(join(dataDir, 'cold'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.includes('.parquet'))
    .sort();
}

export async function allRows(
  transaction: StorageTransaction,
  table: StoredTable,
  options: ScanOptions,
): Promise<StoredRow[]> {
  const out: StoredRow[] = [];
  for await (const rows of transaction.scan(table, options)) out.push(...rows);
  return out;
}

/** Runs work in a transaction of its own and commits. */
export async function inTransaction<T>(
  storage: Storage,
  work: (transaction: StorageTransaction) => Promise<T>,
): Promise<T> {
  const transaction = storage.begin();
  let result: T;
  try {
    result = await work(transaction);
  } catch (error) {
    await transaction.rollback();
    throw error;
  }
  await transaction.commit({ sync: false });
  return result;
}
