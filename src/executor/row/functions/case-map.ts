/**
 * Where PostgreSQL's case mapping (its built-in C.UTF-8 locale's, one character to one) differs from JavaScript's one-to-one mappings:
 * first and last code point, step, and what is added to the code point. A test compares every code point.
 */
export type CaseRange = readonly [first: number, last: number, step: number, delta: number];

// oxfmt-ignore
export const upperDifferences: readonly CaseRange[] = [
  [0x1f80, 0x1f87, 1, 8],
  [0x1f90, 0x1f97, 1, 8],
  [0x1fa0, 0x1fa7, 1, 8],
  [0x1fb3, 0x1fb3, 1, 9],
  [0x1fc3, 0x1fc3, 1, 9],
  [0x1ff3, 0x1ff3, 1, 9],
  [0xa7cf, 0xa7cf, 1, 0],
  [0xa7d3, 0xa7d5, 2, 0],
  [0x16ebb, 0x16ed3, 1, 0],
];

// oxfmt-ignore
export const lowerDifferences: readonly CaseRange[] = [
  [0x130, 0x130, 1, -199],
  [0xa7ce, 0xa7ce, 1, 0],
  [0xa7d2, 0xa7d4, 2, 0],
  [0x16ea0, 0x16eb8, 1, 0],
];
