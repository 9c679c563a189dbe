import type { SessionState } from '../state.ts';

/** Runs work so that a cancel or a timeout of the statement that asks for it ends it. */
export type Guard = <T>(work: () => Promise<T>) => Promise<T>;

export function guardOf(session: SessionState): Guard {
  return async (work) => {
    session.signal.throwIfAborted();
    return work();
  };
}

/**
 * For a query that several statements read from: each of them has its own cancel, which ends the query while that statement
 * reads and never after.
 */
export function queryGuard(session: SessionState): {
  readonly signal: AbortSignal;
  readonly guard: Guard;
} {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    guard: async (work) => {
      const { signal } = session;
      signal.throwIfAborted();
      const abort = (): void => controller.abort(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      try {
        return await work();
      } finally {
        signal.removeEventListener('abort', abort);
      }
    },
  };
}
