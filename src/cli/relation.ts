/** Tables by the names that people type, resolved by the server as PostgreSQL resolves them: search path, quotes and all. */
import type { Connection } from './connect.ts';
import { CommandError } from './errors.ts';

export interface TableName {
  readonly namespace: string;
  readonly name: string;
  /** Quoted where it must be, with its namespace: for statements and for people. */
  readonly sql: string;
  readonly oid: number;
  /** Whether the role has the rights of its owner. */
  readonly owned: boolean;
}

/** What the letters of pg_class.relkind are; those that are no tables. */
const kindNames: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  i: 'an index',
  S: 'a sequence',
  c: 'a type',
};

/** `chat.messages`, `messages` by the search path, `"Quoted".x`. Throws when there is no such table. */
export async function resolveTable(
  { query }: Pick<Connection, 'query'>,
  typed: string,
): Promise<TableName> {
  const [row] = await query<{
    readonly oid: number;
    readonly namespace: string;
    readonly name: string;
    readonly relkind: string;
    readonly sql: string;
    readonly owned: boolean;
  }>(
    `select c.oid::int8 as oid, n.nspname as namespace, c.relname as name, c.relkind as relkind,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) as sql, pg_has_role(c.relowner, 'USAGE') as owned
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1)`,
    [typed],
  );
  if (row === undefined) {
    throw new CommandError(`table "${typed}" does not exist`, {
      hint: '"pgtide tables" lists those that do',
    });
  }
  const kind = kindNames[row.relkind];
  if (kind !== undefined) throw new CommandError(`${row.sql} is ${kind}, not a table`);
  return row;
}

/** The stored tables of these kinds that the role owns, by their names. */
export async function ownedTables(
  { query }: Pick<Connection, 'query'>,
  kinds: readonly ('user' | 'shared' | 'stream')[],
): Promise<TableName[]> {
  const stored = await query<{ namespace: string; table_name: string }>(
    'select namespace, table_name from system.tables where kind = any($1)',
    [kinds],
  );
  const known = new Set(stored.map((row) => JSON.stringify([row.namespace, row.table_name])));
  const rows = await query<TableName>(
    `select c.oid::int8 as oid, n.nspname as namespace, c.relname as name, true as owned,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) as sql
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and pg_has_role(c.relowner, 'USAGE') order by n.nspname, c.relname`,
  );
  return rows.filter(({ namespace, name }) => known.has(JSON.stringify([namespace, name])));
}
