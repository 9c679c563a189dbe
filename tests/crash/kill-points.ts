/**
 * The named moments at which the server under test can be killed. Those of batches are named by what a batch of the hot store
 * holds (faulty-store.ts), the others by the steps that the server itself names.
 */

/** What a batch of the hot store may hold; a group of commits often holds several. */
export const batchKinds = [
  'row commit',
  'bulk spill',
  'bulk commit',
  'bulk clean-up',
  'manifest commit',
  'manifest removal',
  'truncate commit',
  'lazy removal',
  'catalog commit',
  'drop done',
  'job change',
  'sequence reservation',
] as const;

export type BatchKind = (typeof batchKinds)[number];

/** Passed while clients work. */
export const workPoints: readonly string[] = [
  ...batchKinds.flatMap((kind) => [`${kind}: before write`, `${kind}: written`]),
  'flush: folder made',
  'flush: file written',
  'flush: file synced',
  'flush: file renamed',
  'flush: folder synced',
  'flush: before commit',
  'flush: committed',
  'flush: removing',
  'compact: folder made',
  'compact: file written',
  'compact: file synced',
  'compact: file renamed',
  'compact: folder synced',
  'compact: before commit',
  'compact: committed',
  'compact: files removed',
  'compact: marks removed',
  'retention: rows removed',
  'evict: rows removed',
  'truncate: files unlisted',
  'truncate: files removed',
  'drop: before files',
  'drop: files removed',
  'mirror statement: before',
  'mirror statement: done',
  'mirror commit: before',
  'mirror commit: done',
];

/** Passed at each start. */
export const startPoints: readonly string[] = [
  'open: folder claimed',
  'open: before sweep',
  'open: swept',
];

export const killPoints: readonly string[] = [...workPoints, ...startPoints];
