import { PgError, SqlState, notSupported } from '../../base/index.ts';
import type { DdlStatement } from '../../sql/index.ts';
import { sharedScope } from '../../storage/types.ts';
import { statementContext } from '../context.ts';
import { mirrorOf } from '../mirror-access.ts';
import { tableOf } from '../names.ts';
import { noteTruncated } from '../new-tables.ts';
import type { SessionState, StatementResult } from '../state.ts';

/** TRUNCATE: of a user table, the current user's rows (everyone's under tide.scope = all). */
export async function truncate(
  session: SessionState,
  statement: NonNullable<DdlStatement['truncate']>,
): Promise<StatementResult> {
  const { engine, roles, transaction } = session;
  const context = statementContext(session);
  for (const name of statement.tables) {
    const table = await tableOf(session, name);
    await requireTruncate(session, table.relid, name.name);
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
    const { rows } = await mirrorOf(session)((mirror) =>
      mirror.query(
        `select objid::text from pg_depend where refobjid = ${table.relid} and classid = 'pg_class'::regclass and deptype in ('a', 'i')`,
        undefined,
        new Map(),
      ),
    );
    for (const [relid] of rows) {
      const sequence = transaction.catalog.sequence(Number(relid));
      if (sequence !== undefined) {
        engine.storage.sequences.setval(sequence.sequenceId, sequence.start, false);
      }
    }
  }
  return { kind: 'done', tag: 'TRUNCATE TABLE' };

  async function requireTruncate(of: SessionState, relid: number, name: string): Promise<void> {
    if (roles.superuser) return;
    const { rows } = await mirrorOf(of)((mirror) =>
      mirror.query(
        `select has_table_privilege($1, ${relid}::oid, 'TRUNCATE')::text`,
        [roles.name],
        new Map(),
      ),
    );
    if (rows[0]?.[0] === 'true') return;
    throw new PgError(SqlState.insufficientPrivilege, `permission denied for table ${name}`);
  }
}
