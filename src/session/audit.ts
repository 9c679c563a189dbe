import { SqlState } from '../base/index.ts';
import type { PgError } from '../base/index.ts';
import { blankEvent } from '../audit/index.ts';
import type { AuditEvent, AuditKind, AuditTable } from '../audit/index.ts';
import type { CatalogSnapshot, CatalogTable } from '../catalog/types.ts';
import type { DdlStatement } from '../sql/index.ts';
import { ddlObjectNames, withoutPasswords } from '../sql/index.ts';
import type { ClientInfo } from './connection.ts';
import { currentRole, currentUserId, sessionUser } from './context.ts';
import type { Engine } from './engine.ts';
import type { SessionState } from './state.ts';

/** Tables listed in one entry at most. */
const tablesMax = 1000;

/** Who does what is put down in this session. */
function by(
  session: SessionState,
): Pick<AuditEvent, 'role' | 'sessionUser' | 'userId' | 'processId' | 'remoteAddress'> {
  const role = currentRole(session);
  const user = sessionUser(session);
  return {
    role,
    sessionUser: user === role ? null : user,
    userId: currentUserId(session),
    processId: session.processId,
    remoteAddress: session.client.remoteAddress,
  };
}

const roleTypes: ReadonlySet<string> = new Set(['role', 'user', 'group']);

function kindOf({ kind, objectType }: DdlStatement): AuditKind {
  if (kind === 'grant') return 'privilege';
  if (kind === 'truncate') return 'data';
  return roleTypes.has(objectType) ? 'role' : 'schema';
}

const named = ({ stored }: CatalogTable, change: AuditTable['change']): AuditTable => ({
  id: stored.tableId,
  name: `${stored.namespace}.${stored.name}`,
  change,
});

export function tablesAs(
  change: AuditTable['change'],
  tables: readonly CatalogTable[],
): AuditTable[] {
  return tables.map((table) => named(table, change));
}

/** What a statement has done to stored tables. */
export function tableChanges(before: CatalogSnapshot, now: CatalogSnapshot): AuditTable[] {
  if (before === now) return [];
  const ids = new Set(before.tables.map(({ stored }) => stored.tableId));
  const kept = new Set<CatalogTable>();
  const changes = before.tables.flatMap((former): AuditTable[] => {
    const table = now.table(former.relid);
    if (table === undefined) return [named(former, 'dropped')];
    kept.add(table);
    return table === former ? [] : [named(table, 'altered')];
  });
  for (const table of now.tables) {
    if (!kept.has(table) && !ids.has(table.stored.tableId)) changes.push(named(table, 'created'));
  }
  return changes;
}

const optionsText = (options: ReadonlyMap<string, string>): string | null =>
  options.size === 0 ? null : [...options].map(([name, value]) => `${name} = ${value}`).join(', ');

/** Puts a statement that has changed the catalog down in its transaction's commit. */
export function auditDdl(
  session: SessionState,
  statement: DdlStatement,
  tag: string,
  tables: readonly AuditTable[],
): void {
  const { table, alterTable } = statement;
  session.engine.audit.record(session.transaction.statement(), {
    ...by(session),
    kind: kindOf(statement),
    action: statement.table === undefined ? tag : statement.tag,
    objectType: statement.objectType,
    objectName: ddlObjectNames(statement.node).join(', ') || null,
    tables: tables.slice(0, tablesMax),
    statement: withoutPasswords(statement.text),
    // Our words are not in the text that PostgreSQL is given.
    detail: optionsText(table?.options ?? alterTable?.setOptions ?? new Map()),
  });
}

/** Puts down that something was refused for want of a privilege. What was refused may hold users' data, so it is left out. */
export function auditDenied(session: SessionState, error: PgError, tag: string): void {
  if (error.code !== SqlState.insufficientPrivilege) return;
  session.engine.audit.denied({
    ...blankEvent,
    ...by(session),
    kind: 'denied',
    action: tag,
    detail: error.message,
  });
}

/** Puts down that the session opens all users' rows, before it can read one. */
export function auditAllUsers(session: SessionState): Promise<void> {
  return session.engine.audit.write({
    ...blankEvent,
    ...by(session),
    kind: 'access',
    action: 'SET',
    detail: "tide.scope = 'all'",
  });
}

/** The same for a connection that asks for it in its options. */
export function auditAllUsersAtStart(
  engine: Engine,
  client: ClientInfo,
  userId: string | undefined,
): Promise<void> {
  return engine.audit.write({
    ...blankEvent,
    kind: 'access',
    action: 'CONNECT',
    role: client.user,
    userId: userId ?? client.user,
    remoteAddress: client.remoteAddress,
    detail: "tide.scope = 'all'",
  });
}

/** Puts down what someone has asked of the server beside SQL: a job cancelled, a user erased, a backup. */
export function auditAction(
  session: SessionState,
  event: Pick<AuditEvent, 'kind' | 'action'> & Partial<AuditEvent>,
): Promise<void> {
  return session.engine.audit.write({ ...blankEvent, ...by(session), ...event });
}
