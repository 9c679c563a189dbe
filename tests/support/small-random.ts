export interface SmallRandom {
  /** A whole number from 0 up to `limit`, which is not included. */
  below(limit: number): number;
  one<T>(list: readonly T[]): T;
}

/** A small generator (a linear congruence), the same for a seed everywhere. */
export function smallRandom(seed: number): SmallRandom {
  let state = seed;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  return { below, one: (list) => list[below(list.length)]! };
}
