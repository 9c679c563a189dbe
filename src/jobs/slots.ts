/** So many jobs may run at a time; the others wait in the order in which they came. */
export interface Slots {
  /** Whether `take` would have to wait. */
  readonly full: boolean;
  /** Resolves, when there is room, with the function that makes room again. Rejects with the signal's reason. */
  take(signal: AbortSignal): Promise<() => void>;
}

export function createSlots(max: number): Slots {
  let taken = 0;
  const waiting: (() => void)[] = [];
  const free = (): void => {
    const next = waiting.shift();
    if (next === undefined) taken--;
    else next();
  };
  return {
    get full() {
      return taken >= max;
    },
    async take(signal) {
      signal.throwIfAborted();
      if (taken < max) {
        taken++;
        return free;
      }
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const abort = (): void => {
        const at = waiting.indexOf(resolve);
        if (at < 0) return;
        waiting.splice(at, 1);
        reject(signal.reason as Error);
      };
      waiting.push(resolve);
      signal.addEventListener('abort', abort, { once: true });
      await promise.finally(() => signal.removeEventListener('abort', abort));
      return free;
    },
  };
}
