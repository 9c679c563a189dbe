import { PgError, SqlState, notSupported } from '../../base/index.ts';
import type { CatalogSnapshot, CatalogTable } from '../../catalog/types.ts';
import type { TableLockMode } from '../../locks/index.ts';
import type { DdlStatement } from '../../sql/index.ts';
import { sharedScope } from '../../storage/types.ts';
import { statementContext } from '../context.ts';
import { restartSequence } from '../ddl.ts';
import { lockNamed } from '../lock-named.ts';
import { mirrorOf } from '../mirror-access.ts';
import { tableOf } from '../names.ts';
import { refuseWaitingChecks } from './set-constraints.ts';
import { noteTruncated } from '../new-tables.ts';
import type { SessionState, StatementResult } from '../state.ts';

/** TRUNCATE: of a user table, the current user's rows (everyone's under tide.scope = all). */
export async function truncate(
  session: SessionState,
  statement: NonNullable<DdlStatement['truncate']>,
): Promise<StatementResult> {
  const { roles, transaction } = session;
  const context = statementContext(session);
  const named: CatalogTable[] = [];
  const mode = ({ stored, referencedBy }: CatalogTable): TableLockMode =>
    // One user's rows go as by DELETE: other users' writes go on. Unless somebody may be about to refer to one of them.
    stored.kind === 'user' && !context.allUsers && referencedBy.length === 0
      ? 'rowExclusive'
      : 'accessExclusive';
  for (const name of statement.tables) {
    const find = async (): Promise<CatalogTable> => {
      const found = await tableOf(session, name);
      await requireTruncate(session, found.relid, name.name);
      return found;
    };
    const table = await lockNamed(session, mode(await find()), find);
    refuseWaitingChecks(session, table.relid, 'TRUNCATE', table.stored.name);
    if (!named.includes(table)) named.push(table);
  }
  const tables = statement.cascade ? await withReferencing(named) : named;
  if (!statement.cascade) refuseReferenced(tables, transaction.catalog);
  refuseOthersRows(tables, context.allUsers);
  for (const table of tables) {
    const scope =
      table.stored.kind !== 'user'
        ? sharedScope
        : context.allUsers
          ? ({ kind: 'all' } as const)
          : ({ kind: 'one', userId: context.userId } as const);
    const storage = transaction.statement();
    await storage.truncate(table.stored, scope);
    noteTruncated(storage, table.relid);
    if (!statement.restartSequences) continue;
    if (table.stored.kind === 'user' && scope.kind === 'one') {
      throw notSupported('TRUNCATE … RESTART IDENTITY of one user’s rows');
    }
    // For its undoing, should the transaction be rolled back.
    const ddl = await transaction.openDdl();
    const { rows } = await mirrorOf(session)((mirror) =>
      mirror.query(
        `select objid::text from pg_depend where refobjid = ${relidNow(table)} and classid = 'pg_class'::regclass and deptype in ('a', 'i')`,
        undefined,
        new Map(),
      ),
    );
    for (const [relid] of rows) {
      const sequence = transaction.catalog.sequence(Number(relid));
      if (sequence !== undefined) {
        restartSequence(session, ddl, sequence.sequenceId, sequence.start, false);
      }
    }
  }
  return { kind: 'done', tag: 'TRUNCATE TABLE' };

  /** The OID as of now, in a transaction that has made the table. */
  function relidNow({ relid }: Pick<CatalogTable, 'relid'>): number {
    return transaction.catalog.table(relid)?.relid ?? relid;
  }

  /** TRUNCATE … CASCADE: the tables that refer to them, and to those, as well. */
  async function withReferencing(given: readonly CatalogTable[]): Promise<CatalogTable[]> {
    const all = [...given];
    for (;;) {
      const more = referencing(all, transaction.catalog);
      if (more.length === 0) return all;
      for (const table of more) {
        const { name } = table.stored;
        session.notice({
          severity: 'NOTICE',
          code: SqlState.successfulCompletion,
          message: `truncate cascades to table "${name}"`,
        });
        await requireTruncate(session, table.relid, name);
        await lockNamed(session, mode(table), () => Promise.resolve(table));
        refuseWaitingChecks(session, table.relid, 'TRUNCATE', name);
        all.push(table);
      }
    }
  }

  async function requireTruncate(of: SessionState, relid: number, name: string): Promise<void> {
    if (roles.superuser) return;
    const { rows } = await mirrorOf(of)((mirror) =>
      mirror.query(
        `select has_table_privilege($1, ${relidNow({ relid })}::oid, 'TRUNCATE')::text`,
        [roles.name],
        new Map(),
      ),
    );
    if (rows[0]?.[0] === 'true') return;
    throw new PgError(SqlState.insufficientPrivilege, `permission denied for table ${name}`);
  }
}

/** Tables that have a foreign key to one of `tables` and are none of them, by OID. */
function referencing(
  tables: readonly CatalogTable[],
  catalog: CatalogSnapshot,
): readonly CatalogTable[] {
  const children = new Set(tables.flatMap((table) => table.referencedBy.map((key) => key.child)));
  for (const table of tables) children.delete(table.relid);
  return [...children]
    .sort((a, b) => a - b)
    .flatMap((relid) => {
      const table = catalog.table(relid);
      return table === undefined ? [] : [table];
    });
}

/** heap.c, heap_truncate_check_FKs. @throws 0A000 */
function refuseReferenced(tables: readonly CatalogTable[], catalog: CatalogSnapshot): void {
  for (const table of tables) {
    const others = referencing([table], catalog);
    const other = others.find((one) => !tables.some(({ relid }) => relid === one.relid));
    if (other === undefined) continue;
    throw new PgError(
      SqlState.featureNotSupported,
      'cannot truncate a table referenced in a foreign key constraint',
      {
        detail: `Table "${other.stored.name}" references "${table.stored.name}".`,
        hint: `Truncate table "${other.stored.name}" at the same time, or use TRUNCATE ... CASCADE.`,
      },
    );
  }
}

/** One user's rows may not go alone when they refer to rows that everyone shares, and those go. @throws 0A000 */
function refuseOthersRows(tables: readonly CatalogTable[], allUsers: boolean): void {
  if (allUsers) return;
  for (const table of tables) {
    if (table.stored.kind !== 'user') continue;
    const parent = tables.find(
      ({ relid, stored }) =>
        stored.kind !== 'user' && table.foreignKeys.some((key) => key.parent === relid),
    );
    if (parent === undefined) continue;
    throw new PgError(
      SqlState.featureNotSupported,
      'cannot truncate a table referenced in a foreign key constraint',
      {
        detail: `Rows of other users in table "${table.stored.name}" may reference "${parent.stored.name}".`,
        hint: "SET tide.scope = 'all' truncates everyone's rows.",
      },
    );
  }
}
