import type { Logger } from 'pino';
import type { Analyzer } from '../analyzer/index.ts';
import type { Audit } from '../audit/index.ts';
import type { Clock, RandomBytes } from '../base/index.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Executors } from '../executor/run-plan.ts';
import type { RowSource } from '../executor/types.ts';
import type { Jobs } from '../jobs/index.ts';
import type { LiveQueries } from '../live/index.ts';
import type { PgliteHandle, PgliteSession } from '../pglite/index.ts';
import type { ExecutorSupport } from '../planner/plan-select.ts';
import type { Storage } from '../storage/types.ts';
import type { DiskUsage } from '../system/disk.ts';
import type { TableFigures } from '../system/figures.ts';
import type { Activity } from './activity.ts';
import type { SessionRegistry } from './registry.ts';

/** Rows of a computed relation as one session may see them. */
export type VirtualRows = (name: string, viewer: Viewer) => Promise<RowSource>;

/** Who looks at a system relation, and what they may know of. */
export interface Viewer {
  readonly role: string;
  /** tide.user_id. */
  readonly userId: string;
  /** Superuser or member of pg_monitor. */
  readonly seesAll: boolean;
}

/** What all sessions of a server share; put together once, at start. */
export interface Engine {
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly snowflakeId: () => bigint;
  readonly uuidV7: () => string;
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly analyzer: Analyzer;
  /** The mirror's own PGlite: catalog queries run there. */
  readonly mirror: PgliteHandle;
  /** The second PGlite, started when first needed: what may take long runs there. */
  fallback(): Promise<PgliteSession>;
  readonly executors: Executors;
  readonly support: ExecutorSupport;
  readonly virtualRows: VirtualRows;
  readonly jobs: Jobs;
  readonly sessions: SessionRegistry;
  readonly live: LiveQueries;
  readonly audit: Audit;
  readonly activity: Activity;
  readonly figures: TableFigures;
  readonly disk: DiskUsage;
  /** Statements at least this long are logged with their text, milliseconds; -1: none. */
  readonly logMinDurationStatementMs: number;
  readonly materializeLimitRows: number;
}
