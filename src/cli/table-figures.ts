/** What the server's tables hold, as far as the role may know. */
import type { Connection } from './connect.ts';

/** A row of system.tables with what other relations add. Figures are null where the role may not know them. */
export interface TableFigures {
  readonly namespace: string;
  readonly table_name: string;
  readonly kind: 'user' | 'shared' | 'stream';
  readonly owner: string;
  readonly hot_rows: number | null;
  readonly cold_rows: number | null;
  readonly cold_bytes: number | null;
  readonly files: number | null;
  readonly options: Readonly<Record<string, string>>;
}

const identifier = /^[a-z_][a-z0-9_$]*$/;

/** As people read it: quoted where capitals or spaces ask for it. Statements get the server's own quoting, see relation.ts. */
export const shownName = (...parts: readonly string[]): string =>
  parts.map((part) => (identifier.test(part) ? part : `"${part.replaceAll('"', '""')}"`)).join('.');

export function readFigures({ query }: Connection): Promise<TableFigures[]> {
  return query<TableFigures>(
    `select namespace, table_name, kind, owner, hot_rows, cold_rows, cold_bytes, files, options
     from system.tables order by namespace, table_name`,
  );
}

export async function readFiguresOf(
  { query }: Connection,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<TableFigures | undefined> {
  const [row] = await query<TableFigures>(
    `select namespace, table_name, kind, owner, hot_rows, cold_rows, cold_bytes, files, options
     from system.tables where namespace = $1 and table_name = $2`,
    [namespace, name],
  );
  return row;
}

/** How many user ids have rows, by the JSON text of namespace and name. */
export async function countUsers({ query }: Connection): Promise<ReadonlyMap<string, number>> {
  const rows = await query<{ namespace: string; table_name: string; users: number }>(
    'select namespace, table_name, count(*) as users from system.users group by namespace, table_name',
  );
  return new Map(rows.map((row) => [tableKey(row), row.users]));
}

export async function countUsersOf(
  { query }: Connection,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<number> {
  const [row] = await query<{ users: number }>(
    'select count(*) as users from system.users where namespace = $1 and table_name = $2',
    [namespace, name],
  );
  return row!.users;
}

export const tableKey = (row: {
  readonly namespace: string;
  readonly table_name: string;
}): string => JSON.stringify([row.namespace, row.table_name]);
