import {
  databaseBytesSetting,
  figuresSetting,
  figuresText,
  tablespaceBytesSetting,
  tablespaceBytesText,
} from '../catalog/size-functions.ts';
import type { RelationFigures } from '../catalog/size-functions.ts';
import type { CatalogTable } from '../catalog/types.ts';
import type { StorageStats } from '../storage/types.ts';
import type { DiskFigures } from '../system/disk.ts';
import { mirrorOf } from './mirror-access.ts';
import type { SessionState } from './state.ts';

/** How long a query for sizes waits for tables that have to be counted first. */
const figuresWaitMs = 5000;

/** About how many rows a query of the whole table would find, and how many versions it would pass over. */
export function tupleEstimates(stats: StorageStats): {
  readonly live: number | null;
  readonly dead: number | null;
} {
  const { hotRows, hotDeletedRows, coldRows, coldDeletedRows, supersededKeys } = stats;
  if (coldDeletedRows === undefined) return { live: null, dead: null };
  // A key may be superseded more than once, or have been deleted before.
  const dead = hotDeletedRows + coldDeletedRows + supersededKeys;
  return { live: Math.max(0, hotRows + coldRows - dead), dead };
}

const sum = (values: Iterable<number>): number => [...values].reduce((all, one) => all + one, 0);

function relationsOf(
  { stored }: CatalogTable,
  stats: StorageStats,
): (readonly [namespace: string, name: string, figures: RelationFigures])[] {
  const { namespace, name, indexes, primaryKeyName } = stored;
  const { live, dead } = tupleEstimates(stats);
  const ofIndex = (main: number): RelationFigures => ({
    main,
    metadata: 0,
    indexes: 0,
    liveRows: null,
    deadRows: null,
  });
  return [
    [
      namespace,
      name,
      {
        main: stats.hotBytes + stats.coldBytes,
        metadata: stats.metadataBytes,
        indexes: sum(stats.indexBytes.values()),
        liveRows: live,
        deadRows: dead,
      },
    ],
    ...indexes.map(
      (index) =>
        [namespace, index.name, ofIndex(stats.indexBytes.get(index.indexId) ?? 0)] as const,
    ),
    // Rows lie in its order: it takes no space of its own.
    ...(primaryKeyName === undefined ? [] : [[namespace, primaryKeyName, ofIndex(0)] as const]),
  ];
}

/** What PostgreSQL is told for a query that asks for sizes: of tables whose figures the session's role may know. */
export async function figureSettings(session: SessionState): Promise<ReadonlyMap<string, string>> {
  const { engine, roles, transaction } = session;
  const seesAll = roles.superuser || roles.monitor;
  // How much all users together have is nothing that one of them should learn.
  const tables = transaction.catalog.tables.filter(
    ({ stored, owner }) => seesAll || stored.kind !== 'user' || owner === roles.name,
  );
  const figures = await engine.figures.of(
    tables.map(({ stored }) => stored),
    { waitMs: figuresWaitMs },
  );
  const relations = tables.flatMap((table) => {
    const measured = figures.get(table.stored.tableId);
    return measured === undefined ? [] : relationsOf(table, measured.stats);
  });
  const disk = await engine.disk.measure();
  return new Map([
    [figuresSetting, figuresText(relations)],
    [databaseBytesSetting, String(disk.totalBytes)],
    [tablespaceBytesSetting, tablespaceBytesText(await tablespaceBytes(session, disk))],
  ]);
}

/** Bytes by tablespaces' OIDs. What is in no Parquet file is in the data folder, which pg_default stands for. */
async function tablespaceBytes(
  { engine, transaction }: SessionState,
  { hotBytes, mirrorBytes, globalBytes }: DiskFigures,
): Promise<ReadonlyMap<number, number>> {
  const uses = await engine.storage.locations.uses();
  const bytesOf = (name: string, tablespaceId: number | undefined): number => {
    if (name === 'pg_global') return globalBytes;
    const ofFiles = uses.get(tablespaceId)?.bytes ?? 0;
    return name === 'pg_default' ? hotBytes + mirrorBytes - globalBytes + ofFiles : ofFiles;
  };
  const { tablespaces } = transaction.catalog;
  return new Map(
    tablespaces.map(({ oid, name, tablespaceId }) => [oid, bytesOf(name, tablespaceId)]),
  );
}

/** Bytes of PostgreSQL's pages, which relpages counts. */
const pageBytes = 8192;

/**
 * Writes to pg_class how many rows a table has: what VACUUM and ANALYZE of PostgreSQL do, which have just found an empty table. -1
 * stands for a number that is not known, or not for everyone to know.
 */
export async function tellRowCount(
  session: SessionState,
  { relid, stored }: CatalogTable,
  stats: StorageStats | undefined,
): Promise<void> {
  const live = stats === undefined || stored.kind === 'user' ? null : tupleEstimates(stats).live;
  const bytes = live === null ? 0 : stats!.hotBytes + stats!.coldBytes;
  await mirrorOf(session)((mirror) =>
    mirror.query(
      `update pg_catalog.pg_class set reltuples = ${live ?? -1}, relpages = ${Math.ceil(bytes / pageBytes)} where oid = ${relid}`,
      undefined,
      new Map(),
    ),
  );
}
