/** A transaction's DDL and the one mirror: who sees what, who waits for whom, what is undone. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PgError } from '../base/index.ts';
import { testFolder } from '../storage/testing-folder.ts';
import type { Storage } from '../storage/types.ts';
import type { TestCatalog } from './open-catalog.test-support.ts';
import { beginTestDdl, openTestCatalog } from './open-catalog.test-support.ts';

const folder = testFolder();
let storage: Storage;
let ours: TestCatalog;

beforeAll(async () => {
  storage = await folder.open();
  ours = await openTestCatalog(storage, join(folder.dataDir, 'mirror'));
});
afterAll(async () => {
  await ours.close();
  await storage.close();
  folder.remove();
});

const exists = (name: string): string => `select (to_regclass('${name}') is not null)::text`;
/** In the committed catalog. */
const shared = async (name: string): Promise<boolean> =>
  (await ours.catalog.shared(() => ours.rows(exists(name))))[0]?.[0] === 'true';
const tableIn = (
  snapshot: { readonly tables: readonly { stored: { name: string } }[] },
  name: string,
): boolean => snapshot.tables.some((table) => table.stored.name === name);

async function failure(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof PgError)) throw new Error(`did not fail with a PgError: ${String(error)}`);
  return { code: error.report.code, message: error.message };
}

describe('in turns', () => {
  test('others see the committed catalog, the transaction its own, over and over', async () => {
    const one = await beginTestDdl(ours, storage);
    await one.run('create table turns (id serial primary key)');
    const [first] = one.ddl.snapshot.tables.filter((table) => table.stored.name === 'turns');
    for (let i = 0; i < 3; i++) {
      expect(await shared('turns')).toBe(false);
      expect(await one.ddl.hold(() => ours.rows(exists('turns')))).toEqual([['true']]);
    }
    const again = one.ddl.snapshot.tableByName('public', 'turns')!;
    // Other OIDs, the same storage; the old OID still leads there.
    expect(again.relid).not.toBe(first!.relid);
    expect(again.stored.tableId).toBe(first!.stored.tableId);
    expect(one.ddl.snapshot.table(first!.relid)).toBe(again);
    expect(tableIn(ours.catalog.current, 'turns')).toBe(false);
    const { version } = ours.catalog.current;
    await one.commit();
    expect(await shared('turns')).toBe(true);
    expect(ours.catalog.current.version).toBe(version + 1);
    expect(ours.catalog.current.tableByName('public', 'turns')?.relid).toBe(again.relid);
  });

  test('a nested hold does not wait for itself, and readers not for the end of the transaction', async () => {
    const one = await beginTestDdl(ours, storage);
    await one.run('create table nested (id int)');
    const order: string[] = [];
    let reading: Promise<unknown> | undefined;
    await one.ddl.hold(async () => {
      reading = shared('nested').then((found) => order.push(`reader ${found}`));
      await Promise.all([
        one.ddl.hold(() => ours.rows('select 1')),
        one.ddl.hold(() => ours.rows('select 2')),
      ]);
      order.push('held');
    });
    await reading;
    expect(order).toEqual(['held', 'reader false']);
    await one.rollback();
    expect(await shared('nested')).toBe(false);
  });

  test('a wait for the mirror obeys lock_timeout and the signal', async () => {
    const one = await beginTestDdl(ours, storage);
    await one.run('create table slow (id int)');
    let release: (() => void) | undefined;
    const holding = one.ddl.hold(
      () =>
        new Promise<void>((resolve) => {
          release = resolve;
        }),
    );
    const read = (): Promise<unknown> => ours.rows('select 1');
    expect(await failure(ours.catalog.shared(read, { lockTimeoutMs: 30 }))).toEqual({
      code: '55P03',
      message: 'canceling statement due to lock timeout',
    });
    const canceled = new AbortController();
    const waiting = ours.catalog.shared(read, { lockTimeoutMs: 0, signal: canceled.signal });
    canceled.abort(new PgError('57014', 'canceling statement due to user request'));
    expect(await failure(waiting)).toMatchObject({ code: '57014' });
    release?.();
    await holding;
    expect(await ours.catalog.shared(read, { lockTimeoutMs: 2000 })).toEqual([['1']]);
    await one.rollback();
  });

  test('the second transaction with DDL waits for the first', async () => {
    const one = await beginTestDdl(ours, storage, 1);
    await one.run('create table first (id int)');
    const backend = storage.locks.backend(2);
    backend.lockTimeoutMs = 30;
    const owner = storage.locks.owner(backend);
    expect(await failure(ours.catalog.beginDdl(owner))).toMatchObject({ code: '55P03' });
    const second = beginTestDdl(ours, storage, 2);
    await one.commit();
    const two = await second;
    expect(tableIn(two.ddl.snapshot, 'first')).toBe(true);
    await two.rollback();
  });
});

