import type { JobRecord, JobType } from '../../jobs/index.ts';
import type { Row, Value } from '../../types/value.ts';
import { jsonb } from '../jsonb.ts';
import type { SystemRelation } from '../types.ts';

/** When a job of one of the types was last completed, by tableId. */
function lastDone(
  jobs: readonly JobRecord[],
  types: ReadonlySet<JobType>,
): ReadonlyMap<number, bigint> {
  const last = new Map<number, bigint>();
  for (const { tableId, jobType, status, finishedAt } of jobs) {
    if (tableId === null || finishedAt === null || status !== 'completed') continue;
    if (types.has(jobType) && finishedAt > (last.get(tableId) ?? 0n)) last.set(tableId, finishedAt);
  }
  return last;
}

const count = (figure: number | undefined): Value => (figure === undefined ? null : BigInt(figure));

export const tables: SystemRelation = {
  name: 'tables',
  comment:
    'Stored tables with what they held when they were last counted (measured_at; null: never yet). Figures of user tables are for their owners.',
  columns: [
    ['namespace', 'text'],
    ['table_name', 'text'],
    ['kind', 'text'],
    ['table_id', 'bigint'],
    ['owner', 'text'],
    ['schema_version', 'integer'],
    ['created_at', 'timestamptz'],
    // Rows in the hot tier and in files: deleted and superseded ones included.
    ['hot_rows', 'bigint'],
    ['cold_rows', 'bigint'],
    // Of both, those marked deleted; null where a file of an older version has not counted them.
    ['deleted_rows', 'bigint'],
    // Keys of which a file has an older version than the one that counts.
    ['superseded_rows', 'bigint'],
    ['users', 'bigint'],
    ['files', 'bigint'],
    // Of keys and values in the hot store before it compresses them: of rows, of index entries, and of manifest, filters and marks.
    ['hot_bytes', 'bigint'],
    ['index_bytes', 'bigint'],
    ['metadata_bytes', 'bigint'],
    // Of Parquet files, as on disk.
    ['cold_bytes', 'bigint'],
    ['measured_at', 'timestamptz'],
    // As far back as jobs are kept.
    ['last_flush_at', 'timestamptz'],
    ['last_compaction_at', 'timestamptz'],
    ['last_retention_at', 'timestamptz'],
    ['options', 'jsonb'],
  ],
  async rows({ tables: visible, owns }, { figures, jobs }) {
    // How much all users together have is nothing that one of them should learn.
    const told = visible.filter((table) => table.stored.kind !== 'user' || owns(table));
    const measured = await figures.of(told.map(({ stored }) => stored));
    const done = jobs.list();
    const flushes = lastDone(done, new Set(['flush']));
    const compactions = lastDone(done, new Set(['compact']));
    const retentions = lastDone(done, new Set(['retention', 'evict']));
    const mayKnow = new Set(told);
    return visible.map((table): Row => {
      const { stored, owner, options, schemas } = table;
      const { tableId } = stored;
      const known = mayKnow.has(table);
      const { stats, measuredAt } = (known ? measured.get(tableId) : undefined) ?? {};
      const deletedRows =
        stats?.coldDeletedRows === undefined
          ? undefined
          : stats.hotDeletedRows + stats.coldDeletedRows;
      const indexBytes =
        stats && [...stats.indexBytes.values()].reduce((sum, bytes) => sum + bytes, 0);
      return [
        stored.namespace,
        stored.name,
        stored.kind,
        BigInt(tableId),
        owner,
        stored.schemaVersion,
        schemas.find(({ version }) => version === 1)?.changedAt ?? null,
        count(stats?.hotRows),
        count(stats?.coldRows),
        count(deletedRows),
        count(stats?.supersededKeys),
        stored.kind === 'user' ? count(stats?.users) : null,
        count(stats?.files),
        count(stats?.hotBytes),
        count(indexBytes),
        count(stats?.metadataBytes),
        count(stats?.coldBytes),
        measuredAt ?? null,
        known ? (flushes.get(tableId) ?? null) : null,
        known ? (compactions.get(tableId) ?? null) : null,
        known ? (retentions.get(tableId) ?? null) : null,
        jsonb(Object.fromEntries(options)),
      ];
    });
  },
};
