import type { PgArray, Value } from '../../../types/value.ts';

/** A one-dimensional array counted from 1; empty: no dimensions. */
export function makeArray(elements: readonly Value[]): PgArray {
  return elements.length === 0
    ? { kind: 'array', elements, dims: [], lowerBounds: [] }
    : { kind: 'array', elements, dims: [elements.length], lowerBounds: [1] };
}
