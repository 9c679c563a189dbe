/** What the server's tables hold, as far as the role may know. */
import type { Connection } from './connect.ts';

/** A row of system.tables. Figures are null where the role may not know them, and where they have not been counted yet. */
export interface TableFigures {
  readonly namespace: string;
  readonly table_name: string;
  readonly kind: 'user' | 'shared' | 'stream';
  readonly owner: string;
  readonly hot_rows: number | null;
  readonly cold_rows: number | null;
  /** User ids that have rows; null for tables of other kinds. */
  readonly users: number | null;
  readonly files: number | null;
  readonly hot_bytes: number | null;
  readonly cold_bytes: number | null;
  /** When they were counted: large tables are not counted at each look. */
  readonly measured_at: Date | null;
  readonly options: Readonly<Record<string, string>>;
}

const columns = `namespace, table_name, kind, owner, hot_rows, cold_rows, users, files, hot_bytes, cold_bytes, measured_at, options`;

const identifier = /^[a-z_][a-z0-9_$]*$/;

/** As people read it: quoted where capitals or spaces ask for it. Statements get the server's own quoting, see relation.ts. */
export const shownName = (...parts: readonly string[]): string =>
  parts.map((part) => (identifier.test(part) ? part : `"${part.replaceAll('"', '""')}"`)).join('.');

export function readFigures({ query }: Connection): Promise<TableFigures[]> {
  return query<TableFigures>(`select ${columns} from system.tables order by namespace, table_name`);
}

type Named = Readonly<Record<'namespace' | 'name', string>>;

export async function readFiguresOf(
  { query }: Connection,
  { namespace, name }: Named,
): Promise<TableFigures | undefined> {
  const [row] = await query<TableFigures>(
    `select ${columns} from system.tables where namespace = $1 and table_name = $2`,
    [namespace, name],
  );
  return row;
}

/** A table's files as the manifest lists them now; undefined where the role does not see all users' files. */
export async function readFilesOf(
  { query }: Connection,
  { namespace, name }: Named,
): Promise<{ readonly files: number; readonly bytes: number } | undefined> {
  const [role] = await query<{ sees_all: boolean }>(
    `select rolsuper or pg_has_role('pg_monitor', 'MEMBER') as sees_all from pg_roles where rolname = current_user`,
  );
  if (role?.sees_all !== true) return undefined;
  const [row] = await query<{ files: number; bytes: number }>(
    `select count(*) as files, coalesce(sum(bytes), 0)::int8 as bytes from system.files
     where namespace = $1 and table_name = $2`,
    [namespace, name],
  );
  return row;
}

export const tableKey = (row: {
  readonly namespace: string;
  readonly table_name: string;
}): string => JSON.stringify([row.namespace, row.table_name]);
