import type { Connection } from '../connect.ts';

/** A user table, as the role sees it. */
export interface UserTable {
  readonly namespace: string;
  readonly name: string;
  /** Quoted, for statements and people. */
  readonly sql: string;
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    readonly sql: string;
  }[];
}

/** By name. Tables without columns, and those that the role does not know of, are not among them. */
export async function readUserTables({ query }: Connection): Promise<UserTable[]> {
  const stored = await query<{ namespace: string; table_name: string }>(
    `select namespace, table_name from system.tables where kind = 'user'`,
  );
  const known = new Set(stored.map((row) => JSON.stringify([row.namespace, row.table_name])));
  const rows = await query<{
    namespace: string;
    name: string;
    sql: string;
    column_name: string;
    type: string;
    column_sql: string;
  }>(
    `select n.nspname as namespace, c.relname as name, quote_ident(n.nspname) || '.' || quote_ident(c.relname) as sql,
       a.attname as column_name, format_type(a.atttypid, a.atttypmod) as type, quote_ident(a.attname) as column_sql
     from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
     where c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
     order by n.nspname, c.relname, a.attnum`,
  );
  const tables = new Map<string, UserTable & { columns: UserTable['columns'][number][] }>();
  for (const { namespace, name, sql, column_name: column, type, column_sql: columnSql } of rows) {
    const key = JSON.stringify([namespace, name]);
    if (!known.has(key)) continue;
    let table = tables.get(key);
    if (table === undefined) {
      table = { namespace, name, sql, columns: [] };
      tables.set(key, table);
    }
    table.columns.push({ name: column, type, sql: columnSql });
  }
  return [...tables.values()];
}
