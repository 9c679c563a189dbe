import type { Row } from '../../types/value.ts';
import type { SystemRelation } from '../types.ts';

export const users: SystemRelation = {
  name: 'users',
  comment:
    'User ids that have rows, by user table. Others than the current one are for superusers and pg_monitor.',
  columns: [
    ['user_id', 'text'],
    ['namespace', 'text'],
    ['table_name', 'text'],
  ],
  async rows({ viewer, tables }, { storage }) {
    const rows: Row[] = [];
    for (const { stored } of tables) {
      if (stored.kind !== 'user') continue;
      for (const userId of await storage.users(stored)) {
        if (viewer.seesAll || userId === viewer.userId) {
          rows.push([userId, stored.namespace, stored.name]);
        }
      }
    }
    return rows;
  },
};
