import { pgEpochUnixMicros } from '../../base/index.ts';
import type { JobRecord, JobStatus } from '../../jobs/index.ts';
import type { Row, Value } from '../../types/value.ts';
import type { SystemRelation, SystemSources } from '../types.ts';

/** A measured value; null: there is nothing to measure yet. */
type Stat = readonly [name: string, value: number | null, unit: string, description: string];

function jobStats(jobs: readonly JobRecord[]): Stat[] {
  const number = (types: readonly string[], statuses: readonly JobStatus[]): number =>
    jobs.filter((job) => types.includes(job.jobType) && statuses.includes(job.status)).length;
  const sum = (type: string, figure: string): number =>
    jobs.reduce((total, { jobType, status, result }) => {
      if (jobType !== type || status !== 'completed') return total;
      const value: unknown =
        typeof result === 'object' && result !== null && !Array.isArray(result)
          ? (result as Readonly<Record<string, unknown>>)[figure]
          : undefined;
      return typeof value === 'number' ? total + value : total;
    }, 0);
  const types = [...new Set(jobs.map((job) => job.jobType))].toSorted();
  return [
    ['jobs_running', number(types, ['running']), 'jobs', 'jobs that run'],
    ['jobs_waiting', number(types, ['new', 'retrying']), 'jobs', 'jobs that wait for their turn'],
    ...types.flatMap((type): Stat[] => [
      [
        `jobs_${type}_completed`,
        number([type], ['completed']),
        'jobs',
        `${type} jobs completed, of those kept in system.jobs`,
      ],
      [
        `jobs_${type}_failed`,
        number([type], ['failed']),
        'jobs',
        `${type} jobs failed, of those kept in system.jobs`,
      ],
    ]),
    ['flush_rows', sum('flush', 'rows_flushed'), 'rows', 'rows that those flushes have moved'],
    [
      'flush_bytes',
      sum('flush', 'bytes'),
      'bytes',
      'bytes of files that those flushes have written',
    ],
  ];
}

/** Totals over all users' rows are nothing that one of them should learn. */
async function serverStats(sources: SystemSources): Promise<Stat[]> {
  const { activity, storage, disk, process: server, jobs, sessions, live } = sources;
  const { columnarMemory, eventLoop, memory } = server;
  const [metrics, usage, columnar] = await Promise.all([
    storage.metrics(),
    disk.measure(),
    columnarMemory(),
  ]);
  const { groups, lastSeq } = metrics;
  const all = jobs.list();
  const { row, columnar: ranColumnar, postgres } = activity.executors;
  const loop = eventLoop();
  const { rss, heapUsed, external } = memory();
  return [
    ['sessions', sessions.list().length, 'sessions', 'open sessions'],
    ['live_queries', live.list().length, 'queries', 'queries that stay open for their clients'],
    ['connections', activity.connections, 'sessions', 'sessions opened since the start'],
    [
      'statements',
      activity.statements,
      'statements',
      'statements (messages of them) since the start',
    ],
    ['errors', activity.errors, 'errors', 'errors told to clients since the start'],
    [
      'commits',
      activity.commits,
      'transactions',
      'transactions committed since the start, those that only read included',
    ],
    ['rollbacks', activity.rollbacks, 'transactions', 'transactions rolled back since the start'],
    ['plans_row', row, 'plans', 'plans and parts of plans run by the row executor'],
    [
      'plans_columnar',
      ranColumnar,
      'plans',
      'plans and parts of plans run by the columnar executor',
    ],
    ['plans_postgres', postgres, 'plans', 'plans and parts of plans run by the postgres executor'],
    ['plans_verbatim', activity.verbatim, 'plans', 'statements that PostgreSQL ran as they are'],
    [
      'last_seq',
      lastSeq,
      'commits',
      'number of the last commit that changed rows or metadata, ever',
    ],
    ['group_commits', groups.written, 'groups', 'batches written since the start'],
    ['group_commits_synced', groups.synced, 'groups', 'of those, synced to disk'],
    [
      'group_commit_members',
      groups.members,
      'commits',
      'commits and internal changes in those batches',
    ],
    ['group_commit_members_max', groups.membersMax, 'commits', 'most of them in one batch'],
    ['group_commit_bytes', groups.bytes, 'bytes', 'keys and values in those batches'],
    ['hot_store_bytes', usage.hotBytes, 'bytes', "LevelDB's files"],
    [
      'hot_store_memory',
      metrics.hotMemoryBytes ?? null,
      'bytes',
      "LevelDB's block cache and memtables, as it estimates them",
    ],
    ['cold_files', usage.coldFiles, 'files', 'Parquet files that the manifest lists'],
    ['cold_bytes', usage.coldBytes, 'bytes', 'bytes of those files'],
    ['mirror_bytes', usage.mirrorBytes, 'bytes', "files of the catalog's mirror"],
    [
      'duckdb_columnar_memory',
      columnar ?? null,
      'bytes',
      'memory of the DuckDB that runs queries; null: not started',
    ],
    [
      'duckdb_files_memory',
      metrics.duckdbMemoryBytes ?? null,
      'bytes',
      'memory of the DuckDB that reads and writes files; null: not started',
    ],
    ['rss', rss, 'bytes', 'resident memory of the process'],
    ['heap_used', heapUsed, 'bytes', 'JavaScript heap in use on the main thread'],
    ['external_memory', external, 'bytes', 'memory of buffers outside that heap'],
    [
      'event_loop_delay_p50',
      loop.p50Ms,
      'ms',
      'how late the main thread comes to its timers, since the start',
    ],
    ['event_loop_delay_p99', loop.p99Ms, 'ms', 'the same, 99th percentile'],
    ['event_loop_delay_max', loop.maxMs, 'ms', 'the same, greatest'],
    ...jobStats(all),
  ];
}

export const stats: SystemRelation = {
  name: 'stats',
  comment:
    'Measured figures of the server. Others than superusers and pg_monitor see only since when it runs.',
  columns: [
    ['name', 'text'],
    ['value', 'double precision'],
    ['unit', 'text'],
    ['description', 'text'],
  ],
  async rows({ viewer }, sources) {
    const { startedAt, startUpMs, now } = sources.process;
    const seconds = (micros: bigint): number => Number(micros) / 1e6;
    const own: Stat[] = [
      [
        'started_at',
        seconds(startedAt + pgEpochUnixMicros),
        'unix s',
        'when the server started: to_timestamp(value)',
      ],
      ['start_up', startUpMs, 'ms', 'from its start until it accepted connections'],
      ['uptime', seconds(now() - startedAt), 's', 'since its start'],
    ];
    const all = viewer.seesAll ? [...own, ...(await serverStats(sources))] : own;
    return all.map(([name, value, unit, description]): Row => {
      return [name, value as Value, unit, description];
    });
  },
};
