import type { CatalogOptions } from './catalog.ts';
import type { Records } from './join.ts';
import type { CatalogState, JournalEntry } from './level-records.ts';
import type { MirrorTurns } from './mirror-turns.ts';
import type { Names } from './names.ts';
import type { MirrorRelations } from './read-mirror.ts';
import type { CatalogSnapshot } from './types.ts';

/** The catalog as everyone sees it; replaced as a whole by each committed DDL. */
export interface CommittedCatalog {
  readonly state: CatalogState;
  readonly records: Records;
  readonly relations: MirrorRelations;
  readonly names: Names;
  readonly snapshot: CatalogSnapshot;
}

/** What the catalog and its transactions share. */
export interface CatalogCore extends CatalogOptions {
  readonly turns: MirrorTurns;
  committed: CommittedCatalog;
  /** Ids of tables, indexes and sequences: not given again in this process even when the transaction is rolled back. */
  nextId: number;
  /** BEGINs of the mirror so far. */
  generations: number;
  /** Snapshots of open transactions so far: their versions are negative, and never to be confused with a committed one. */
  privateVersions: number;
  /** Reads the committed catalog again from Level and a mirror made anew. @throws 08006 when there is no mirror any more */
  rebuild(state: CatalogState, records: Records): Promise<void>;
  /** The version of a snapshot of `state`. */
  versionOf(state: CatalogState): number;
  changed(entries: readonly JournalEntry[]): void;
}

export function takeId(core: CatalogCore): number {
  return core.nextId++;
}
