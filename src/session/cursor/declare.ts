import { PgError, SqlState } from '../../base/index.ts';
import type { QueryInput } from '../run-query.ts';
import type { Portal, Prepared, SessionState, StatementResult } from '../state.ts';
import type { DeclareStatement } from './check-declare.ts';
import { createCursor } from './cursor.ts';
import { drainLimitOf } from './cursors.ts';
import { openQuery } from './open-query.ts';

/** DECLARE: opens a portal on the query. @throws 25P01, 42P03 */
export async function declareCursor(
  session: SessionState,
  prepared: Prepared,
  statement: DeclareStatement,
  input: QueryInput,
): Promise<StatementResult> {
  const { transaction, cursors } = session;
  const { name, hold } = statement;
  if (!hold && !transaction.inBlock && input.simple !== 'several') {
    throw new PgError(
      SqlState.noActiveSqlTransaction,
      'DECLARE CURSOR can only be used in transaction blocks',
    );
  }
  const { inner } = prepared;
  if (inner === undefined) throw new PgError(SqlState.internalError, 'DECLARE without its query');
  if (cursors.find(name) !== undefined) {
    throw new PgError(SqlState.duplicateCursor, `cursor "${name}" already exists`);
  }
  const query = await openQuery(session, inner, input);
  const scroll =
    statement.scroll === true
      ? 'all'
      : statement.scroll === undefined && query.backward
        ? 'some'
        : 'none';
  const cursor = createCursor({
    name,
    feed: query.feed,
    scroll,
    limit: drainLimitOf(session, name),
    guard: query.guard,
  });
  const portal: Portal = {
    name,
    prepared: inner,
    raw: input.raw,
    params: input.params,
    resultFormats: [],
    completedTag: undefined,
    opened: cursors.opening(),
    createdAt: session.statementTime,
    open: {
      cursor,
      declared: {
        text: statement.text,
        binary: statement.binary,
        hold,
        targets: query.targets,
        locked: query.locked,
      },
    },
  };
  cursors.add(portal);
  return { kind: 'done', tag: statement.tag };
}
