import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Oid } from '../../types/oid.ts';
import { openLevelStore } from '../hot/level-store.ts';
import type { HotStore } from '../hot/types.ts';
import { testTable } from '../testing.ts';
import type { TestFolder } from '../testing-folder.ts';
import { allRows, inTransaction, testFolder } from '../testing-folder.ts';
import type { Storage, StoredRow } from '../types.ts';
import { sharedScope } from '../types.ts';

const table = testTable({
  tableId: 9,
  columns: { id: Oid.int4, name: Oid.text },
  primaryKey: ['id'],
  indexes: [{ name: 't_name', columns: ['name'], unique: true }],
});

let folder: TestFolder;
let storage: Storage;
beforeEach(async () => {
  folder = testFolder();
  storage = await folder.open();
});
afterEach(async () => {
  await storage.close();
  folder.remove();
});

async function rowOf(id: number): Promise<StoredRow> {
  const reading = storage.begin();
  const row = await reading.get(table, '', [id]);
  await reading.rollback();
  return row!;
}

/** Whether a promise has been settled by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  const moment = new Promise((resolve) => setTimeout(resolve, 20, 'waits'));
  return (await Promise.race([promise.catch(() => 'failed'), moment])) !== 'waits';
}

async function count(): Promise<number> {
  const reading = storage.begin();
  const rows = await allRows(reading, table, { scope: sharedScope });
  await reading.rollback();
  return rows.length;
}

describe('commits', () => {
  test("a writer waits for the row's other writer; what it has read is then no longer the row", async () => {
    await inTransaction(storage, (t) => t.insert(table, '', [1, 'a']));
    const [first, second] = [storage.begin(), storage.begin()];
    await first.update(table, (await first.get(table, '', [1]))!, [1, 'b']);
    const waiting = second.update(table, (await second.get(table, '', [1]))!, [1, 'c']);
    expect(await settled(waiting)).toBe(false);
    await first.commit({ sync: true });
    await expect(waiting).rejects.toMatchObject({ code: '40001' });
    await second.rollback();
    expect((await rowOf(1)).values).toEqual([1, 'b']);
  });

  test('a locked row is the current one: no change is lost, cold or hot', async () => {
    await inTransaction(storage, (t) => t.insert(table, '', [1, 'a']));
    const [first, second] = [storage.begin(), storage.begin()];
    const row = (await second.get(table, '', [1]))!;
    await first.update(table, (await first.get(table, '', [1]))!, [1, 'b']);
    await storage.flush(table, {});
    await storage.idle();
    const locking = second.lockRow(table, row.key, 'update', 'wait');
    expect(await settled(locking)).toBe(false);
    await first.commit({ sync: true });
    await storage.flush(table, {});
    await storage.idle();
    const now = await locking;
    expect(now).toMatchObject({ values: [1, 'b'] });
    await second.update(table, now as StoredRow, [1, 'c']);
    await second.commit({ sync: true });
    expect((await rowOf(1)).values).toEqual([1, 'c']);
    expect(await count()).toBe(1);
  });

  test('a row as it was read is taken for the current one only while it is', async () => {
    await inTransaction(storage, async (t) => {
      for (const id of [1, 2, 3]) await t.insert(table, '', [id, `n${id}`]);
    });
    const early = storage.begin();
    early.newStatement();
    const hot = (await early.get(table, '', [1]))!;
    await inTransaction(storage, async (t) => {
      await t.delete(table, (await t.get(table, '', [1]))!, 'hard');
    });
    await storage.flush(table, {});
    await storage.idle();
    expect(early.lockRowSync(table, hot.key, 'update', hot)).toBe('unknown');
    const late = storage.begin();
    late.newStatement();
    const [two, three] = [(await late.get(table, '', [2]))!, (await late.get(table, '', [3]))!];
    await inTransaction(storage, async (t) => {
      await t.update(table, (await t.get(table, '', [3]))!, [3, 'changed']);
    });
    expect(late.lockRowSync(table, two.key, 'update', two)).toMatchObject({ values: [2, 'n2'] });
    expect(late.lockRowSync(table, three.key, 'update', three)).toMatchObject({
      values: [3, 'changed'],
    });
    await late.rollback();
    await early.rollback();
  });

  test('a unique key that another is about to take is waited for, cold ones too', async () => {
    const [a, b, c] = [storage.begin(), storage.begin(), storage.begin()];
    await a.insert(table, '', [1, 'x']);
    const second = b.insert(table, '', [1, 'y']);
    const third = c.insert(table, '', [2, 'x']);
    expect([await settled(second), await settled(third)]).toEqual([false, false]);
    await a.commit({ sync: false });
    expect(await second).toMatchObject({
      conflict: { index: null, existing: { values: [1, 'x'] } },
    });
    expect(await third).toMatchObject({
      conflict: { index: { name: 't_name' }, existing: { values: [1, 'x'] } },
    });
    await storage.flush(table, {});
    await storage.idle();
    expect(await c.insert(table, '', [2, 'x'])).toMatchObject({
      conflict: { existing: { values: [1, 'x'], tier: 'cold' } },
    });
    await Promise.all([b.rollback(), c.rollback()]);
  });

  test('a key is free again when who took it rolls back, or gives it back', async () => {
    await inTransaction(storage, (t) => t.insert(table, '', [1, 'x']));
    const [a, b, c] = [storage.begin(), storage.begin(), storage.begin()];
    await a.insert(table, '', [2, 'y']);
    const second = b.insert(table, '', [2, 'z']);
    await a.rollback();
    expect(await second).toMatchObject({ row: { values: [2, 'z'] } });
    await b.commit({ sync: false });
    const gone = storage.begin();
    await gone.delete(table, (await gone.get(table, '', [1]))!, 'soft');
    const other = c.insert(table, '', [3, 'x']);
    expect(await settled(other)).toBe(false);
    await gone.commit({ sync: false });
    expect(await other).toMatchObject({ row: { values: [3, 'x'] } });
    await c.commit({ sync: false });
    expect(await count()).toBe(2);
  });

  test('many at once: each key once, seqs rise, sequences are never repeated', async () => {
    storage.sequences.create(1, { start: 1n, increment: 1n, min: 1n, max: 1000n, cycle: false });
    const results = await Promise.allSettled(
      Array.from({ length: 200 }, async (_, i) => {
        const transaction = storage.begin();
        const id = Number(storage.sequences.nextval(1)) % 150;
        const inserted = await transaction.insert(table, '', [id, `n${i}`]);
        if ('conflict' in inserted) throw new Error('conflict');
        return await transaction.commit({ sync: i % 2 === 0 });
      }),
    );
    const seqs = results.flatMap((result) =>
      result.status === 'fulfilled' ? [result.value.seq] : [],
    );
    expect(seqs.length).toBe(150);
    expect(new Set(seqs).size).toBe(150);
    expect(await count()).toBe(150);
    await storage.close();
    storage = await folder.open();
    expect(storage.sequences.nextval(1)).toBe(201n);
  });

  test('listeners hear of commits in order', async () => {
    const heard: [number, number][] = [];
    storage.onCommit((commit) => heard.push([commit.seq, commit.tables.get(9)?.length ?? 0]));
    const before = storage.tableVersion(9);
    await Promise.all([
      inTransaction(storage, (t) => t.insert(table, '', [1, 'a'])),
      inTransaction(storage, (t) =>
        t.insertMany(table, '', [
          [2, 'b'],
          [3, 'c'],
        ]),
      ),
    ]);
    expect(heard.map(([seq]) => seq)).toEqual([1, 2]);
    expect(new Set(heard.map(([, keys]) => keys))).toEqual(new Set([1, 2]));
    expect(storage.tableVersion(9)).toBe(before + 2);
  });
});

describe('bulk transactions', () => {
  const bulk = testTable({
    tableId: 10,
    columns: { id: Oid.int4, body: Oid.text },
    primaryKey: ['id'],
    indexes: [{ name: 'u', columns: ['body'], unique: true }],
  });
  const filler = 'x'.repeat(200);
  const rows = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => [from + i, `${from + i}${filler}`]);
  const seen = async (of = storage): Promise<number> => {
    const reading = of.begin();
    const found = await allRows(reading, bulk, { scope: sharedScope, columns: [1] });
    await reading.rollback();
    return found.length;
  };
  const total = 30_000;

  test('spilled rows appear with the commit, are flushed, and survive a restart', async () => {
    const transaction = storage.begin();
    for (let at = 0; at < total; at += 10_000)
      await transaction.insertMany(bulk, '', rows(at, at + 10_000));
    expect(await seen()).toBe(0);
    expect((await allRows(transaction, bulk, { scope: sharedScope, columns: [1] })).length).toBe(
      total,
    );
    const other = storage.begin();
    const waiting = other.insert(bulk, '', [5, 'mine']);
    expect(await settled(waiting)).toBe(false);
    expect(await transaction.insertMany(bulk, '', [[77, 'again']])).toMatchObject({ at: 0 });
    const own = (await transaction.get(bulk, '', [3]))!;
    await transaction.update(bulk, own, [3, 'changed']);
    await transaction.commit({ sync: true });
    expect(await waiting).toMatchObject({ conflict: { existing: { values: [5, `5${filler}`] } } });
    await other.rollback();
    expect(await seen()).toBe(total);
    await storage.close();
    storage = await folder.open();
    expect(await seen()).toBe(total);
    const reading = storage.begin();
    expect((await reading.get(bulk, '', [3]))!.values).toEqual([3, 'changed']);
    const found: StoredRow[] = [];
    for await (const batch of reading.indexLookup(bulk, bulk.indexes[0]!, '', [`9${filler}`]))
      found.push(...batch);
    expect(found.map((row) => row.values[0])).toEqual([9]);
    expect(storage.estimateRows(bulk, sharedScope)).toBe(0);
    await storage.idle();
    const estimate = storage.estimateRows(bulk, sharedScope);
    expect(estimate).toBeGreaterThan(total / 10);
    expect(estimate).toBeLessThan(total * 10);
    const flushed = await storage.flush(bulk, {});
    expect(flushed).toMatchObject({ rows: total, files: 1 });
    expect((await allRows(reading, bulk, { scope: sharedScope, columns: [1] })).length).toBe(total);
    await storage.idle();
    await reading.rollback();
    expect(await seen()).toBe(total);
    expect(await storage.stats(bulk)).toMatchObject({ hotRows: 0, coldRows: total });
  });

  test('rollback and a restart without commit leave nothing', async () => {
    const transaction = storage.begin();
    await transaction.insertMany(bulk, '', rows(0, 25_000));
    await transaction.rollback();
    expect(await seen()).toBe(0);
    const second = storage.begin();
    await second.insertMany(bulk, '', rows(0, 25_000));
    await storage.close();
    storage = await folder.open();
    expect(await seen()).toBe(0);
    expect(await storage.stats(bulk)).toMatchObject({ hotRows: 0 });
    expect(
      await inTransaction(storage, (t) => t.insertMany(bulk, '', rows(0, 10))),
    ).toBeUndefined();
    expect(await seen()).toBe(10);
  });

  test('truncate within a bulk transaction hides its own spilled rows too', async () => {
    await inTransaction(storage, (t) => t.insertMany(bulk, '', rows(0, 10)));
    const transaction = storage.begin();
    await transaction.insertMany(bulk, '', rows(10, 25_000));
    transaction.newStatement();
    await transaction.truncate(bulk, { kind: 'all' });
    await transaction.insert(bulk, '', [1, 'only']);
    await transaction.commit({ sync: true });
    expect(await seen()).toBe(1);
    await storage.idle();
    expect(await seen()).toBe(1);
  });

  test('an index built over many rows is whole, and finds duplicates', async () => {
    const plain = { ...bulk, tableId: 11, indexes: [] };
    const index = {
      indexId: 77,
      name: 'made',
      columns: [2],
      unique: true,
      nullsNotDistinct: false,
    };
    await inTransaction(storage, (t) => t.insertMany(plain, '', rows(0, 51_000)));
    await storage.flush(plain, {});
    await inTransaction(storage, (t) => t.insertMany(plain, '', rows(51_000, 51_100)));
    const indexed = { ...plain, indexes: [index] };
    await inTransaction(storage, async (t) => {
      expect(await storage.buildIndex(t, indexed, index)).toBeUndefined();
    });
    const reading = storage.begin();
    for (const id of [5, 51_050]) {
      const found: StoredRow[] = [];
      for await (const batch of reading.indexLookup(indexed, index, '', [`${id}${filler}`]))
        found.push(...batch);
      expect(found.map((row) => row.values[0])).toEqual([id]);
    }
    await reading.rollback();
    const clash = await inTransaction(storage, (t) =>
      t.insert(indexed, '', [99_999, `5${filler}`]),
    );
    expect('conflict' in clash && clash.conflict.existing.values[0]).toBe(5);
    await inTransaction(storage, (t) => t.insert(plain, '', [99_999, `5${filler}`]));
    const second = storage.begin();
    expect(
      await storage.buildIndex(
        second,
        { ...plain, indexes: [{ ...index, indexId: 78 }] },
        { ...index, indexId: 78 },
      ),
    ).toMatchObject({ existing: { values: [expect.any(Number), `5${filler}`] } });
    await second.rollback();
  });
});

describe('streams', () => {
  const stream = testTable({
    tableId: 12,
    kind: 'stream',
    columns: { what: Oid.text },
    ttlMicros: 10_000_000n,
  });

  test('rows come in time order and expire; flush is refused', async () => {
    await inTransaction(storage, (t) => t.insert(stream, '', ['first']));
    folder.clock.advance(6_000_000n);
    await inTransaction(storage, (t) => t.insertMany(stream, '', [['second'], ['third']]));
    const read = async (): Promise<unknown[]> => {
      const reading = storage.begin();
      const rows = await allRows(reading, stream, { scope: sharedScope });
      await reading.rollback();
      return rows.map((row) => row.values[0]);
    };
    expect(await read()).toEqual(['first', 'second', 'third']);
    folder.clock.advance(4_000_000n);
    expect(await read()).toEqual(['second', 'third']);
    expect(await storage.evictExpired(stream)).toBe(1);
    expect(await read()).toEqual(['second', 'third']);
    await expect(storage.flush(stream, {})).rejects.toMatchObject({ code: '0A000' });
  });
});

test('after a failed write nothing is accepted, and reads go on', async () => {
  const broken = testFolder();
  const real = await openLevelStore(`${broken.dataDir}-hot`);
  let full = false;
  const store: HotStore = {
    ...real,
    batch() {
      const batch = real.batch();
      return {
        ...batch,
        write: (options) =>
          full
            ? Promise.reject(new Error('IO error: no space left on device'))
            : batch.write(options),
      };
    },
  };
  const own = await broken.open({ hotStore: store });
  await inTransaction(own, (t) => t.insert(table, '', [1, 'kept']));
  full = true;
  const lost = own.begin();
  await lost.insert(table, '', [2, 'lost']);
  await expect(lost.commit({ sync: true })).rejects.toMatchObject({ code: '08006' });
  full = false;
  const next = own.begin();
  await next.insert(table, '', [3, 'refused']);
  await expect(next.commit({ sync: true })).rejects.toMatchObject({ code: '53100' });
  const reading = own.begin();
  expect((await reading.get(table, '', [1]))?.values).toEqual([1, 'kept']);
  expect(await reading.get(table, '', [2])).toBeUndefined();
  await reading.rollback();
  await own.close();
  broken.remove();
});
