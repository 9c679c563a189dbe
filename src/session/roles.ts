import { PgError, SqlState } from '../base/index.ts';
import type { Query } from '../analyzer/tree.ts';
import { allQueries } from '../planner/walk.ts';
import type { Engine } from './engine.ts';
import { mirrorOf, sharedMirror } from './mirror-access.ts';
import type { MirrorAccess } from './mirror-access.ts';
import type { SessionState } from './state.ts';

/** What a session's current role may do, as of one catalog version. */
export interface RoleFacts {
  readonly name: string;
  readonly catalogVersion: number;
  readonly superuser: boolean;
  readonly bypassRowSecurity: boolean;
  /** May set tide.user_id to any value. */
  readonly service: boolean;
  readonly monitor: boolean;
}

export async function readRole(
  engine: Engine,
  name: string,
  access: MirrorAccess = sharedMirror(engine),
): Promise<RoleFacts | undefined> {
  const catalogVersion = engine.catalog.current.version;
  const { rows } = await access((mirror) =>
    mirror.query(
      `select rolsuper::text, rolbypassrls::text, pg_has_role(oid, 'tide_service', 'member')::text, pg_has_role(oid, 'pg_monitor', 'member')::text from pg_roles where rolname = $1`,
      [name],
      new Map(),
    ),
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  const [superuser, bypass, service, monitor] = row.map((text) => text === 'true');
  return {
    name,
    catalogVersion,
    superuser: superuser === true,
    bypassRowSecurity: superuser === true || bypass === true,
    service: service === true,
    monitor: monitor === true,
  };
}

const privileges: readonly (readonly [bit: number, name: string])[] = [
  [2, 'SELECT'],
  [1, 'INSERT'],
  [4, 'UPDATE'],
  [8, 'DELETE'],
  [16, 'TRUNCATE'],
];

/** Privileges that columns can have; whole-table ones aside. */
const columnPrivileges = {
  SELECT: 'selectedColumns',
  INSERT: 'insertedColumns',
  UPDATE: 'updatedColumns',
} as const;

/**
 * PostgreSQL's ExecCheckPermissions: every relation of the query, as the current role or as the owner of the view that it
 * comes from. The mirror judges; a superuser's queries need no question.
 * @throws 42501 naming the relation
 */
export async function checkPermissions(
  access: MirrorAccess,
  role: RoleFacts,
  query: Query,
): Promise<void> {
  if (role.superuser) return;
  const questions: { readonly sql: string; readonly relid: number }[] = [];
  for (const level of allQueries(query)) {
    for (const permission of level.permissions) {
      const who =
        permission.checkAsUser === 0 ? quoteText(role.name) : `${permission.checkAsUser}::oid`;
      for (const [bit, name] of privileges) {
        if ((permission.required & bit) === 0) continue;
        const whole = `has_table_privilege(${who}, ${permission.relid}::oid, '${name}')`;
        const columns =
          name in columnPrivileges
            ? permission[columnPrivileges[name as keyof typeof columnPrivileges]]
            : undefined;
        questions.push({
          relid: permission.relid,
          sql:
            columns === undefined
              ? whole
              : `(${whole} or ${columnQuestion(who, permission.relid, name, columns)})`,
        });
      }
    }
  }
  if (questions.length === 0) return;
  const { rows } = await access((mirror) =>
    mirror.query(
      `select ${questions.map((question) => `${question.sql}::text`).join(', ')}`,
      undefined,
      new Map(),
    ),
  );
  const denied = rows[0]?.findIndex((answer) => answer !== 'true') ?? -1;
  if (denied < 0) return;
  const relid = questions[denied]!.relid;
  const named = await access((mirror) =>
    mirror.query(
      `select case relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end, relname from pg_class where oid = ${relid}`,
      undefined,
      new Map(),
    ),
  );
  const [kind = 'relation', name = String(relid)] = (named.rows[0] ?? []) as string[];
  throw new PgError(SqlState.insufficientPrivilege, `permission denied for ${kind} ${name}`);
}

/**
 * Whether the session's current role may see the columns of every row of a table: what an error about rows that the statement
 * has not read may show (ri_triggers.c, ri_ReportViolation).
 */
export async function mayRead(
  session: SessionState,
  relid: number,
  attnums: readonly number[],
): Promise<boolean> {
  if (session.roles.superuser) return true;
  const who = quoteText(session.roles.name);
  const columns = columnQuestion(who, relid, 'SELECT', attnums);
  const { rows } = await mirrorOf(session)((mirror) =>
    mirror.query(
      `select (not row_security_active(${relid}::oid) and (has_table_privilege(${who}, ${relid}::oid, 'SELECT') or ${columns}))::text`,
      undefined,
      session.settings.forPostgres,
    ),
  );
  return rows[0]?.[0] === 'true';
}

function columnQuestion(
  who: string,
  relid: number,
  privilege: string,
  columns: readonly number[],
): string {
  // No column named (count(*)): a privilege on any column will do.
  if (columns.length === 0)
    return `has_any_column_privilege(${who}, ${relid}::oid, '${privilege}')`;
  const each = columns.map((attno) =>
    attno === 0
      ? `(select bool_and(has_column_privilege(${who}, attrelid, attnum, '${privilege}')) from pg_attribute where attrelid = ${relid} and attnum > 0 and not attisdropped)`
      : `has_column_privilege(${who}, ${relid}::oid, ${attno}::int2, '${privilege}')`,
  );
  return `(${each.join(' and ')})`;
}

function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
