import { jsonb } from '../jsonb.ts';
import type { SystemRelation } from '../types.ts';

export const liveQueries: SystemRelation = {
  name: 'live_queries',
  comment:
    'Queries that stay open for their clients: those of the current role and user id, or all for superusers and pg_monitor.',
  columns: [
    ['query_id', 'bigint'],
    ['process_id', 'integer'],
    ['user_name', 'text'],
    ['user_id', 'text'],
    ['query', 'text'],
    ['tables', 'jsonb'],
    ['started_at', 'timestamptz'],
  ],
  rows({ viewer }, { live, catalog }) {
    const names = new Map(
      catalog().tables.map(({ stored }) => [stored.tableId, `${stored.namespace}.${stored.name}`]),
    );
    return live
      .list()
      .filter(
        ({ role, userId }) => viewer.seesAll || (role === viewer.role && userId === viewer.userId),
      )
      .map((query) => [
        query.queryId,
        query.processId,
        query.role,
        query.userId,
        query.text,
        jsonb([...query.tableIds].map((id) => names.get(id) ?? null)),
        query.startedAt,
      ]);
  },
};
