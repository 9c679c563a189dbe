import type { Statement } from '../../sql/index.ts';
import type { SessionState } from '../state.ts';

/** Whether the statement may write rows, or change tables, that an open cursor has yet to read. */
export function mayWrite(session: SessionState, statement: Statement): boolean {
  switch (statement.class) {
    case 'query':
      return statement.modifies;
    case 'ddl':
      return true;
    case 'copy':
      return statement.kind === 'copyFrom';
    case 'utility':
      if (statement.kind === 'explain') return mayWrite(session, statement.inner);
      if (statement.kind === 'execute') {
        const executed = session.prepared.get(statement.name)?.statement;
        return executed !== undefined && mayWrite(session, executed);
      }
      return false;
    case 'tide':
    case 'cursor':
    case 'transaction':
      return false;
  }
}
