import { PgError, SqlState } from '../base/index.ts';
import { blockingProcesses, deadlockError, findCycle } from './deadlock.ts';
import type { BackendState, Lock, LockName, OwnerState, Waiter } from './lock.ts';
import {
  eachHolder,
  heldAgainst,
  heldByBackend,
  isHeld,
  maskOf,
  newLock,
  setMask,
} from './lock.ts';
import { conflictMask, exclusive, modeName, shared } from './modes.ts';
import type { Backend, LockMark, LockOwner, LockSpace, LockStatus } from './types.ts';

/**
 * The lock manager: who holds what, who waits for whom. Locks are in memory alone, as PostgreSQL's are: after a crash no
 * transaction is left to hold one. First come, first served; a wait that closes a cycle fails at once with 40P01.
 */
export interface LockManager {
  backend(processId: number): Backend;
  /** A transaction's owner, or a session's. */
  owner(backend: Backend): LockOwner;
  /** Takes the lock if that needs no wait; the modes add up to those that the owner has of it already. */
  tryAcquire(owner: LockOwner, space: LockSpace, name: LockName, mask: number): boolean;
  /**
   * The same, waiting for it.
   * @throws 40P01, 55P03 after lock_timeout, the reason of the backend's signal
   */
  acquire(owner: LockOwner, space: LockSpace, name: LockName, mask: number): Promise<void>;
  /** Whether tryAcquire would take it. */
  isFree(owner: LockOwner, space: LockSpace, name: LockName, mask: number): boolean;
  /** Waits until the lock could be had, without taking it. @throws as acquire */
  waitUntilFree(owner: LockOwner, space: LockSpace, name: LockName, mask: number): Promise<void>;
  /** Waits for the end of another owner. @throws as acquire */
  waitForEnd(owner: LockOwner, other: LockOwner): Promise<void>;
  /** The owner's modes of a lock. */
  held(owner: LockOwner, space: LockSpace, name: LockName): number;
  /** Gives back modes before the owner ends: a session's lock, or one that turned out to be needless. */
  release(owner: LockOwner, space: LockSpace, name: LockName, mask: number): void;
  /**
   * Gives back those of the owner's locks with these names that were taken since the mark, which must be its last one: what
   * protects them from now on is elsewhere.
   */
  releaseSince(
    owner: LockOwner,
    mark: LockMark,
    space: LockSpace,
    names: ReadonlySet<LockName>,
  ): void;
  /** Process ids that the session waits for. */
  blocking(processId: number): readonly number[];
  /** Locks of a space that are held or waited for. */
  count(space: LockSpace): number;
  status(): LockStatus[];
  /** How messages name the tables of the `relation` space. Default: `relation 17`. */
  nameRelations(name: (id: LockName) => string): void;
}

