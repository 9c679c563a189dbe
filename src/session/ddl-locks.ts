import type { CatalogTable } from '../catalog/types.ts';
import type { DdlTransaction } from '../catalog/catalog.ts';
import { tableModes } from '../locks/index.ts';
import { splitIdentifiers } from '../pglite/index.ts';
import type { DdlLockTarget, QualifiedName } from '../sql/index.ts';
import { currentRole } from './context.ts';
import { mirrorOf } from './mirror-access.ts';
import { defaultSearchPath } from './names.ts';
import type { SessionState } from './state.ts';

/** A stored table, or the table of an index, by name under the session's search_path. */
export function findTable(
  session: SessionState,
  { schema, name }: QualifiedName,
  index = false,
): CatalogTable | undefined {
  const { catalog } = session.transaction;
  const path = session.settings.get('search_path') ?? defaultSearchPath;
  const namespaces = schema === undefined ? splitIdentifiers(path) : [schema];
  for (const element of namespaces) {
    const namespace = element === '$user' ? currentRole(session) : element;
    const found = index
      ? catalog.tables.find(
          ({ stored }) =>
            stored.namespace === namespace &&
            (stored.primaryKeyName === name || stored.indexes.some((one) => one.name === name)),
        )
      : catalog.tableByName(namespace, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether the current role is the owner or a member of it: others must not keep a table's users waiting. */
async function isOwner(session: SessionState, table: CatalogTable): Promise<boolean> {
  const { roles } = session;
  if (roles.superuser || table.owner === roles.name) return true;
  const { rows } = await mirrorOf(session)((mirror) =>
    mirror.query(
      `select pg_has_role($1::name, $2::name, 'USAGE')::text`,
      [roles.name, table.owner],
      new Map(),
    ),
  );
  return rows[0]?.[0] === 'true';
}

interface Resolved {
  readonly tableId: number;
  readonly mode: number;
}

/** Tables that aren't there, or aren't the role's to change, are PostgreSQL's to complain about. */
async function resolve(
  session: SessionState,
  targets: readonly DdlLockTarget[],
): Promise<Resolved[]> {
  const resolved: Resolved[] = [];
  for (const { name, mode, index, referenced } of targets) {
    const table = findTable(session, name, index);
    if (table === undefined) continue;
    if (!referenced && !(await isOwner(session, table))) continue;
    resolved.push({ tableId: table.stored.tableId, mode: tableModes[mode] });
  }
  return resolved;
}

/**
 * The transaction's DDL, with the statement's tables locked before the catalog is: whoever waits for a table keeps only that
 * table's users waiting. What the names mean is looked at again once the catalog stands still.
 */
export async function openDdlWith(
  session: SessionState,
  targets: readonly DdlLockTarget[],
): Promise<{ readonly ddl: DdlTransaction; readonly locked: ReadonlySet<number> }> {
  const { transaction, engine } = session;
  const { locks } = engine.storage;
  const { owner } = transaction;
  const locked = new Set<number>();
  const lock = async (tables: readonly Resolved[]): Promise<void> => {
    for (const { tableId, mode } of tables) {
      await locks.acquire(owner, 'relation', tableId, mode);
      locked.add(tableId);
    }
  };
  if (transaction.ddl === undefined) await lock(await resolve(session, targets));
  const ddl = await transaction.openDdl();
  await lock(await resolve(session, targets));
  return { ddl, locked };
}
