import type { SystemRelation } from '../types.ts';

export const sessions: SystemRelation = {
  name: 'sessions',
  comment:
    "Open sessions: the own role's, or all for superusers and pg_monitor, who also see what they run.",
  columns: [
    ['process_id', 'integer'],
    ['user_name', 'text'],
    ['database', 'text'],
    ['application_name', 'text'],
    ['remote_address', 'text'],
    ['started_at', 'timestamptz'],
    ['state', 'text'],
    ['query', 'text'],
  ],
  rows: ({ viewer }, sources) =>
    sources.sessions
      .list()
      .filter((session) => viewer.seesAll || session.user === viewer.role)
      .toSorted((a, b) => a.processId - b.processId)
      .map((session) => [
        session.processId,
        session.user,
        session.database,
        session.applicationName,
        session.remoteAddress,
        session.startedAt,
        session.state,
        // One role may serve many users; what another of them sends may hold that user's data.
        viewer.seesAll ? session.query : null,
      ]),
};
