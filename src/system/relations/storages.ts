import { join, resolve } from 'node:path';
import type { Row } from '../../types/value.ts';
import type { SystemRelation } from '../types.ts';

/** What pg_default stands for. */
const defaultFolders = 'cold/${namespace}/${table}/${user_id}/';

export const storages: SystemRelation = {
  name: 'storages',
  comment:
    'Tablespaces: where files are, and of how many tables. Tables that are dropped or moved count as long as they have files there. Files and bytes are for those who see all.',
  columns: [
    ['name', 'text'],
    ['location', 'text'],
    ['owner', 'text'],
    ['usage_count', 'bigint'],
    ['files', 'bigint'],
    ['bytes', 'bigint'],
  ],
  async rows({ viewer, tables }, { catalog, storage, config }) {
    const uses = await storage.locations.uses();
    const { tablespaces } = catalog();
    const defaultLocation = join(resolve(String(config['dataDir'])), defaultFolders);
    const rows: Row[] = [];
    for (const { name, owner, tablespaceId, location } of tablespaces) {
      // pg_global is for PostgreSQL's own shared catalogs, of which there are none.
      if (tablespaceId === undefined && name !== 'pg_default') continue;
      const use = uses.get(tablespaceId);
      const visible = new Set(tables.map(({ stored }) => stored.tableId));
      const used = new Set(
        [...(use?.tableIds ?? [])].filter((tableId) => viewer.seesAll || visible.has(tableId)),
      );
      for (const { stored } of tables)
        if (stored.tablespaceId === tablespaceId) used.add(stored.tableId);
      rows.push([
        name,
        // Where the data folder is is told as system.settings tells it.
        location ?? (viewer.seesAll ? defaultLocation : null),
        owner,
        BigInt(used.size),
        viewer.seesAll ? BigInt(use?.files ?? 0) : null,
        viewer.seesAll ? BigInt(use?.bytes ?? 0) : null,
      ]);
    }
    return rows;
  },
};
