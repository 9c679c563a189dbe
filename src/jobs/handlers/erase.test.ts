import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeTable } from '../../catalog/codec.ts';
import { keys } from '../../catalog/level-records.ts';
import { testTable } from '../../storage/testing.ts';
import { allRows, inTransaction, testFolder } from '../../storage/testing-folder.ts';
import type { Storage, StoredTable } from '../../storage/types.ts';
import { Oid } from '../../types/oid.ts';
import { openJobs } from '../index.ts';
import type { JobRecord, Jobs } from '../types.ts';
import { eraseParams } from './erase.ts';

const withLayout = (table: StoredTable): StoredTable => ({
  ...table,
  layouts: new Map([[1, table.columns]]),
});
const notes = withLayout(
  testTable({
    tableId: 7,
    name: 'notes',
    kind: 'user',
    columns: { id: Oid.int8, body: Oid.text },
    primaryKey: ['id'],
    indexes: [{ name: 'notes_body', columns: ['body'] }],
  }),
);
const tags = withLayout(
  testTable({ tableId: 8, name: 'tags', kind: 'user', columns: { tag: Oid.text } }),
);
const shared = withLayout(testTable({ tableId: 9, name: 'shared', columns: { tag: Oid.text } }));
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

let folder = testFolder();
let storage: Storage;
let jobs: Jobs;
beforeEach(async () => {
  folder = testFolder();
  await open();
  await inTransaction(storage, async (transaction) => {
    for (const stored of [notes, tags, shared])
      transaction.putMeta(
        keys.table(stored.tableId),
        encodeTable({ stored, options: new Map(), schemas: [] }),
      );
  });
});
afterEach(async () => {
  await jobs.close();
  await storage.close();
  folder.remove();
});

async function open(faults?: (step: string) => void | Promise<void>): Promise<void> {
  storage = await folder.open(faults === undefined ? {} : { faults });
  jobs = await openJobs({ storage, clock: folder.clock, log, sleep: async () => undefined });
}

async function put(table: StoredTable, userId: string, from: number, to: number): Promise<void> {
  await inTransaction(storage, async (transaction) => {
    for (let i = from; i < to; i++)
      await transaction.insert(
        table,
        userId,
        table === notes ? [BigInt(i), `row ${i}`] : [`tag ${i}`],
      );
  });
}

async function fill(): Promise<void> {
  for (const userId of ['ann', 'anna']) {
    await put(notes, userId, 0, 30);
    await put(tags, userId, 0, 5);
  }
  await put(shared, '', 0, 5);
  await storage.flush(notes, {});
  await put(notes, 'ann', 30, 40);
  await inTransaction(storage, async (transaction) => {
    const changed = await transaction.get(notes, 'ann', [3n]);
    await transaction.update(notes, changed!, [3n, 'changed']);
    const gone = await transaction.get(notes, 'ann', [4n]);
    await transaction.delete(notes, gone!, 'soft');
  });
}

async function rowsOf(table: StoredTable, userId: string): Promise<number> {
  const transaction = storage.begin();
  const scope = { kind: 'one', userId } as const;
  const rows = await allRows(transaction, table, { scope, includeDeleted: true });
  transaction.release();
  return rows.length;
}

const erase = (userId: string): Promise<{ readonly job: JobRecord }> =>
  jobs.run('erase', { params: eraseParams(userId) });

const foldersOf = (): string[] =>
  readdirSync(join(folder.dataDir, 'cold'), { recursive: true }).map(String);

async function expectErased(): Promise<void> {
  for (const table of [notes, tags]) {
    expect(await rowsOf(table, 'ann')).toBe(0);
    expect(await storage.forgetUser(table, 'ann')).toEqual({ rows: 0, keys: 0 });
  }
  expect(await rowsOf(notes, 'anna')).toBe(30);
  expect(await rowsOf(tags, 'anna')).toBe(5);
  expect(await rowsOf(shared, '')).toBe(5);
  expect(foldersOf().filter((path) => path.includes('u-ann/') || path.endsWith('u-ann'))).toEqual(
    [],
  );
  expect(foldersOf().some((path) => path.endsWith('u-anna'))).toBe(true);
}

test('all rows of a user go from both tiers, and the receipt tells how many', async () => {
  await fill();
  const { job } = await erase('ann');
  expect(job).toMatchObject({
    status: 'completed',
    result: {
      user_id: 'ann',
      verified_empty: true,
      rows_written_since: 0,
      tables_searched: 2,
      rows: 45,
      files: 1,
      tables: [
        { table: 'public.notes', rows: 40, files: 1 },
        { table: 'public.tags', rows: 5, files: 0 },
      ],
    },
  });
  expect(JSON.stringify(job.result)).not.toContain('row 1');
  await expectErased();
  const again = await erase('ann');
  expect(again.job.result).toMatchObject({ rows: 0, files: 0, tables: [], verified_empty: true });
  // Nothing but the last job's own figures is kept beside the history.
  expect(await storage.meta('erase/')).toHaveLength(1);
});

test('the user may come back, whose new files are their own', async () => {
  await fill();
  await storage.flush(notes, {});
  await erase('ann');
  await put(notes, 'ann', 100, 110);
  await storage.flush(notes, {});
  expect(await rowsOf(notes, 'ann')).toBe(10);
  await put(notes, 'ann', 110, 112);
  await storage.flush(notes, {});
  expect(await rowsOf(notes, 'ann')).toBe(12);
  await jobs.close();
  await storage.close();
  await open();
  expect(await rowsOf(notes, 'ann')).toBe(12);
});

test.each(['truncate: files unlisted', 'truncate: files removed'])(
  'it goes on where a crash has interrupted it: %s',
  async (at) => {
    await fill();
    await jobs.close();
    await storage.close();
    const reached = Promise.withResolvers<void>();
    let stopped = false;
    await open((step) => {
      if (step !== at || stopped) return undefined;
      stopped = true;
      reached.resolve();
      return Promise.reject(new Error('killed here'));
    });
    erase('ann').catch(() => undefined);
    await reached.promise;
    await jobs.close();
    await storage.close();
    await open();
    jobs.resume(() => undefined);
    await expect.poll(() => jobs.list().map((job) => job.status)).toEqual(['completed']);
    expect(jobs.list()[0]!.result).toMatchObject({ rows: 45, files: 1, verified_empty: true });
    await expectErased();
  },
);

test('it waits for who writes, and then takes what they have written', async () => {
  await fill();
  const owner = storage.locks.owner(storage.locks.backend(99));
  const writer = storage.begin({ owner });
  await storage.locks.acquire(owner, 'relation', notes.tableId, 4);
  await writer.insert(notes, 'ann', [77n, 'late']);
  const erased = erase('ann');
  await expect.poll(() => storage.locks.blocking(0)).toEqual([99]);
  expect(await rowsOf(notes, 'ann')).toBe(40);
  await writer.commit({ sync: true });
  owner.releaseAll();
  expect((await erased).job.result).toMatchObject({ rows: 46, verified_empty: true });
  await expectErased();
});
