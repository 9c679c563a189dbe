import type { Statement } from '../../sql/index.ts';
import type { SessionState } from '../state.ts';

/** Whether the statement may write rows, or change tables, that an open cursor has yet to read. */
export function mayWrite(session: SessionState, statement: Statement | undefined): boolean {
  if (statement === undefined) return false;
  switch (statement.class) {
    case 'query':
      return statement.modifies;
    case 'ddl':
      return true;
    case 'copy':
      return statement.kind === 'copyFrom';
    case 'utility':
      if (statement.kind === 'explain') return mayWrite(session, statement.inner);
      if (statement.kind !== 'execute') return false;
      return mayWrite(session, session.prepared.get(statement.name)?.statement);
    case 'tide':
    case 'cursor':
    case 'transaction':
      return false;
  }
}
