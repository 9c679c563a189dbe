import { fireDeferred } from '../executor/dml/constraint-events/fire.ts';
import type { QueueMark } from '../executor/dml/constraint-events/queue.ts';
import { createExecution } from './context.ts';
import type { SessionState } from './state.ts';

/** Makes the deferred checks part of the session's transaction: its savepoints, its commit, its end. */
export function joinConstraints(session: SessionState): void {
  const { constraints, transaction } = session;
  transaction.join({
    mark: () => constraints.mark(),
    rollbackTo: (mark) => constraints.rollbackTo(mark as QueueMark),
    beforeCommit: () => (constraints.waiting ? fireWaiting(session, 'all') : undefined),
    ended: () => constraints.clear(),
  });
}

/** Checks what has waited, over the newest state of the database. @throws 23503, 23505 */
export async function fireWaiting(
  session: SessionState,
  which: 'immediate' | 'all',
): Promise<void> {
  const execution = createExecution(session, session.transaction.statement(), [], [], '');
  await fireDeferred(which, execution);
}
