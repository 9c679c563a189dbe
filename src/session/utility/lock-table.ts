import { PgError, SqlState, notSupported } from '../../base/index.ts';
import type { CatalogTable } from '../../catalog/types.ts';
import { tableModes } from '../../locks/index.ts';
import type { TableLockMode } from '../../locks/index.ts';
import type { QualifiedName, UtilityStatement } from '../../sql/index.ts';
import { lockNamed } from '../lock-named.ts';
import { mirrorOf, withMirror } from '../mirror-access.ts';
import { relidOf } from '../names.ts';
import type { SessionState, StatementResult } from '../state.ts';

type LockStatement = Extract<UtilityStatement, { kind: 'lock' }>;

/** By number, as in lockdefs.h; [0] is no lock. */
const modes: readonly TableLockMode[] = [
  'accessShare',
  'accessShare',
  'rowShare',
  'rowExclusive',
  'shareUpdateExclusive',
  'share',
  'shareRowExclusive',
  'exclusive',
  'accessExclusive',
];

/** LOCK TABLE: each table in turn, until the transaction ends. */
export async function lockTable(
  session: SessionState,
  { tables, mode: number, nowait, tag }: LockStatement,
): Promise<StatementResult> {
  const { transaction } = session;
  if (!transaction.inBlock) {
    throw new PgError(
      SqlState.noActiveSqlTransaction,
      'LOCK TABLE can only be used in transaction blocks',
    );
  }
  const mode = modes[number] ?? 'accessExclusive';
  for (const name of tables) await lockOne(session, name, mode, nowait);
  return { kind: 'done', tag };
}

async function lockOne(
  session: SessionState,
  name: QualifiedName,
  mode: TableLockMode,
  nowait: boolean,
): Promise<void> {
  await lockNamed(
    session,
    mode,
    () => lockable(session, name, mode),
    () => {
      if (!nowait) return;
      throw new PgError(
        SqlState.lockNotAvailable,
        `could not obtain lock on relation "${name.name}"`,
      );
    },
  );
}

/** @throws 42P01, 42501, 42809, 0A000 */
function lockable(
  session: SessionState,
  name: QualifiedName,
  mode: TableLockMode,
): Promise<CatalogTable> {
  return withMirrorIfOwn(session, async () => {
    const relid = await relidOf(session, name);
    const table = session.transaction.catalog.table(relid);
    if (table === undefined) throw await notLockable(session, relid, name);
    await requireLock(session, relid, name, mode);
    return table;
  });
}

/** The OIDs of a transaction's own tables may change between two looks; nobody else's do. */
function withMirrorIfOwn<T>(session: SessionState, work: () => Promise<T>): Promise<T> {
  return session.transaction.ddl === undefined ? work() : withMirror(session, work);
}

async function notLockable(
  session: SessionState,
  relid: number,
  { name }: QualifiedName,
): Promise<PgError> {
  const { rows } = await mirrorOf(session)((mirror) =>
    mirror.query(`select relkind from pg_class where oid = ${relid}`, undefined, new Map()),
  );
  const kind = rows[0]?.[0];
  if (kind === 'v') return notSupported('LOCK TABLE of a view', { hint: 'Lock its tables.' });
  if (kind === 'r') return notSupported(`LOCK TABLE of "${name}"`);
  return new PgError(SqlState.wrongObjectType, `cannot lock relation "${name}"`, {
    detail: notTables[kind ?? ''],
  });
}

const notTables: Readonly<Record<string, string>> = {
  S: 'This operation is not supported for sequences.',
  i: 'This operation is not supported for indexes.',
};

/** lockcmds.c, LockTableAclCheck. */
async function requireLock(
  session: SessionState,
  relid: number,
  { name }: QualifiedName,
  mode: TableLockMode,
): Promise<void> {
  const { roles } = session;
  if (roles.superuser) return;
  const privileges = ['MAINTAIN', 'UPDATE', 'DELETE', 'TRUNCATE'];
  if (mode === 'accessShare') privileges.push('SELECT');
  if (tableModes[mode] <= tableModes.rowExclusive) privileges.push('INSERT');
  const { rows } = await mirrorOf(session)((mirror) =>
    mirror.query(
      `select has_table_privilege($1, ${relid}::oid, '${privileges.join(',')}')::text`,
      [roles.name],
      new Map(),
    ),
  );
  if (rows[0]?.[0] === 'true') return;
  throw new PgError(SqlState.insufficientPrivilege, `permission denied for table ${name}`);
}
