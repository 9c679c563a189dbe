/** The storage's contract with the layers above, by subject. */
export * from './types/table.ts';
export type * from './types/reading.ts';
export type * from './types/transaction.ts';
export type * from './types/upkeep.ts';
export type * from './types/figures.ts';
export type * from './types/backup.ts';
export type * from './types/locations.ts';
export type * from './types/verify.ts';
export type * from './types/sequences.ts';
export type * from './types/storage.ts';
