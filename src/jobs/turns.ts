/** Lets one at a time work on a table; the others wait in the order in which they came. */
export interface Turns {
  /** Whether `take` would have to wait. */
  isTaken(tableId: number): boolean;
  /** Resolves, when the turn has come, with the function that ends it. */
  take(tableId: number): Promise<() => void>;
}

export function createTurns(): Turns {
  const last = new Map<number, Promise<void>>();
  return {
    isTaken: (tableId) => last.has(tableId),
    async take(tableId) {
      const before = last.get(tableId);
      const { promise, resolve } = Promise.withResolvers<void>();
      last.set(tableId, promise);
      await before;
      return () => {
        if (last.get(tableId) === promise) last.delete(tableId);
        resolve();
      };
    },
  };
}
