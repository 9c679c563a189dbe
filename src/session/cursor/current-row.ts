import { PgError, SqlState, assert } from '../../base/index.ts';
import { scopeOf } from '../../executor/scan-scope.ts';
import type { StatementContext } from '../../executor/types.ts';
import { currentRowOf } from '../../planner/current-of.ts';
import type { CurrentRowSource } from '../../planner/current-of.ts';
import type { StorageTransaction } from '../../storage/types.ts';
import type { Row } from '../../types/value.ts';
import type { SessionState } from '../state.ts';
import type { OpenCursor } from './cursors.ts';

/** The cursor that WHERE CURRENT OF names. @throws 34000, 24000 as execCurrent.c does */
function namedCursor(session: SessionState, name: string): OpenCursor | undefined {
  const portal = session.cursors.find(name);
  if (portal === undefined) {
    throw new PgError(SqlState.invalidCursorName, `cursor "${name}" does not exist`);
  }
  const { statement } = portal.prepared;
  if (statement?.class !== 'query' || statement.modifies) {
    throw invalid(name, 'is not a SELECT query');
  }
  if (session.cursors.held.has(name)) throw invalid(name, 'is held from a previous transaction');
  return portal.open;
}

function invalid(name: string, what: string): PgError {
  return new PgError(SqlState.invalidCursorState, `cursor "${name}" ${what}`);
}

/**
 * The row on which the cursor stands, in the version that the statement sees; none when it is gone by now or is another
 * user's than the statement's.
 */
export async function currentRows(
  session: SessionState,
  { relid, cursor: name }: CurrentRowSource,
  transaction: StorageTransaction,
  statement: StatementContext,
): Promise<readonly Row[]> {
  const open = namedCursor(session, name);
  const table = session.transaction.catalog.table(relid);
  assert(table !== undefined, 'the target is a stored table');
  const { stored } = table;
  const targets = open?.declared?.targets.filter((target) => target.relid === relid) ?? [];
  if (open?.declared?.locked === true && targets.length !== 1) {
    const found = targets.length === 0 ? 'does not have a' : 'has multiple';
    const references = targets.length === 0 ? 'reference' : 'references';
    throw invalid(name, `${found} FOR UPDATE/SHARE ${references} to table "${stored.name}"`);
  }
  const [target] = targets;
  if (open === undefined || target === undefined) {
    throw invalid(name, `is not a simply updatable scan of table "${stored.name}"`);
  }
  const at = open.cursor.current;
  if (at === undefined) throw invalid(name, 'is not positioned on a row');
  const key = at[target.position];
  // A cursor over an outer join may stand on no row of the table.
  if (!(key instanceof Uint8Array)) return [];
  const row = await transaction.getByKey(stored, key);
  if (row === undefined || (row.deleted && !statement.includeDeleted)) return [];
  const scope = scopeOf({ table }, { statement });
  if (scope.kind === 'one' && row.userId !== scope.userId) return [];
  return [currentRowOf(row)];
}
