/** What Level keeps of the catalog besides its tables (codec.ts): counters, the journal, sequences' names. */
import type { Storage } from '../storage/types.ts';

export const journalPrefix = 'catalog/journal/';

/** Meta keys in the hot store. */
export const keys = {
  state: 'catalog/state',
  table: (id: number) => `catalog/table/${String(id).padStart(12, '0')}`,
  sequence: (id: number) => `catalog/sequence/${String(id).padStart(12, '0')}`,
  tablespace: (id: number) => `catalog/tablespace/${String(id).padStart(12, '0')}`,
  journal: (n: number) => `${journalPrefix}${String(n).padStart(12, '0')}`,
};

export interface CatalogState {
  readonly version: number;
  readonly nextId: number;
  readonly nextJournal: number;
  /** What the journal has of roles' passwords; absent where an older version may have left clear text. */
  readonly passwords?: 'verifiers';
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

export interface TablespaceRecord {
  readonly tablespaceId: number;
  readonly name: string;
  /** As it was given. */
  readonly location: string;
}

export interface CatalogLog {
  warn(details: object, message: string): void;
}

export async function loadState(storage: Storage): Promise<CatalogState> {
  const [entry] = await storage.meta(keys.state);
  if (entry === undefined) return { version: 0, nextId: 1, nextJournal: 1, passwords: 'verifiers' };
  return JSON.parse(Buffer.from(entry[1]).toString()) as CatalogState;
}
