import type { PgliteHandle } from '../pglite/index.ts';
import type { Engine } from './engine.ts';
import type { SessionState } from './state.ts';

/**
 * The only way to the mirror: while another session's transaction has DDL open there, its uncommitted catalog must not be
 * seen, and its failed transaction must not be run into.
 */
export type MirrorAccess = <T>(read: (mirror: PgliteHandle) => Promise<T>) => Promise<T>;

/** Takes turns with DDL; gives up waiting when `signal` is aborted. */
export function sharedMirror(engine: Engine, signal?: AbortSignal): MirrorAccess {
  return (read) => engine.catalog.shared(() => read(engine.mirror), signal);
}

/** The same for a session, which has the mirror to itself while its own transaction has DDL open. */
export function mirrorOf(session: SessionState): MirrorAccess {
  const { engine, transaction, signal } = session;
  return transaction.ddl === undefined
    ? sharedMirror(engine, signal)
    : (read) => read(engine.mirror);
}
