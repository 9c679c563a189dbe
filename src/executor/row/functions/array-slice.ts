import type { PgArray, Value } from '../../../types/value.ts';
import { makeArray } from './array-value.ts';

const emptyArray = makeArray([]);

/** `array[l:u]…` as array_get_slice does: bounds are cut to the array's own; undefined: from or to its end. */
export function arraySlice(
  array: PgArray,
  lower: readonly (number | undefined)[],
  upper: readonly (number | undefined)[],
): PgArray {
  const { dims, lowerBounds } = array;
  if (dims.length === 0 || lower.length > dims.length) return emptyArray;
  const from: number[] = [];
  const counts: number[] = [];
  for (let i = 0; i < dims.length; i++) {
    const first = lowerBounds[i]!;
    const last = first + dims[i]! - 1;
    const start = Math.max(lower[i] ?? first, first);
    const end = Math.min(upper[i] ?? last, last);
    if (start > end) return emptyArray;
    from.push(start - first);
    counts.push(end - start + 1);
  }
  const elements: Value[] = [];
  const take = (dimension: number, base: number): void => {
    for (let i = 0; i < counts[dimension]!; i++) {
      const at = base * dims[dimension]! + from[dimension]! + i;
      if (dimension === dims.length - 1) elements.push(array.elements[at]!);
      else take(dimension + 1, at);
    }
  };
  take(0, 0);
  return { kind: 'array', elements, dims: counts, lowerBounds: counts.map(() => 1) };
}
