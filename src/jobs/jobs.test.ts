import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PgError, SqlState, manualClock } from '../base/index.ts';
import type { FlushResult, Storage, StorageTransaction, StoredTable } from '../storage/types.ts';
import { testTable } from '../storage/testing.ts';
import { endedJobsMax } from './history.ts';
import { openJobs } from './index.ts';
import { jobKey } from './record.ts';
import type { Jobs } from './types.ts';

type FlushCall = Parameters<Storage['flush']>[1] & {
  readonly table: StoredTable;
  finish(result?: FlushResult): void;
  fail(error: Error): void;
};

/** Just what jobs use of a storage: meta entries in a map, and flushes that the test ends. */
function toyStorage(): {
  storage: Storage;
  meta: Map<string, Uint8Array>;
  flushes: FlushCall[];
  commits: () => number;
  /** From now on, until it is compacted. */
  needCompaction(): void;
} {
  const meta = new Map<string, Uint8Array>();
  const flushes: FlushCall[] = [];
  let commits = 0;
  let needed = false;
  const begin = (): Pick<StorageTransaction, 'putMeta' | 'commit'> => {
    const changes: [string, Uint8Array | undefined][] = [];
    return {
      putMeta: (key, value) => void changes.push([key, value]),
      async commit() {
        commits += 1;
        for (const [key, value] of changes) {
          if (value === undefined) meta.delete(key);
          else meta.set(key, value);
        }
        return { seq: commits };
      },
    };
  };
  const storage: Pick<Storage, 'meta' | 'flush' | 'needsCompaction' | 'compact'> & {
    begin: typeof begin;
  } = {
    begin,
    meta: async (prefix) =>
      [...meta].filter(([key]) => key.startsWith(prefix)).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    async flush(table, options) {
      const { promise, resolve, reject } = Promise.withResolvers<FlushResult>();
      options.signal?.addEventListener('abort', () => reject(options.signal!.reason as Error));
      flushes.push({
        ...options,
        table,
        finish: (result = { rows: 2, users: 1, files: 1, bytes: 10 }) => resolve(result),
        fail: reject,
      });
      return promise;
    },
    needsCompaction: async () => needed,
    async compact() {
      needed = false;
      return {
        scopes: 1,
        filesBefore: 9,
        filesAfter: 2,
        bytesBefore: 900,
        bytesAfter: 300,
        rowsRead: 80,
        rowsRemoved: 10,
        marksRemoved: 10,
        leftFiles: [],
      };
    },
  };
  const needCompaction = (): void => {
    needed = true;
  };
  return { storage: storage as Storage, needCompaction, meta, flushes, commits: () => commits };
}

const columns = { id: 20 };
const table = testTable({ tableId: 7, name: 'messages', kind: 'user', columns });
const other = testTable({ tableId: 8, name: 'rooms', columns });

let toy = toyStorage();
let clock = manualClock();
let lines: string[] = [];
const write = (_: object, message: string): void => void lines.push(message);
const log = { info: write, warn: write, error: write };
const open = (): Promise<Jobs> => openJobs({ storage: toy.storage, clock, log });
const until = (condition: () => boolean): Promise<void> =>
  expect
    .poll(condition)
    .toBe(true)
    .then(() => undefined);
const stored = (id: bigint): Record<string, unknown> =>
  JSON.parse(Buffer.from(toy.meta.get(jobKey(id))!).toString()) as Record<string, unknown>;

beforeEach(() => {
  toy = toyStorage();
  clock = manualClock(1_000_000n);
  lines = [];
});

