import type { LockSpace } from './types.ts';

/** Names are unique in their space: a table's id, a row's key as text. */
export type LockName = string | number;

/** What the manager knows of a session. */
export interface BackendState {
  readonly processId: number;
  signal: AbortSignal | undefined;
  lockTimeoutMs: number;
  /** A session waits for one lock at a time. */
  waiting: Waiter | undefined;
}

export interface OwnerState {
  readonly id: number;
  readonly backend: BackendState;
  /** Locks in the order they were taken, and which of their modes; a lock taken twice is there twice. */
  readonly held: Lock[];
  readonly heldMasks: number[];
  /** What waits for the owner's end. */
  ended: Lock | undefined;
}

export interface Waiter {
  readonly owner: OwnerState;
  readonly lock: Lock;
  readonly mask: number;
  /** Wants to know that the lock could be had, not to have it. */
  readonly probe: boolean;
  readonly granted: () => void;
}

/** One lock that is held or waited for. Most are held by one owner alone, whom no further object stands for. */
export interface Lock {
  readonly space: LockSpace;
  readonly name: LockName;
  owner: OwnerState | undefined;
  mask: number;
  others: Map<OwnerState, number> | undefined;
  /** All modes held, or more than that: made exact when a conflict is suspected. */
  union: number;
  queue: Waiter[] | undefined;
}

export function newLock(space: LockSpace, name: LockName): Lock {
  return {
    space,
    name,
    owner: undefined,
    mask: 0,
    others: undefined,
    union: 0,
    queue: undefined,
  };
}

export function maskOf(lock: Lock, owner: OwnerState): number {
  return lock.owner === owner ? lock.mask : (lock.others?.get(owner) ?? 0);
}

export function setMask(lock: Lock, owner: OwnerState, mask: number): void {
  lock.union |= mask;
  if (lock.owner === owner) {
    lock.mask = mask;
    if (mask === 0) lock.owner = undefined;
  } else if (mask === 0) {
    lock.others?.delete(owner);
  } else if (lock.owner === undefined && lock.others?.has(owner) !== true) {
    lock.owner = owner;
    lock.mask = mask;
  } else {
    lock.others ??= new Map();
    lock.others.set(owner, mask);
  }
}

export function isHeld(lock: Lock): boolean {
  return lock.owner !== undefined || (lock.others !== undefined && lock.others.size > 0);
}

/** Calls `visit` with each holder and its modes. */
export function eachHolder(lock: Lock, visit: (owner: OwnerState, mask: number) => void): void {
  if (lock.owner !== undefined) visit(lock.owner, lock.mask);
  lock.others?.forEach((mask, owner) => visit(owner, mask));
}

/** Whether a session other than `backend` has one of the `conflicts` modes. */
export function heldAgainst(lock: Lock, backend: BackendState, conflicts: number): boolean {
  if ((lock.union & conflicts) === 0) return false;
  let union = 0;
  let against = false;
  eachHolder(lock, (owner, mask) => {
    union |= mask;
    if (owner.backend !== backend && (mask & conflicts) !== 0) against = true;
  });
  lock.union = union;
  return against;
}

export function heldByBackend(lock: Lock, backend: BackendState): boolean {
  let found = false;
  eachHolder(lock, (owner) => {
    if (owner.backend === backend) found = true;
  });
  return found;
}
