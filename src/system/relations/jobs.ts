import { jsonb } from '../jsonb.ts';
import type { SystemRelation } from '../types.ts';

export const jobs: SystemRelation = {
  name: 'jobs',
  comment:
    'Work on tables that runs, has run or waits for its turn. Others than owners of the table do not see it.',
  columns: [
    ['job_id', 'bigint'],
    ['job_type', 'text'],
    ['namespace', 'text'],
    ['table_name', 'text'],
    ['status', 'text'],
    ['created_at', 'timestamptz'],
    ['started_at', 'timestamptz'],
    ['finished_at', 'timestamptz'],
    ['attempts', 'integer'],
    ['node_id', 'integer'],
    ['progress', 'double precision'],
    ['result', 'jsonb'],
    ['error_message', 'text'],
  ],
  rows({ viewer, tables, owns }, sources) {
    const owned = new Set(tables.filter(owns).map((table) => table.stored.tableId));
    return sources.jobs
      .list()
      .filter(
        ({ tableId, requestedBy }) =>
          viewer.seesAll || requestedBy === viewer.role || (tableId !== null && owned.has(tableId)),
      )
      .map((job) => [
        job.jobId,
        job.jobType,
        job.namespace,
        job.tableName,
        job.status,
        job.createdAt,
        job.startedAt,
        job.finishedAt,
        job.attempts,
        job.nodeId,
        job.progress,
        job.result === null ? null : jsonb(job.result),
        job.errorMessage,
      ]);
  },
};
