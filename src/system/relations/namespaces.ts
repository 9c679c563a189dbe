import { reservedSchemas } from '../../catalog/setup.ts';
import type { SystemRelation } from '../types.ts';

const namespacesSql = `select nspname, pg_get_userbyid(nspowner) from pg_namespace where nspname !~ '^pg_' order by 1`;

export const namespaces: SystemRelation = {
  name: 'namespaces',
  comment: 'Namespaces with the number of stored tables that one may know of in each.',
  columns: [
    ['namespace', 'text'],
    ['owner', 'text'],
    ['tables', 'bigint'],
  ],
  async rows({ tables }, { mirror }) {
    const { rows } = await mirror().query(namespacesSql, undefined, new Map());
    return rows
      .filter(([name]) => typeof name === 'string' && !reservedSchemas.has(name))
      .map(([name = null, owner = null]) => [
        name,
        owner,
        BigInt(tables.filter((table) => table.stored.namespace === name).length),
      ]);
  },
};
