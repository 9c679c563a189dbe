import { jsonb } from '../jsonb.ts';
import type { SystemRelation } from '../types.ts';

export const auditLog: SystemRelation = {
  name: 'audit_log',
  comment:
    'Who changed what: of the current role and user id, or all for superusers and pg_monitor. Kept as long as auditRetentionDays says.',
  columns: [
    ['audit_id', 'bigint'],
    ['created_at', 'timestamptz'],
    ['kind', 'text'],
    ['action', 'text'],
    ['role', 'text'],
    ['login_role', 'text'],
    ['user_id', 'text'],
    ['process_id', 'integer'],
    ['remote_address', 'text'],
    ['object_type', 'text'],
    ['object_name', 'text'],
    ['tables', 'jsonb'],
    ['statement', 'text'],
    ['detail', 'text'],
  ],
  async rows({ viewer }, { audit }) {
    return (await audit.list())
      .filter(
        ({ role, userId }) => viewer.seesAll || (role === viewer.role && userId === viewer.userId),
      )
      .map((entry) => [
        entry.auditId,
        entry.at,
        entry.kind,
        entry.action,
        entry.role,
        entry.sessionUser,
        entry.userId,
        entry.processId,
        entry.remoteAddress,
        entry.objectType,
        entry.objectName,
        entry.tables.length === 0 ? null : jsonb(entry.tables),
        entry.statement,
        entry.detail,
      ]);
  },
};
