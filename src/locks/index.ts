/**
 * locks: PostgreSQL's heavyweight locks, in memory: tables, rows and unique keys, advisory locks, the catalog. A transaction's
 * owner takes them one by one and gives them all back at its end; a savepoint is a mark in its list.
 */
export { createLockManager } from './manager.ts';
export type { LockManager } from './manager.ts';
export { exclusive, rowModes, shared, tableModes, written } from './modes.ts';
export type * from './types.ts';
