/** What Level keeps of the catalog besides its tables (codec.ts): counters, the journal, sequences' names, drops under way. */
import type { Storage, StoredTable } from '../storage/types.ts';

const dropPrefix = 'catalog/drop/';

/** Meta keys in the hot store. */
export const keys = {
  state: 'catalog/state',
  table: (id: number) => `catalog/table/${String(id).padStart(12, '0')}`,
  sequence: (id: number) => `catalog/sequence/${String(id).padStart(12, '0')}`,
  journal: (n: number) => `catalog/journal/${String(n).padStart(12, '0')}`,
  /** What is left to clean up of a dropped table. */
  drop: (tableId: number) => `${dropPrefix}${tableId}`,
};

export interface CatalogState {
  readonly version: number;
  readonly nextId: number;
  readonly nextJournal: number;
}

/** One DDL statement, as it can be run again to rebuild a mirror. */
export interface JournalEntry {
  readonly sql: string;
  readonly settings: readonly (readonly [string, string])[];
}

export interface SequenceRecord {
  readonly sequenceId: number;
  readonly namespace: string;
  readonly name: string;
}

export type DroppedTable = Pick<StoredTable, 'tableId' | 'namespace' | 'name' | 'kind'>;

export interface CatalogLog {
  warn(details: object, message: string): void;
}

/** Removes a dropped table's rows and files, then forgets that it has to. Repeats safely. */
/** The table is gone for SQL already; a failure is logged and made good at the next start. */
export async function finishDrop(
  storage: Storage,
  table: DroppedTable,
  log: CatalogLog,
): Promise<void> {
  try {
    await storage.dropTable(table);
    const transaction = storage.begin();
    transaction.putMeta(keys.drop(table.tableId), undefined);
    await transaction.commit({ sync: true });
  } catch (error) {
    log.warn(
      { err: error, table: `${table.namespace}.${table.name}` },
      'clean-up of a dropped table failed; the next start goes on with it',
    );
  }
}

export async function droppedTables(storage: Storage): Promise<DroppedTable[]> {
  const entries = await storage.meta(dropPrefix);
  return entries.map(([, bytes]) => JSON.parse(Buffer.from(bytes).toString()) as DroppedTable);
}

export async function loadState(storage: Storage): Promise<CatalogState> {
  const [entry] = await storage.meta(keys.state);
  if (entry === undefined) return { version: 0, nextId: 1, nextJournal: 1 };
  return JSON.parse(Buffer.from(entry[1]).toString()) as CatalogState;
}
