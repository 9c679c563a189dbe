/** What PostgreSQL says of a DECLARE before it runs (analyze.c, transformDeclareCursorStmt). */
import { PgError, SqlState } from '../../base/index.ts';
import type { RowMark } from '../../analyzer/tree.ts';
import type { CursorStatement } from '../../sql/index.ts';
import type { Prepared } from '../state.ts';

export type DeclareStatement = Extract<CursorStatement, { kind: 'declare' }>;

/** Before the query itself is looked at. */
export function checkDeclare(statement: DeclareStatement): void {
  const both = (one: string, other: string): PgError =>
    new PgError(SqlState.invalidCursorDefinition, `cannot specify both ${one} and ${other}`);
  if (statement.bothScroll) throw both('SCROLL', 'NO SCROLL');
  if (statement.insensitive && statement.asensitive) throw both('ASENSITIVE', 'INSENSITIVE');
  const { inner } = statement;
  if (inner.class === 'ddl') {
    throw new PgError(
      SqlState.syntaxError,
      'SELECT ... INTO is not allowed here',
      intoPosition(statement),
    );
  }
  if (inner.class === 'query' && inner.modifies) {
    throw new PgError(
      SqlState.featureNotSupported,
      'DECLARE CURSOR must not contain data-modifying statements in WITH',
    );
  }
}

function intoPosition(statement: DeclareStatement): { readonly position?: number } {
  const { node, text } = statement;
  const query = 'DeclareCursorStmt' in node ? node.DeclareCursorStmt.query : undefined;
  const into =
    query !== undefined && 'SelectStmt' in query ? query.SelectStmt.intoClause : undefined;
  if (into?.rel?.location === undefined) return {};
  const before = Buffer.from(text).subarray(0, into.rel.location).toString();
  return { position: statement.sourcePosition(Array.from(before).length + 1) };
}

const strengths: Readonly<Record<RowMark['strength'], string>> = {
  keyShare: 'FOR KEY SHARE',
  share: 'FOR SHARE',
  noKeyUpdate: 'FOR NO KEY UPDATE',
  update: 'FOR UPDATE',
};

/** Behind: rows that are locked are read as they are fetched, once. */
export function checkLocks(statement: DeclareStatement, inner: Prepared): void {
  const mark = inner.plan?.analyzed.queries[0]?.rowMarks[0];
  if (mark === undefined) return;
  const lock = strengths[mark.strength];
  const refuse = (code: string, what: string, kind: string): PgError =>
    new PgError(code, what, { detail: `${kind} cursors must be READ ONLY.` });
  const { featureNotSupported, invalidCursorDefinition } = SqlState;
  if (statement.hold) {
    const what = `DECLARE CURSOR WITH HOLD ... ${lock} is not supported`;
    throw refuse(featureNotSupported, what, 'Holdable');
  }
  if (statement.scroll === true) {
    const what = `DECLARE SCROLL CURSOR ... ${lock} is not supported`;
    throw refuse(featureNotSupported, what, 'Scrollable');
  }
  if (statement.insensitive) {
    const what = `DECLARE INSENSITIVE CURSOR ... ${lock} is not valid`;
    throw refuse(invalidCursorDefinition, what, 'Insensitive');
  }
}
