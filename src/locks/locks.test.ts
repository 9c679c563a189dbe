import { expect, test } from 'vitest';
import type { LockOwner } from './index.ts';
import { createLockManager, exclusive, rowModes, shared, tableModes, written } from './index.ts';

function sessions(count: number) {
  const locks = createLockManager();
  const owners = Array.from({ length: count }, (_, i) => locks.owner(locks.backend(i + 1)));
  return { locks, owners: owners as [LockOwner, LockOwner, LockOwner] };
}

/** What has become of a promise by now. */
async function now(promise: Promise<unknown>): Promise<string> {
  const waiting = Symbol('waiting');
  try {
    const first = await Promise.race([promise, new Promise((r) => setImmediate(r, waiting))]);
    return first === waiting ? 'waits' : 'granted';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

const rowNames = ['keyShare', 'share', 'noKeyUpdate', 'update'] as const;

test('row locks conflict as PostgreSQL documents', () => {
  const matrix = rowNames.map((held) =>
    rowNames.map((wanted) => {
      const { locks, owners } = sessions(2);
      locks.tryAcquire(owners[0], 'row', 'r', rowModes[held]);
      return locks.tryAcquire(owners[1], 'row', 'r', rowModes[wanted]) ? '.' : '#';
    }),
  );
  expect(matrix.map((row) => row.join(''))).toEqual(['...#', '..##', '.###', '####']);
});

test('table locks conflict as PostgreSQL documents', () => {
  const names = Object.keys(tableModes) as (keyof typeof tableModes)[];
  const matrix = names.map((held) =>
    names
      .map((wanted) => {
        const { locks, owners } = sessions(2);
        locks.tryAcquire(owners[0], 'relation', 1, tableModes[held]);
        return locks.tryAcquire(owners[1], 'relation', 1, tableModes[wanted]) ? '.' : '#';
      })
      .join(''),
  );
  expect(matrix).toEqual([
    '.......#',
    '......##',
    '....####',
    '...#####',
    '..##.###',
    '..######',
    '.#######',
    '########',
  ]);
});

test('waiters are served in order, and nothing is left when all have ended', async () => {
  const { locks, owners } = sessions(3);
  const [a, b, c] = owners;
  await locks.acquire(a, 'row', 'r', rowModes.update);
  const second = locks.acquire(b, 'row', 'r', rowModes.update);
  const third = locks.acquire(c, 'row', 'r', rowModes.share);
  expect(await now(second)).toBe('waits');
  expect(locks.blocking(3)).toEqual([1, 2]);
  a.releaseAll();
  expect(await now(second)).toBe('granted');
  expect(await now(third)).toBe('waits');
  b.releaseAll();
  expect(await now(third)).toBe('granted');
  c.releaseAll();
  expect(locks.count('row')).toBe(0);
});

test('a share of a table does not overtake who waits for all of it; of a row it does', async () => {
  const { locks, owners } = sessions(3);
  const [a, b, c] = owners;
  const { accessShare, accessExclusive } = tableModes;
  locks.tryAcquire(a, 'relation', 1, accessShare);
  const drop = locks.acquire(b, 'relation', 1, accessExclusive);
  expect(locks.tryAcquire(c, 'relation', 1, accessShare)).toBe(false);
  expect(locks.tryAcquire(a, 'relation', 1, accessShare)).toBe(true);
  a.releaseAll();
  expect(await now(drop)).toBe('granted');
  locks.tryAcquire(a, 'row', 'r', rowModes.share);
  const update = locks.acquire(b, 'row', 'r', rowModes.update);
  expect(locks.tryAcquire(c, 'row', 'r', rowModes.share)).toBe(true);
  a.releaseAll();
  expect(await now(update)).toBe('waits');
  c.releaseAll();
  expect(await now(update)).toBe('granted');
});

test('whoever closes a cycle fails, the others go on', async () => {
  const { locks, owners } = sessions(3);
  const [a, b, c] = owners;
  locks.tryAcquire(a, 'row', 'x', rowModes.update);
  locks.tryAcquire(b, 'relation', 7, tableModes.accessExclusive);
  locks.tryAcquire(c, 'advisory', '5,0,1,1', exclusive);
  const first = locks.acquire(a, 'relation', 7, tableModes.accessShare);
  const second = locks.acquire(b, 'advisory', '5,0,1,1', shared);
  const third = locks.acquire(c, 'row', 'x', rowModes.keyShare);
  await expect(third).rejects.toMatchObject({
    code: '40P01',
    report: {
      detail: [
        `Process 3 waits for ShareLock on transaction ${a.id}; blocked by process 1.`,
        'Process 1 waits for AccessShareLock on relation 7; blocked by process 2.',
        'Process 2 waits for ShareLock on advisory lock [5,0,1,1]; blocked by process 3.',
      ].join('\n'),
    },
  });
  c.releaseAll();
  expect(await now(second)).toBe('granted');
  b.releaseAll();
  expect(await now(first)).toBe('granted');
});

test('an upgrade goes before those who wait, and two upgrades are a deadlock', async () => {
  const { locks, owners } = sessions(3);
  const [a, b, c] = owners;
  locks.tryAcquire(a, 'row', 'r', rowModes.share);
  locks.tryAcquire(b, 'row', 'r', rowModes.share);
  const waits = locks.acquire(c, 'row', 'r', rowModes.update);
  const upgrade = locks.acquire(a, 'row', 'r', rowModes.update);
  expect(await now(locks.acquire(b, 'row', 'r', rowModes.update))).toBe('40P01');
  b.releaseAll();
  expect(await now(upgrade)).toBe('granted');
  expect(await now(waits)).toBe('waits');
  a.releaseAll();
  expect(await now(waits)).toBe('granted');
});

test('a savepoint gives back what came after it, and no more', async () => {
  const { locks, owners } = sessions(2);
  const [a, b] = owners;
  locks.tryAcquire(a, 'row', 'kept', rowModes.update);
  locks.tryAcquire(a, 'row', 'both', rowModes.share);
  const mark = a.mark();
  locks.tryAcquire(a, 'row', 'both', rowModes.update);
  locks.tryAcquire(a, 'row', 'later', rowModes.update);
  a.releaseTo(mark);
  expect(locks.tryAcquire(b, 'row', 'kept', rowModes.keyShare)).toBe(false);
  expect(locks.tryAcquire(b, 'row', 'both', rowModes.share)).toBe(true);
  expect(locks.tryAcquire(b, 'row', 'both', rowModes.update)).toBe(false);
  expect(locks.tryAcquire(b, 'row', 'later', rowModes.update)).toBe(true);
});

test('a wait ends with lock_timeout, with a cancel, with the end of what it waits for', async () => {
  const { locks, owners } = sessions(2);
  const [a, b] = owners;
  const row = [b, 'row', 'r', rowModes.update] as const;
  locks.tryAcquire(a, 'row', 'r', rowModes.update | written);
  b.backend.lockTimeoutMs = 1;
  await expect(locks.acquire(...row)).rejects.toMatchObject({ code: '55P03' });
  b.backend.lockTimeoutMs = 0;
  const controller = new AbortController();
  b.backend.signal = controller.signal;
  const cancelled = locks.acquire(...row);
  controller.abort(new Error('cancelled'));
  await expect(cancelled).rejects.toThrow('cancelled');
  b.backend.signal = undefined;
  const probe = locks.waitUntilFree(b, 'row', 'r', written);
  const end = locks.waitForEnd(locks.owner(locks.backend(9)), a);
  expect(await now(end)).toBe('waits');
  a.releaseAll();
  expect(await now(probe)).toBe('granted');
  expect(await now(end)).toBe('granted');
  expect(locks.count('row') + locks.count('transaction')).toBe(0);
});

test('a lock given back early is not given back again', () => {
  const { locks, owners } = sessions(2);
  const [a, b] = owners;
  locks.tryAcquire(a, 'row', 'r', rowModes.update);
  locks.release(a, 'row', 'r', rowModes.update);
  expect(locks.tryAcquire(b, 'row', 'r', rowModes.update)).toBe(true);
  a.releaseAll();
  expect(locks.held(b, 'row', 'r')).toBe(rowModes.update);
});

test('many are given back at once, those before the mark stay', async () => {
  const { locks, owners } = sessions(2);
  const [a, b] = owners;
  locks.tryAcquire(a, 'row', 'first', rowModes.update);
  const mark = a.mark();
  for (const name of ['x', 'y', 'z']) locks.tryAcquire(a, 'row', name, rowModes.update);
  const waiting = locks.acquire(b, 'row', 'y', rowModes.share);
  locks.releaseSince(a, mark, 'row', new Set(['first', 'x', 'y']));
  expect(await now(waiting)).toBe('granted');
  const held = (name: string): boolean => locks.held(a, 'row', name) !== 0;
  expect(['first', 'x', 'y', 'z'].filter(held)).toEqual(['first', 'z']);
  a.releaseTo(mark);
  expect(held('z')).toBe(false);
  a.releaseAll();
  b.releaseAll();
  expect(locks.count('row')).toBe(0);
});

test('locks of one session do not stand in its own way', () => {
  const locks = createLockManager();
  const backend = locks.backend(1);
  locks.tryAcquire(locks.owner(backend), 'advisory', 'x', exclusive);
  expect(locks.tryAcquire(locks.owner(backend), 'advisory', 'x', exclusive)).toBe(true);
});