describe('a flush', () => {
  test('is a job with its figures', async () => {
    const jobs = await open();
    const flush = jobs.flush(table);
    await until(() => toy.flushes.length === 1);
    expect(jobs.list()).toMatchObject([{ jobId: 1n, status: 'running', attempts: 1, progress: 0 }]);
    expect(stored(1n)).toMatchObject({ status: 'running' });
    clock.advance(5000n);
    toy.flushes[0]!.finish({ rows: 12, users: 3, files: 3, bytes: 999 });
    expect(await flush).toEqual({
      jobId: 1n,
      rowsFlushed: 12,
      users: 3,
      files: 3,
      bytes: 999,
      durationMs: 5,
    });
    expect(jobs.list()).toEqual([
      {
        jobId: 1n,
        jobType: 'flush',
        tableId: 7,
        namespace: 'public',
        tableName: 'messages',
        requestedBy: null,
        params: null,
        status: 'completed',
        createdAt: 1_000_000n,
        startedAt: 1_000_000n,
        finishedAt: 1_005_000n,
        attempts: 1,
        nodeId: 0,
        progress: 1,
        result: { rows_flushed: 12, users: 3, files: 3, bytes: 999 },
        errorMessage: null,
      },
    ]);
    expect(lines).toEqual([
      'flush of public.messages: 12 rows of 3 users to 3 files, 999 bytes in 5 ms',
    ]);
    expect((await open()).list()).toEqual(jobs.list());
  });

  test('that fails is recorded with its error and rethrown', async () => {
    const jobs = await open();
    const flush = jobs.flush(table);
    await until(() => toy.flushes.length === 1);
    toy.flushes[0]!.fail(new PgError(SqlState.diskFull, 'no space left'));
    await expect(flush).rejects.toMatchObject({ code: '53100', message: 'no space left' });
    expect(stored(1n)).toMatchObject({ status: 'failed', errorMessage: 'no space left' });
    expect(lines).toEqual(['flush of public.messages failed: no space left']);
  });

  test('is followed by a compaction when it has left too many files', async () => {
    const jobs = await open();
    jobs.resume(() => table);
    const first = jobs.flush(table);
    await until(() => toy.flushes.length === 1);
    toy.needCompaction();
    toy.flushes[0]!.finish();
    await first;
    await until(() => jobs.list().length === 2 && jobs.list()[1]!.status === 'completed');
    expect(jobs.list()[1]).toMatchObject({
      jobType: 'compact',
      tableId: 7,
      requestedBy: null,
      result: { files_before: 9, files_after: 2, rows_rewritten: 70, rows_removed: 10 },
    });
    expect(lines.at(-1)).toContain('9 files to 2, 80 rows read, 10 of them superseded');
  });

  test('waits while its table is being flushed, and not for other tables', async () => {
    const jobs = await open();
    const first = jobs.flush(table);
    const second = jobs.flush(table);
    const third = jobs.flush(other);
    await until(() => toy.flushes.length === 2);
    expect(toy.flushes.map((call) => call.table.name)).toEqual(['messages', 'rooms']);
    expect(jobs.list().map((job) => job.status)).toEqual(['running', 'new', 'running']);
    expect(stored(2n)).toMatchObject({ status: 'new', startedAt: null });
    toy.flushes[0]!.fail(new Error('broken'));
    await expect(first).rejects.toThrow('broken');
    await until(() => toy.flushes.length === 3);
    for (const call of toy.flushes) call.finish();
    expect((await second).jobId).toBe(2n);
    expect((await third).jobId).toBe(3n);
  });

  test('keeps its progress in memory and writes it once a second', async () => {
    const jobs = await open();
    const flush = jobs.flush(table);
    await until(() => toy.flushes.length === 1);
    const { onProgress, finish } = toy.flushes[0]!;
    const before = toy.commits();
    onProgress!(0.25);
    expect(jobs.list()[0]!.progress).toBe(0.25);
    expect(toy.commits()).toBe(before);
    clock.advance(1_000_000n);
    onProgress!(0.5);
    onProgress!(0.75);
    await until(() => toy.commits() === before + 1);
    expect(stored(1n)).toMatchObject({ progress: 0.5 });
    expect(jobs.list()[0]!.progress).toBe(0.75);
    finish();
    await flush;
  });

  test.each(['while it runs', 'while it waits'])('can be cancelled %s', async (when) => {
    const jobs = await open();
    const running = when === 'while it runs' ? undefined : jobs.flush(table);
    const cancel = new AbortController();
    const flush = jobs.flush(table, { signal: cancel.signal });
    await until(() => toy.flushes.length === 1);
    cancel.abort(new PgError(SqlState.queryCanceled, 'canceling statement due to user request'));
    await expect(flush).rejects.toMatchObject({ code: '57014' });
    expect(jobs.list().at(-1)).toMatchObject({ status: 'cancelled' });
    toy.flushes[0]!.finish();
    await running;
    const next = jobs.flush(table);
    await until(() => toy.flushes.length === 2);
    toy.flushes[1]!.finish();
    await next;
  });
});

