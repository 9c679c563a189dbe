import { PgError, SqlState } from '../base/index.ts';
import type { CatalogTable } from '../catalog/types.ts';
import { quoteIdentifier, splitIdentifiers } from '../pglite/index.ts';
import type { QualifiedName, Statement, StoredTableLookup } from '../sql/index.ts';
import { currentRole } from './context.ts';
import { mirrorOf } from './mirror-access.ts';
import type { SessionState } from './state.ts';

export function qualified(name: QualifiedName): string {
  return name.schema === undefined
    ? quoteIdentifier(name.name)
    : `${quoteIdentifier(name.schema)}.${quoteIdentifier(name.name)}`;
}

/** The relation's OID in the mirror by the session's search_path. Throws 42P01. */
export async function relidOf(session: SessionState, name: QualifiedName): Promise<number> {
  const { rows } = await mirrorOf(session)((mirror) =>
    mirror.query(
      'select to_regclass($1)::oid::text',
      [qualified(name)],
      session.settings.forPostgres,
    ),
  );
  const oid = rows[0]?.[0];
  if (oid !== null && oid !== undefined) return Number(oid);
  const shown = name.schema === undefined ? name.name : `${name.schema}.${name.name}`;
  throw new PgError(SqlState.undefinedTable, `relation "${shown}" does not exist`);
}

/** A stored table by name. Throws 42P01, or 42809 for a relation that is none. */
export async function tableOf(session: SessionState, name: QualifiedName): Promise<CatalogTable> {
  const table = session.transaction.catalog.table(await relidOf(session, name));
  if (table !== undefined) return table;
  throw new PgError(SqlState.wrongObjectType, `"${name.name}" is not a table`);
}

export const defaultSearchPath = '"$user", public';

/** Which kind of stored table a name means under the session's search_path. */
export function storedTables(session: SessionState): StoredTableLookup {
  const { catalog } = session.transaction;
  return (schema, name) => {
    if (schema !== undefined) return catalog.tableByName(schema, name)?.stored.kind;
    const path = session.settings.get('search_path') ?? defaultSearchPath;
    for (const element of splitIdentifiers(path)) {
      const namespace = element === '$user' ? currentRole(session) : element;
      const table = catalog.tableByName(namespace, name);
      if (table !== undefined) return table.stored.kind;
    }
    return undefined;
  };
}

/** PostgreSQL's error about a statement's text, pointing into what the user sent. */
export function inSource(error: unknown, statement: Statement): unknown {
  if (!(error instanceof PgError) || error.report.position === undefined) return error;
  const { code, message, position, ...fields } = error.report;
  const assigned =
    /^column "(_seq|_updated|_deleted|_user_id)" of relation "[^"]*" does not exist$/.exec(message);
  if (assigned !== null) {
    return new PgError(SqlState.generatedAlways, `column "${assigned[1]}" can't be assigned`, {
      detail: 'It is a system column: the server keeps it.',
      position: statement.sourcePosition(position),
    });
  }
  return new PgError(code, message, { ...fields, position: statement.sourcePosition(position) });
}

/** Position of the first $n in what the user sent. */
export function firstParameter(statement: Statement): number | undefined {
  let first: number | undefined;
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { ParamRef } = value as { ParamRef?: { location?: number } };
    if (ParamRef !== undefined) first = Math.min(first ?? Infinity, ParamRef.location ?? 0);
    for (const child of Object.values(value)) visit(child);
  };
  visit(statement.node);
  if (first === undefined) return undefined;
  const before = Buffer.from(statement.text).subarray(0, first).toString();
  return statement.sourcePosition(Array.from(before).length + 1);
}
