/** Runs work under the same number one after the other, in the order of the calls; a failure stops only its own. */
export function serialWork(): <T>(turn: number, work: () => Promise<T>) => Promise<T> {
  const tails = new Map<number, Promise<unknown>>();
  return async (turn, work) => {
    const before = tails.get(turn) ?? Promise.resolve();
    const mine = before.then(work, work);
    tails.set(turn, mine);
    try {
      return await mine;
    } finally {
      if (tails.get(turn) === mine) tails.delete(turn);
    }
  };
}
