import type { Row } from '../../types/value.ts';
import { jsonb } from '../jsonb.ts';
import type { SystemRelation } from '../types.ts';

export const tables: SystemRelation = {
  name: 'tables',
  comment: 'Stored tables with what they hold. Figures of user tables are for their owners.',
  columns: [
    ['namespace', 'text'],
    ['table_name', 'text'],
    ['kind', 'text'],
    ['table_id', 'bigint'],
    ['owner', 'text'],
    ['hot_rows', 'bigint'],
    ['cold_rows', 'bigint'],
    ['cold_bytes', 'bigint'],
    ['files', 'bigint'],
    ['options', 'jsonb'],
  ],
  async rows({ tables: visible, owns }, { storage }) {
    const rows: Row[] = [];
    for (const table of visible) {
      const { stored, owner, options } = table;
      // How much all users together have is nothing that one of them should learn.
      const told = stored.kind !== 'user' || owns(table);
      const stats = told ? await storage.stats(stored) : undefined;
      const figure = (n: number | undefined): bigint | null => (n === undefined ? null : BigInt(n));
      rows.push([
        stored.namespace,
        stored.name,
        stored.kind,
        BigInt(stored.tableId),
        owner,
        figure(stats?.hotRows),
        figure(stats?.coldRows),
        figure(stats?.coldBytes),
        figure(stats?.files),
        jsonb(Object.fromEntries(options)),
      ]);
    }
    return rows;
  },
};
