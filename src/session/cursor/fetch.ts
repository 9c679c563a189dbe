import { PgError, SqlState } from '../../base/index.ts';
import type { CursorStatement } from '../../sql/index.ts';
import type { QueryInput } from '../run-query.ts';
import type { Portal, SessionState, StatementResult } from '../state.ts';

type FetchStatement = Extract<CursorStatement, { direction: unknown }>;
type CloseStatement = Extract<CursorStatement, { kind: 'closeCursor' }>;

function portalNamed(session: SessionState, name: string): Portal {
  const portal = session.cursors.find(name);
  if (portal !== undefined && name !== '') return portal;
  throw new PgError(SqlState.invalidCursorName, `cursor "${name}" does not exist`);
}

/** FETCH and MOVE. @throws 34000, 55000 */
export async function fetchFrom(
  session: SessionState,
  statement: FetchStatement,
  input: QueryInput,
): Promise<StatementResult> {
  const { direction, count } = statement;
  const portal = portalNamed(session, statement.name);
  if (portal === input) {
    throw new PgError(
      SqlState.objectNotInPrerequisiteState,
      `portal "${portal.name}" cannot be run`,
    );
  }
  const { cursor, declared } = await session.cursors.cursorOf(portal);
  if (statement.kind === 'move') {
    return { kind: 'done', tag: `MOVE ${await cursor.move(direction, count)}` };
  }
  const fields = portal.prepared.fields ?? [];
  const tag = (rows: number): string => `FETCH ${rows}`;
  // The simple protocol can't ask for a format: the cursor has one. Bind's counts otherwise.
  const formats = declared?.binary === true && input.simple !== undefined ? [1] : undefined;
  const fetched = await cursor.fetch(direction, count);
  return fetched.kind === 'rows'
    ? { kind: 'rowsNow', fields, rows: fetched.rows, tag, formats }
    : { kind: 'rows', fields, batches: fetched.batches, tag, formats };
}

/** CLOSE name, CLOSE ALL. @throws 34000, 24000 */
export async function closeCursor(
  session: SessionState,
  { name, tag }: CloseStatement,
  input: QueryInput,
): Promise<StatementResult> {
  const { cursors } = session;
  if (name === undefined) {
    await cursors.closeAll(input);
    return { kind: 'done', tag };
  }
  const portal = portalNamed(session, name);
  if (portal === input) {
    throw new PgError(SqlState.invalidCursorState, `cannot drop active portal "${name}"`);
  }
  await cursors.close(portal);
  return { kind: 'done', tag };
}
