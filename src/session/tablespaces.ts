import { PgError, SqlState } from '../base/index.ts';
import type { DdlStatement, TablespaceStatement } from '../sql/index.ts';
import { inSource } from './names.ts';
import type { SessionState, StatementResult } from './state.ts';

/** CREATE and DROP TABLESPACE: transactions of their own. */
export async function runTablespaceStatement(
  session: SessionState,
  statement: DdlStatement,
  parts: TablespaceStatement,
): Promise<StatementResult> {
  const { engine, transaction, roles } = session;
  if (transaction.inBlock || transaction.hasChanges || session.severalStatements) {
    throw new PgError(
      SqlState.activeSqlTransaction,
      `${statement.tag} cannot run inside a transaction block`,
    );
  }
  const { name } = parts;
  const asked = {
    name,
    settings: session.settings.forPostgres,
    role: { name: roles.name, superuser: roles.superuser },
  };
  const { tag, notices } = await engine.catalog
    .tablespace(
      parts.kind === 'create'
        ? { ...asked, kind: 'create', sql: parts.inPlace, location: parts.location }
        : { ...asked, kind: 'drop', sql: statement.text, formerName: formerNames(session) },
      transaction.owner,
    )
    .catch((error: unknown) => {
      throw inSource(error, statement);
    });
  for (const notice of notices) session.notice(notice);
  return { kind: 'done', tag };
}

/** Names of dropped tables, as the jobs that clean up after them have them. */
function formerNames({ engine }: SessionState): (tableId: number) => string {
  return (tableId) => {
    const job = engine.jobs.list().findLast((one) => one.tableId === tableId);
    return job === undefined ? `with id ${tableId}` : `${job.namespace}.${job.tableName}`;
  };
}

/**
 * The settings that DDL runs under: with default_tablespace, as long as there is one of that name. Elsewhere it stays out, for
 * PostgreSQL refuses to set it to one that has been dropped.
 */
export function ddlSettings({ settings, transaction }: SessionState): ReadonlyMap<string, string> {
  const name = settings.get('default_tablespace') ?? '';
  if (!transaction.catalog.tablespaces.some((space) => space.name === name))
    return settings.forPostgres;
  return new Map([...settings.forPostgres, ['default_tablespace', name]]);
}