describe('after a stop', () => {
  let jobs: Jobs;
  beforeEach(async () => {
    jobs = await open();
    jobs.flush(table).catch(() => undefined);
    jobs.flush(table).catch(() => undefined);
    await until(() => jobs.list().length === 2 && toy.flushes.length === 1);
  });
  afterEach(() => jobs.close());

  test('what was running runs again, then what was waiting', async () => {
    const next = await open();
    expect(next.list().map((job) => job.status)).toEqual(['retrying', 'new']);
    const renamed = { ...table, name: 'letters' };
    expect(next.resume(() => renamed)).toBe(2);
    await until(() => toy.flushes.length === 2);
    expect(toy.flushes[1]!.table).toBe(renamed);
    expect(next.list()).toMatchObject([
      { jobId: 1n, status: 'running', attempts: 2 },
      { status: 'new' },
    ]);
    toy.flushes[1]!.finish();
    await until(() => toy.flushes.length === 3);
    toy.flushes[2]!.finish();
    await until(() => next.list().every((job) => job.status === 'completed'));
    expect((await open()).resume(() => renamed)).toBe(0);
  });

  test('a job whose table is gone fails', async () => {
    const next = await open();
    next.resume(() => undefined);
    await until(() => next.list().every((job) => job.status === 'failed'));
    expect(stored(1n)).toMatchObject({
      errorMessage: 'table "public.messages" does not exist any more',
    });
  });

  test('a job that is tried until it succeeds ends when its table is gone', async () => {
    const transaction = toy.storage.begin();
    const move = jobs.record(transaction, 'move', { table });
    await transaction.commit({ sync: true });
    const next = await open();
    next.resume(() => undefined);
    await until(() => next.list().find((job) => job.jobId === move.jobId)?.status === 'failed');
    expect(stored(move.jobId)).toMatchObject({
      attempts: 0,
      errorMessage: 'table "public.messages" does not exist any more',
    });
  });

  test('a graceful stop interrupts jobs and leaves them to the next start', async () => {
    await jobs.close();
    expect(toy.flushes[0]!.signal!.aborted).toBe(true);
    expect(stored(1n)).toMatchObject({ status: 'running' });
    expect((await open()).resume(() => table)).toBe(2);
  });
});

describe('a job that may be tried again', () => {
  const dropped = { tableId: 9, namespace: 'chat', name: 'old' };
  type DropCall = { finish(): void; fail(error: Error): void };
  let drops: DropCall[] = [];
  let waits: number[] = [];

  const openPatient = (): Promise<Jobs> => {
    drops = [];
    waits = [];
    const storage: Storage = {
      ...toy.storage,
      dropTable: () => {
        const { promise, resolve, reject } = Promise.withResolvers<{
          files: number;
          bytes: number;
        }>();
        drops.push({ finish: () => resolve({ files: 3, bytes: 30 }), fail: reject });
        return promise;
      },
    };
    const sleep = async (ms: number): Promise<void> => void waits.push(ms);
    return openJobs({ storage, clock, log, sleep });
  };
  const startDrop = async (jobs: Jobs): Promise<void> => {
    const transaction = toy.storage.begin();
    const params = { ...dropped, kind: 'shared' };
    const job = jobs.record(transaction, 'drop', { table: dropped, params, requestedBy: 'ann' });
    await transaction.commit({ sync: true });
    jobs.launch(job);
  };

  test('waits longer each time, tells why, and ends well', async () => {
    const jobs = await openPatient();
    await startDrop(jobs);
    for (let i = 0; i < 3; i++) {
      await until(() => drops.length === i + 1);
      drops[i]!.fail(new PgError(SqlState.ioError, 'EACCES'));
      await until(() => waits.length === i + 1);
    }
    expect(waits).toEqual([200, 400, 800]);
    await until(() => drops.length === 4);
    expect(stored(1n)).toMatchObject({ attempts: 4, errorMessage: 'EACCES', status: 'running' });
    drops[3]!.finish();
    await until(() => jobs.list()[0]!.status === 'completed');
    expect(stored(1n)).toMatchObject({
      attempts: 4,
      errorMessage: null,
      requestedBy: 'ann',
      result: { files: 3, bytes: 30 },
    });
  });

  test('is there in the commit that made it, and runs after a crash right then', async () => {
    const jobs = await openPatient();
    const transaction = toy.storage.begin();
    jobs.record(transaction, 'drop', { table: dropped, params: { ...dropped, kind: 'shared' } });
    await transaction.commit({ sync: true });
    const next = await openPatient();
    expect(next.resume(() => undefined)).toBe(1);
    await until(() => drops.length === 1);
    drops[0]!.finish();
    await until(() => next.list()[0]!.status === 'completed');
  });

  test('can not be cancelled when it must complete', async () => {
    const jobs = await openPatient();
    await startDrop(jobs);
    expect(() => jobs.cancel(1n)).toThrow(
      expect.objectContaining({ code: '55000', message: 'a drop job cannot be cancelled' }),
    );
    await until(() => drops.length === 1);
    drops[0]!.finish();
    await until(() => jobs.list()[0]!.status === 'completed');
    expect(jobs.cancel(1n)).toBe(false);
    expect(() => jobs.cancel(5n)).toThrow(expect.objectContaining({ code: '42704' }));
  });
});

