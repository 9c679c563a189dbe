import type { Audit } from '../audit/index.ts';
import type { CatalogSnapshot, CatalogTable } from '../catalog/types.ts';
import type { Jobs } from '../jobs/index.ts';
import type { LiveQueries } from '../live/index.ts';
import type { Activity } from '../session/activity.ts';
import type { Engine, Viewer } from '../session/engine.ts';
import type { SessionRegistry } from '../session/registry.ts';
import type { Storage } from '../storage/types.ts';
import type { Row } from '../types/value.ts';
import type { DiskUsage } from './disk.ts';
import type { TableFigures } from './figures.ts';
import type { ProcessFigures } from './process.ts';

/** The types that computed relations use; PostgreSQL's words for them. */
export type ColumnType =
  | 'bigint'
  | 'boolean'
  | 'double precision'
  | 'integer'
  | 'integer[]'
  | 'jsonb'
  | 'text'
  | 'timestamptz';

/** What the relations are computed from. */
export interface SystemSources {
  readonly catalog: () => CatalogSnapshot;
  readonly storage: Pick<Storage, 'files' | 'filePath' | 'metrics' | 'users'> & {
    readonly locations: Pick<Storage['locations'], 'uses'>;
    readonly locks: Pick<Storage['locks'], 'status' | 'blocking'>;
  };
  readonly jobs: Pick<Jobs, 'list'>;
  readonly sessions: Pick<SessionRegistry, 'list'>;
  readonly live: Pick<LiveQueries, 'list'>;
  readonly audit: Pick<Audit, 'list'>;
  readonly activity: Activity;
  readonly figures: Pick<TableFigures, 'of'>;
  readonly disk: DiskUsage;
  readonly process: ProcessFigures;
  /** Asked about rights and namespaces, which only PostgreSQL knows. */
  readonly mirror: () => Pick<Engine['mirror'], 'query'>;
  /** The server's options as started with, by name (`dataDir`). */
  readonly config: Readonly<Record<string, string | number>> & {
    readonly materializeLimitRows: number;
  };
}

/** What one viewer may know of, asked once for each reading of a relation. */
export interface View {
  readonly viewer: Viewer;
  /** Tables the viewer has any right on, by namespace and name. */
  readonly tables: readonly CatalogTable[];
  /** Whether figures over all users' rows may be told. */
  owns(table: CatalogTable): boolean;
}

/** A relation of schema `system` as data. */
export interface SystemRelation {
  readonly name: string;
  /** What it shows, for \d+. */
  readonly comment: string;
  readonly columns: readonly (readonly [name: string, type: ColumnType])[];
  /** Rows in the columns' order, only what the viewer may know of. */
  rows(view: View, sources: SystemSources): Promise<Row[]> | Row[];
}
