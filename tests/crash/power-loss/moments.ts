import type { Random } from '../random.ts';

/** Half of the moments anywhere, half around what orders the disk. */
export function chooseMoments(
  operations: readonly { readonly operation: { readonly op: string } }[],
  count: number,
  random: Random,
): ReadonlySet<number> {
  const ordering = operations.flatMap(({ operation: { op } }, index) =>
    op === 'write' ? [] : [index, index + 1],
  );
  const moments = new Set<number>();
  while (moments.size < Math.min(count, operations.length))
    moments.add(random.chance(0.5) ? random.below(operations.length) : random.pick(ordering));
  return moments;
}