describe('a mirror that fails', () => {
  test('under an open transaction: it is made again', async () => {
    const one = await beginTestDdl(ours, storage);
    await one.run('create table survivor (id serial primary key)');
    const dying = ours.rows('select 1').catch(() => undefined);
    ours.mirror().interrupt(new PgError('57014', 'stopped'));
    await dying;
    await one.run('alter table survivor add column b int');
    expect(await shared('survivor')).toBe(false);
    await one.commit();
    expect(ours.catalog.current.tableByName('public', 'survivor')?.columns).toHaveLength(2);
  });

  test('a statement that can not be repeated fails the transaction with 40001, and it alone', async () => {
    const one = await beginTestDdl(ours, storage);
    await one.run('create role helper');
    // Somebody makes in the mirror, behind the catalog's back, what the transaction has made.
    await ours.catalog.shared(() => ours.rows('create role helper'));
    expect(await failure(one.run('create table once (id int)'))).toMatchObject({ code: '40001' });
    await one.rollback();
    await ours.catalog.shared(() => ours.rows('drop role helper'));
    const two = await beginTestDdl(ours, storage);
    await two.run('create table once (id int)');
    await two.commit();
    expect(await shared('once')).toBe(true);
  });
});

describe('savepoints', () => {
  test('sequences go back as the catalog does', async () => {
    const setUp = await beginTestDdl(ours, storage);
    await setUp.run('create sequence s');
    await setUp.commit();
    const { sequenceId } = ours.catalog.current.sequences.find(({ name }) => name === 's')!;
    expect(storage.sequences.nextval(sequenceId)).toBe(1n);
    const one = await beginTestDdl(ours, storage);
    const mark = one.ddl.savepoint();
    await one.run('alter sequence s increment 10');
    one.ddl.undoWith(() => storage.sequences.setval(sequenceId, 1n, true));
    storage.sequences.setval(sequenceId, 500n, true);
    await one.run('create sequence n');
    const made = one.ddl.snapshot.sequences.find(({ name }) => name === 'n')!.sequenceId;
    expect(storage.sequences.nextval(sequenceId)).toBe(510n);
    await one.ddl.rollbackTo(mark);
    expect(storage.sequences.nextval(sequenceId)).toBe(2n);
    expect(() => storage.sequences.state(made)).toThrow(/no sequence/);
    await one.run('alter sequence s increment 5');
    expect(storage.sequences.nextval(sequenceId)).toBe(7n);
    await one.rollback();
    expect(storage.sequences.nextval(sequenceId)).toBe(8n);
  });

  test('ids are not given twice, whatever is rolled back', async () => {
    const one = await beginTestDdl(ours, storage);
    const mark = one.ddl.savepoint();
    await one.run('create table ids (id int primary key)');
    const id = (): number => one.ddl.snapshot.tableByName('public', 'ids')!.stored.tableId;
    const first = id();
    await one.ddl.rollbackTo(mark);
    await one.run('create table ids (id int primary key)');
    expect(id()).toBeGreaterThan(first);
    const second = id();
    await one.rollback();
    const two = await beginTestDdl(ours, storage);
    await two.run('create table ids (id int primary key)');
    expect(two.ddl.snapshot.tableByName('public', 'ids')!.stored.tableId).toBeGreaterThan(second);
    await two.rollback();
  });

  test('nothing is left in Level of what is rolled back', async () => {
    const before = await storage.meta('catalog/');
    const one = await beginTestDdl(ours, storage);
    await one.run('create table gone (id serial primary key)');
    await one.run('drop table turns');
    await one.rollback();
    expect(await storage.meta('catalog/')).toEqual(before);
    // Nor of a transaction whose every statement was.
    const two = await beginTestDdl(ours, storage);
    const mark = two.ddl.savepoint();
    await two.run('create table gone (id int)');
    await two.ddl.rollbackTo(mark);
    await two.commit();
    expect(await storage.meta('catalog/')).toEqual(before);
  });
});
