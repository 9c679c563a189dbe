import type { LockSpace, RowLockMode, TableLockMode } from './types.ts';

/** Modes are bits of a mask, so that what an owner has of a lock is one number. */
export const tableModes: Readonly<Record<TableLockMode, number>> = {
  accessShare: 1,
  rowShare: 2,
  rowExclusive: 4,
  shareUpdateExclusive: 8,
  share: 16,
  shareRowExclusive: 32,
  exclusive: 64,
  accessExclusive: 128,
};

export const rowModes: Readonly<Record<RowLockMode, number>> = {
  keyShare: 1,
  share: 2,
  noKeyUpdate: 4,
  update: 8,
};

/** Beside `update`: the holder has written the row or key, so that its fate depends on how the transaction ends. */
export const written = 16;

export const shared = 1;
export const exclusive = 2;

/** By bit number: the modes that conflict (lock.c, LockConflicts; heapam.c, tupleLockExtraInfo). */
const tableConflicts: readonly number[] = [128, 192, 240, 248, 236, 252, 254, 255];
/** A probe for `written` waits for writers only. */
const rowConflicts: readonly number[] = [8, 4 + 8, 2 + 4 + 8, 1 + 2 + 4 + 8, written];
const simpleConflicts: readonly number[] = [exclusive, shared + exclusive];

const conflictsOf: Readonly<Record<LockSpace, readonly number[]>> = {
  relation: tableConflicts,
  row: rowConflicts,
  transaction: simpleConflicts,
  advisory: simpleConflicts,
  catalog: simpleConflicts,
};

/** All modes that conflict with one of the mask's. */
export function conflictMask(space: LockSpace, mask: number): number {
  const conflicts = conflictsOf[space];
  let all = 0;
  for (let bit = 0; mask >> bit !== 0; bit++) {
    if ((mask & (1 << bit)) !== 0) all |= conflicts[bit]!;
  }
  return all;
}

const tableModeNames: readonly string[] = [
  'AccessShareLock',
  'RowShareLock',
  'RowExclusiveLock',
  'ShareUpdateExclusiveLock',
  'ShareLock',
  'ShareRowExclusiveLock',
  'ExclusiveLock',
  'AccessExclusiveLock',
];
const rowModeNames: readonly string[] = [
  'For Key Share',
  'For Share',
  'For No Key Update',
  'For Update',
  'Written',
];
const simpleModeNames: readonly string[] = ['ShareLock', 'ExclusiveLock'];

const namesOf: Readonly<Record<LockSpace, readonly string[]>> = {
  relation: tableModeNames,
  row: rowModeNames,
  transaction: simpleModeNames,
  advisory: simpleModeNames,
  catalog: simpleModeNames,
};

/** The strongest mode of a mask, by PostgreSQL's name. */
export function modeName(space: LockSpace, mask: number): string {
  const names = namesOf[space];
  for (let bit = names.length - 1; bit >= 0; bit--) {
    if ((mask & (1 << bit)) !== 0 && (space !== 'row' || 1 << bit !== written)) return names[bit]!;
  }
  return names[0]!;
}
