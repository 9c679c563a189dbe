import type { AdvisoryLocks } from '../executor/types.ts';
import { exclusive, shared } from '../locks/index.ts';
import type { Backend, LockManager, LockOwner } from '../locks/index.ts';
import type { AdvisoryFunction } from '../planner/advisory-functions.ts';
import type { Report } from '../base/index.ts';
import type { Value } from '../types/value.ts';

/** The OID of the database that there is: PostgreSQL's `postgres`. */
const databaseOid = 5;

/** As PostgreSQL names them (lockfuncs.c, SET_LOCKTAG_INT64 and SET_LOCKTAG_INT32). */
function lockName(key: readonly Value[]): string {
  const [first, second] = key;
  if (typeof first === 'bigint') {
    const bits = BigInt.asUintN(64, first);
    return `${databaseOid},${bits >> 32n},${bits & 0xffffffffn},1`;
  }
  return `${databaseOid},${Number(first) >>> 0},${Number(second) >>> 0},2`;
}

const maskOf = (of: AdvisoryFunction): number => (of.shared ? shared : exclusive);

interface Held {
  readonly owner: LockOwner;
  /** How often it has been taken. */
  count: number;
}

/**
 * A session's advisory locks. Those of the session count how often they were taken, and outlive transactions and their rollback; those
 * of a transaction are its owner's like any other lock.
 */
export function createAdvisoryLocks(
  locks: LockManager,
  backend: Backend,
  transactionOwner: () => LockOwner,
  notice: (report: Report) => void,
): AdvisoryLocks {
  /** By mode and name; each with an owner of its own, so that giving it back leaves nothing behind. */
  const held = new Map<string, Held>();
  const keyOf = (of: AdvisoryFunction, name: string): string => `${maskOf(of)} ${name}`;
  const ownerFor = (of: AdvisoryFunction, name: string): LockOwner =>
    of.until === 'transaction'
      ? transactionOwner()
      : (held.get(keyOf(of, name))?.owner ?? locks.owner(backend));
  const taken = (of: AdvisoryFunction, name: string, owner: LockOwner): void => {
    if (of.until === 'transaction') return;
    const known = held.get(keyOf(of, name));
    if (known === undefined) held.set(keyOf(of, name), { owner, count: 1 });
    else known.count++;
  };

  return {
    tryLock(of, key) {
      const name = lockName(key);
      const owner = ownerFor(of, name);
      if (!locks.tryAcquire(owner, 'advisory', name, maskOf(of))) return false;
      taken(of, name, owner);
      return true;
    },
    async lock(of, key) {
      const name = lockName(key);
      const owner = ownerFor(of, name);
      await locks.acquire(owner, 'advisory', name, maskOf(of));
      taken(of, name, owner);
    },
    unlock(of, key) {
      const at = keyOf(of, lockName(key));
      const known = held.get(at);
      if (known === undefined) {
        const mode = of.shared ? 'ShareLock' : 'ExclusiveLock';
        const message = `you don't own a lock of type ${mode}`;
        notice({ severity: 'WARNING', code: '01000', message });
        return false;
      }
      if (--known.count === 0) {
        held.delete(at);
        known.owner.releaseAll();
      }
      return true;
    },
    unlockAll() {
      const all = [...held.values()];
      held.clear();
      for (const { owner } of all) owner.releaseAll();
    },
  };
}
