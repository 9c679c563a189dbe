import { PgError, SqlState } from '../../base/index.ts';
import type { QualifiedName, Statement } from '../../sql/index.ts';
import { findTable } from '../ddl-locks.ts';
import { tableUses } from '../lock-tables.ts';
import type { Portal, SessionState } from '../state.ts';

/** The tables that a statement takes from under the queries that read them, and its name in the error. */
function changed(statement: Statement): readonly [what: string, names: readonly QualifiedName[]] {
  if (statement.class !== 'ddl') return ['', []];
  const { truncate, alterTable, drop, objectType } = statement;
  if (truncate !== undefined) return ['TRUNCATE', truncate.tables];
  if (alterTable !== undefined) return ['ALTER TABLE', [alterTable.name]];
  if (drop !== undefined && objectType === 'table') return ['DROP TABLE', drop.objects];
  return ['', []];
}

/** PostgreSQL's CheckTableNotInUse. `open`: the portals that are being read. @throws 55006 */
export function refuseInUse(
  session: SessionState,
  statement: Statement,
  open: readonly Portal[],
): void {
  const [what, names] = changed(statement);
  for (const name of names) {
    const table = findTable(session, name);
    if (table === undefined) continue;
    const used = open.some(({ prepared: { plan } }) => {
      const uses = plan === undefined ? [] : tableUses(plan.planned, session.transaction.catalog);
      return uses.some((use) => use.table.relid === table.relid);
    });
    if (!used) continue;
    throw new PgError(
      SqlState.objectInUse,
      `cannot ${what} "${table.stored.name}" because it is being used by active queries in this session`,
    );
  }
}
