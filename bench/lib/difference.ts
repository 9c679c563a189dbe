/** The first index at which two lists differ, one of them having ended included; undefined when they are the same. */
export function firstDifference(
  left: readonly unknown[],
  right: readonly unknown[],
): number | undefined {
  const length = Math.max(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    if (JSON.stringify(left[index]) !== JSON.stringify(right[index])) return index;
  }
  return undefined;
}
