import { PgError, SqlState } from '../base/index.ts';
import type { BackendState, LockName, OwnerState, Waiter } from './lock.ts';
import { eachHolder } from './lock.ts';
import { conflictMask, modeName } from './modes.ts';

/** Whom a waiter waits for: holders of conflicting modes, and whoever stands before it and wants one. */
function blockersOf(waiter: Waiter): OwnerState[] {
  const { lock, owner, mask } = waiter;
  const conflicts = conflictMask(lock.space, mask);
  const blockers: OwnerState[] = [];
  eachHolder(lock, (holder, held) => {
    if (holder.backend !== owner.backend && (held & conflicts) !== 0) blockers.push(holder);
  });
  for (const ahead of lock.queue ?? []) {
    if (ahead === waiter) break;
    if (ahead.owner.backend !== owner.backend && (ahead.mask & conflicts) !== 0)
      blockers.push(ahead.owner);
  }
  return blockers;
}

/** Process ids that keep a session waiting: pg_blocking_pids. */
export function blockingProcesses(backend: BackendState): number[] {
  if (backend.waiting === undefined) return [];
  return [...new Set(blockersOf(backend.waiting).map((owner) => owner.backend.processId))];
}

interface Edge {
  readonly waiter: Waiter;
  readonly blocker: OwnerState;
}

/** The cycle of waits that `backend` has closed by starting to wait; undefined: there is none. */
export function findCycle(backend: BackendState): Edge[] | undefined {
  const visited = new Set<BackendState>();
  const path: Edge[] = [];
  const visit = (at: BackendState): boolean => {
    const waiter = at.waiting;
    if (waiter === undefined || visited.has(at)) return false;
    visited.add(at);
    for (const blocker of blockersOf(waiter)) {
      path.push({ waiter, blocker });
      if (blocker.backend === backend || visit(blocker.backend)) return true;
      path.pop();
    }
    return false;
  };
  return visit(backend) ? path : undefined;
}

/** What a waiter waits for, in PostgreSQL's words (lmgr.c, DescribeLockTag). */
function describe({ waiter, blocker }: Edge, relationName: (id: LockName) => string): string {
  const { lock, mask } = waiter;
  const mode = modeName(lock.space, mask);
  switch (lock.space) {
    case 'relation':
      return `${mode} on ${relationName(lock.name)}`;
    case 'advisory':
      return `${mode} on advisory lock [${lock.name}]`;
    case 'catalog':
      return `${mode} on the catalog`;
    case 'row':
    case 'transaction':
      return `ShareLock on transaction ${blocker.id}`;
  }
}

/** 40P01, naming the cycle. */
export function deadlockError(
  cycle: readonly Edge[],
  relationName: (id: LockName) => string,
): PgError {
  return new PgError(SqlState.deadlockDetected, 'deadlock detected', {
    detail: cycle
      .map((edge) => {
        const { processId } = edge.waiter.owner.backend;
        return `Process ${processId} waits for ${describe(edge, relationName)}; blocked by process ${edge.blocker.backend.processId}.`;
      })
      .join('\n'),
    hint: 'See server log for query details.',
  });
}