export function createLockManager(): LockManager {
  const spaces: Readonly<Record<LockSpace, Map<LockName, Lock>>> = {
    relation: new Map(),
    row: new Map(),
    transaction: new Map(),
    advisory: new Map(),
    catalog: new Map(),
  };
  let owners = 0;
  let relationName = (id: LockName): string => `relation ${id}`;
  /** Backends that wait. */
  const waitingBackends = new Set<BackendState>();

  const state = (owner: LockOwner): OwnerState => owner as LockOwner & OwnerState;

  function grant(lock: Lock, owner: OwnerState, mask: number): void {
    const had = maskOf(lock, owner);
    const added = mask & ~had;
    if (added === 0) return;
    setMask(lock, owner, had | mask);
    owner.held.push(lock);
    owner.heldMasks.push(added);
  }

  /**
   * Whether waiters already there go first. Not where whoever has the lock wants more of it: it would wait for itself. Nor for
   * rows: who gets along with a row's holders joins them, and only those who must wait queue (heapam.c, heap_lock_tuple).
   */
  function queuedAgainst(lock: Lock, backend: BackendState, conflicts: number): boolean {
    const { queue } = lock;
    if (queue === undefined || queue.length === 0 || lock.space === 'row') return false;
    if (heldByBackend(lock, backend)) return false;
    return queue.some((waiter) => (waiter.mask & conflicts) !== 0);
  }

  function available(lock: Lock, owner: OwnerState, mask: number): boolean {
    const conflicts = conflictMask(lock.space, mask);
    return (
      !heldAgainst(lock, owner.backend, conflicts) && !queuedAgainst(lock, owner.backend, conflicts)
    );
  }

  function admit(lock: Lock): void {
    const { queue } = lock;
    if (queue !== undefined) {
      let ahead = 0;
      for (let i = 0; i < queue.length;) {
        const waiter = queue[i]!;
        const conflicts = conflictMask(lock.space, waiter.mask);
        if ((ahead & conflicts) === 0 && !heldAgainst(lock, waiter.owner.backend, conflicts)) {
          queue.splice(i, 1);
          if (!waiter.probe) grant(lock, waiter.owner, waiter.mask);
          waiter.granted();
        } else {
          ahead |= waiter.mask;
          i++;
        }
      }
      if (queue.length === 0) lock.queue = undefined;
    }
    const gone = lock.queue === undefined && !isHeld(lock);
    if (gone && spaces[lock.space].get(lock.name) === lock) spaces[lock.space].delete(lock.name);
  }

  function drop(lock: Lock, owner: OwnerState, mask: number): void {
    setMask(lock, owner, maskOf(lock, owner) & ~mask);
    if (lock.queue !== undefined || !isHeld(lock)) admit(lock);
  }

  function releaseTo(owner: OwnerState, mark: number): void {
    const { held, heldMasks } = owner;
    while (held.length > mark) {
      const lock = held.pop()!;
      const mask = heldMasks.pop()!;
      // Zero: given back before.
      if (mask !== 0) drop(lock, owner, mask);
    }
  }

  function wait(owner: OwnerState, lock: Lock, mask: number, probe: boolean): Promise<void> {
    const { backend } = owner;
    const { signal, lockTimeoutMs } = backend;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      let timer: NodeJS.Timeout | undefined;
      const leave = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', aborted);
        backend.waiting = undefined;
        waitingBackends.delete(backend);
      };
      const waiter: Waiter = {
        owner,
        lock,
        mask,
        probe,
        granted: () => {
          leave();
          resolve();
        },
      };
      const giveUp = (error: unknown): void => {
        leave();
        const at = lock.queue?.indexOf(waiter) ?? -1;
        if (at >= 0) lock.queue!.splice(at, 1);
        reject(error as Error);
        admit(lock);
      };
      const aborted = (): void => giveUp(signal?.reason);
      signal?.addEventListener('abort', aborted, { once: true });
      lock.queue ??= [];
      // A holder that wants more goes before those who wait for it to end.
      if (heldByBackend(lock, backend)) lock.queue.unshift(waiter);
      else lock.queue.push(waiter);
      backend.waiting = waiter;
      waitingBackends.add(backend);
      const cycle = findCycle(backend);
      if (cycle !== undefined) {
        giveUp(deadlockError(cycle, relationName));
        return;
      }
      if (lockTimeoutMs > 0) timer = setTimeout(() => giveUp(lockTimeout()), lockTimeoutMs);
    });
  }

  function lockNamed(space: LockSpace, name: LockName): Lock {
    let lock = spaces[space].get(name);
    if (lock === undefined) {
      lock = newLock(space, name);
      spaces[space].set(name, lock);
    }
    return lock;
  }

  const manager: LockManager = {
    backend: (processId) => {
      const backend: BackendState = {
        processId,
        signal: undefined,
        lockTimeoutMs: 0,
        waiting: undefined,
      };
      return backend;
    },
    owner: (backend) => {
      const owner: OwnerState & LockOwner = {
        id: ++owners,
        backend: backend as BackendState,
        held: [],
        heldMasks: [],
        ended: undefined,
        mark: () => owner.held.length,
        releaseTo: (mark) => releaseTo(owner, mark),
        releaseAll: () => {
          releaseTo(owner, 0);
          const { ended } = owner;
          if (ended === undefined) return;
          owner.ended = undefined;
          setMask(ended, owner, 0);
          admit(ended);
        },
      };
      return owner;
    },
    tryAcquire: (owner, space, name, mask) => {
      const own = state(owner);
      const lock = spaces[space].get(name);
      if (lock === undefined) {
        const created = newLock(space, name);
        spaces[space].set(name, created);
        grant(created, own, mask);
        return true;
      }
      if ((maskOf(lock, own) & mask) === mask) return true;
      if (!available(lock, own, mask)) return false;
      grant(lock, own, mask);
      return true;
    },
    acquire: async (owner, space, name, mask) => {
      if (manager.tryAcquire(owner, space, name, mask)) return;
      await wait(state(owner), lockNamed(space, name), mask, false);
    },
    isFree: (owner, space, name, mask) => {
      const lock = spaces[space].get(name);
      return lock === undefined || available(lock, state(owner), mask);
    },
    waitUntilFree: async (owner, space, name, mask) => {
      if (manager.isFree(owner, space, name, mask)) return;
      await wait(state(owner), lockNamed(space, name), mask, true);
    },
    waitForEnd: async (owner, other) => {
      const target = state(other);
      if (target.backend === state(owner).backend) return;
      if (target.ended === undefined) {
        target.ended = lockNamed('transaction', target.id);
        setMask(target.ended, target, exclusive);
      }
      await wait(state(owner), target.ended, shared, true);
    },
    held: (owner, space, name) => {
      const lock = spaces[space].get(name);
      return lock === undefined ? 0 : maskOf(lock, state(owner));
    },
    release: (owner, space, name, mask) => {
      const own = state(owner);
      const lock = spaces[space].get(name);
      if (lock === undefined) return;
      const had = maskOf(lock, own) & mask;
      if (had === 0) return;
      let left = had;
      for (let i = own.held.length - 1; i >= 0 && left !== 0; i--) {
        if (own.held[i] !== lock) continue;
        left &= ~own.heldMasks[i]!;
        own.heldMasks[i]! &= ~mask;
      }
      drop(lock, own, had);
    },
    releaseSince: (owner, mark, space, names) => {
      const { held, heldMasks } = state(owner);
      const dropped: [Lock, number][] = [];
      let kept = mark;
      for (let i = mark; i < held.length; i++) {
        const lock = held[i]!;
        const mask = heldMasks[i]!;
        if (lock.space === space && names.has(lock.name)) {
          dropped.push([lock, mask]);
        } else {
          held[kept] = lock;
          heldMasks[kept++] = mask;
        }
      }
      held.length = kept;
      heldMasks.length = kept;
      for (const [lock, mask] of dropped) if (mask !== 0) drop(lock, state(owner), mask);
    },
    blocking: (processId) => {
      for (const backend of waitingBackends) {
        if (backend.processId === processId) return blockingProcesses(backend);
      }
      return [];
    },
    nameRelations: (name) => {
      relationName = name;
    },
    count: (space) => spaces[space].size,
    status: () => {
      const all: LockStatus[] = [];
      for (const locks of Object.values(spaces)) {
        for (const { space, name, queue, ...lock } of locks.values()) {
          const one = (owner: OwnerState, mask: number, granted: boolean): void => {
            const { processId } = owner.backend;
            all.push({
              space,
              name: String(name),
              mode: modeName(space, mask),
              processId,
              granted,
            });
          };
          eachHolder({ space, name, queue, ...lock }, (owner, mask) => one(owner, mask, true));
          for (const waiter of queue ?? []) one(waiter.owner, waiter.mask, false);
        }
      }
      return all;
    },
  };
  return manager;
}

function lockTimeout(): PgError {
  return new PgError(SqlState.lockNotAvailable, 'canceling statement due to lock timeout');
}
