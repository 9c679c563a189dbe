import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openMemoryStore } from '../hot/memory-store.ts';
import type { HotStore } from '../hot/types.ts';
import type { CommitRequest, Sequencer } from './sequencer.ts';
import { asynchronousCommitDelayMs, createSequencer } from './sequencer.ts';

const noop = (): void => undefined;

/** A store that notes each write's `sync` and waits or fails when told to. */
function notingStore(): HotStore & { syncs: boolean[]; gate?: Promise<void>; fails: boolean } {
  const store = openMemoryStore();
  const noting = {
    ...store,
    syncs: [] as boolean[],
    fails: false,
    gate: undefined as Promise<void> | undefined,
    batch() {
      const batch = store.batch();
      return {
        ...batch,
        async write(options: { readonly sync: boolean }) {
          noting.syncs.push(options.sync);
          await noting.gate;
          if (noting.fails) throw new Error('IO error: Input/output error');
          await batch.write(options);
        },
      };
    },
  };
  return noting as ReturnType<typeof notingStore>;
}

const commit = (sync: boolean): CommitRequest => ({ sync, takesSeq: true, write: noop });

let store: ReturnType<typeof notingStore>;
let sequencer: Sequencer;
beforeEach(() => {
  vi.useFakeTimers();
  store = notingStore();
  sequencer = createSequencer(store);
});
afterEach(() => vi.useRealTimers());

test('asynchronous commits are synced within the delay, once for all', async () => {
  await sequencer.submit(commit(false));
  await vi.advanceTimersByTimeAsync(asynchronousCommitDelayMs / 2);
  await sequencer.submit(commit(false));
  expect(store.syncs).toEqual([false, false]);
  await vi.advanceTimersByTimeAsync(asynchronousCommitDelayMs / 2);
  expect(store.syncs).toEqual([false, false, true]);
  await vi.advanceTimersByTimeAsync(10 * asynchronousCommitDelayMs);
  expect(store.syncs).toHaveLength(3);
});

test('nothing is left to sync after a synced commit', async () => {
  await sequencer.submit(commit(false));
  await sequencer.submit(commit(true));
  await vi.advanceTimersByTimeAsync(10 * asynchronousCommitDelayMs);
  expect(store.syncs).toEqual([false, true]);
});

test('a clean stop syncs', async () => {
  await sequencer.submit(commit(false));
  await sequencer.stop();
  expect(store.syncs).toEqual([false, true]);
});

test('of rows that a later commit would have made count it is known', async () => {
  store.fails = true;
  const spilled = sequencer
    .submit({ ...commit(true), provisional: true })
    .catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(0);
  expect(await spilled).toMatchObject({ code: '58030', report: { severity: 'ERROR' } });
});

test('of a failed write the outcome is unknown, what had not been handed in is refused', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  store.gate = promise;
  store.fails = true;
  const told: string[] = [];
  sequencer.onFailure((failure) => told.push(failure.code));
  const written = sequencer.submit(commit(true)).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(0);
  const gathered = sequencer.submit(commit(true)).catch((error: unknown) => error);
  resolve();
  expect(await written).toMatchObject({
    code: '08006',
    message: 'terminating connection because the outcome of the transaction is unknown',
    report: { severity: 'FATAL' },
  });
  const refusal = { code: '58030', report: { severity: 'ERROR' } };
  expect(await gathered).toMatchObject(refusal);
  await expect(sequencer.submit(commit(true))).rejects.toMatchObject(refusal);
  expect(told).toEqual(['58030']);
  expect(sequencer.failure).toMatchObject({ code: '58030' });
});
