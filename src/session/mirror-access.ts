import type { MirrorWait } from '../catalog/catalog.ts';
import type { PgliteHandle } from '../pglite/index.ts';
import type { Engine } from './engine.ts';
import type { SessionState } from './state.ts';

/**
 * The only way to the mirror: while another session's transaction has DDL open there, its uncommitted catalog must not be
 * seen, and its failed transaction must not be run into. `read` must not wait for locks.
 */
export type MirrorAccess = <T>(read: (mirror: PgliteHandle) => Promise<T>) => Promise<T>;

/** The committed catalog. */
export function sharedMirror(engine: Engine, wait?: MirrorWait): MirrorAccess {
  return (read) => engine.catalog.shared(() => read(engine.mirror), wait);
}

/** The catalog as the session sees it: its own transaction's DDL included. */
export function mirrorOf(session: SessionState): MirrorAccess {
  return (read) => withMirror(session, () => read(session.engine.mirror));
}

/**
 * Runs `work` with the mirror showing the session's catalog all the while: OIDs that one question gave are good for the next.
 * May be nested while the transaction has DDL open.
 */
export function withMirror<T>(session: SessionState, work: () => Promise<T>): Promise<T> {
  const { engine, transaction } = session;
  return transaction.ddl === undefined
    ? engine.catalog.shared(work, transaction.owner.backend)
    : transaction.ddl.hold(work);
}
