import { isDeepStrictEqual } from 'node:util';
import type { Value } from '../types/value.ts';

/** Whether two values of one type are surely the same, in their form too: 1.0 is not 1.00. */
export function sameValue(left: Value, right: Value): boolean {
  if (left instanceof Uint8Array && right instanceof Uint8Array)
    return Buffer.compare(left, right) === 0;
  return isDeepStrictEqual(left, right);
}
