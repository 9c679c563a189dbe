/** A lock that many may share or one may hold; waiters are served in order of arrival. */
export interface Mutex {
  /** Rejects with the signal's reason when aborted while waiting. */
  shared<T>(body: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Resolves with the release function; rejects with the signal's reason when aborted while waiting. */
  exclusive(signal: AbortSignal): Promise<() => void>;
}

interface Waiter {
  readonly exclusive: boolean;
  readonly admit: () => void;
}

export function createMutex(): Mutex {
  const waiting: Waiter[] = [];
  let sharers = 0;
  let held = false;

  const admitNext = (): void => {
    for (;;) {
      const next = waiting[0];
      if (next === undefined || held || (next.exclusive && sharers > 0)) return;
      waiting.shift();
      if (next.exclusive) held = true;
      else sharers++;
      next.admit();
    }
  };
  const enter = (exclusive: boolean, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const abort = (): void => {
        const at = waiting.indexOf(waiter);
        if (at < 0) return;
        waiting.splice(at, 1);
        reject(signal?.reason as Error);
        admitNext();
      };
      const waiter: Waiter = {
        exclusive,
        admit: () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      waiting.push(waiter);
      admitNext();
    });

  return {
    shared: async (body, signal) => {
      await enter(false, signal);
      try {
        return await body();
      } finally {
        sharers--;
        admitNext();
      }
    },
    exclusive: async (signal) => {
      await enter(true, signal);
      let released = false;
      return () => {
        if (released) return;
        released = true;
        held = false;
        admitNext();
      };
    },
  };
}
