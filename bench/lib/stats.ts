/** The middle value; of an even count, the mean of the middle two. Throws on an empty list. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined)
    throw new Error('no values to take the median of');
  return (lower + upper) / 2;
}

/** The value that `share` (0 to 1) of the sorted values are at or below. Throws on an empty list. */
export function percentile(sorted: Float64Array, share: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (value === undefined) throw new Error('no values to take a percentile of');
  return value;
}

/** How far repeated measurements lie apart: (max - min) / median. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}