test('a job is cancelled by its id', async () => {
  const jobs = await open();
  const flush = jobs.flush(table);
  await until(() => toy.flushes.length === 1);
  expect(jobs.cancel(1n)).toBe(true);
  await expect(flush).rejects.toMatchObject({ code: '57014' });
  expect(stored(1n)).toMatchObject({
    status: 'cancelled',
    errorMessage: 'canceling job due to user request',
  });
});

test('so many run at a time, the others wait', async () => {
  const jobs = await openJobs({ storage: toy.storage, clock, log, jobsMax: 2 });
  const tables = [1, 2, 3, 4].map((tableId) =>
    testTable({ tableId, name: `t${tableId}`, columns }),
  );
  const flushes = tables.map((one) => jobs.flush(one));
  await until(() => toy.flushes.length === 2 && jobs.list().length === 4);
  expect(jobs.list().map((job) => job.status)).toEqual(['running', 'running', 'new', 'new']);
  expect(jobs.cancel(3n)).toBe(true);
  await expect(flushes[2]).rejects.toMatchObject({ code: '57014' });
  toy.flushes[0]!.finish();
  await until(() => toy.flushes.length === 3);
  expect(toy.flushes[2]!.table.name).toBe('t4');
  for (const call of toy.flushes) call.finish();
  await Promise.all([flushes[0], flushes[1], flushes[3]]);
});

test('old jobs are forgotten, but for the newest', async () => {
  const jobs = await openJobs({ storage: toy.storage, clock, log, retentionMicros: 1000n });
  const flushOnce = async (at: number): Promise<void> => {
    const flush = jobs.flush(table);
    await until(() => toy.flushes.length === at);
    toy.flushes[at - 1]!.finish();
    await flush;
  };
  await flushOnce(1);
  clock.advance(900n);
  await flushOnce(2);
  clock.advance(900n);
  await flushOnce(3);
  expect(jobs.list().map((job) => job.jobId)).toEqual([2n, 3n]);
});

test('only so many ended jobs are kept, and ids go on rising', async () => {
  const jobs = await open();
  for (let i = 0; i < endedJobsMax + 3; i++) {
    const flush = jobs.flush(table);
    while (toy.flushes.length <= i) await Promise.resolve();
    toy.flushes[i]!.finish();
    await flush;
  }
  expect(jobs.list()).toHaveLength(endedJobsMax);
  expect(toy.meta.size).toBe(endedJobsMax);
  expect(jobs.list()[0]!.jobId).toBe(4n);
  const next = await open();
  const flush = next.flush(table);
  await until(() => toy.flushes.length === endedJobsMax + 4);
  toy.flushes.at(-1)!.finish();
  expect((await flush).jobId).toBe(BigInt(endedJobsMax + 4));
});

test('a damaged entry is reported by its key', async () => {
  toy.meta.set(jobKey(3n), Buffer.from('{'));
  await expect(open()).rejects.toMatchObject({
    code: 'XX001',
    message: expect.stringContaining(jobKey(3n)),
  });
});
