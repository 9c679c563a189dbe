import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { manualClock } from '../../base/index.ts';
import { Oid } from '../../types/oid.ts';
import { openStorage } from '../index.ts';
import { testTable } from '../testing.ts';
import { allRows, inTransaction, testFolder } from '../testing-folder.ts';
import type { BackupOptions, Storage, StoredRow, StoredTable } from '../types.ts';
import { restore } from './restore.ts';

const users = testTable({
  tableId: 7,
  name: 'notes',
  kind: 'user',
  columns: { id: Oid.int8, body: Oid.text },
  primaryKey: ['id'],
  indexes: [{ name: 'notes_body', columns: ['body'] }],
});
const shared = testTable({ tableId: 8, name: 'log', columns: { at: Oid.int8, what: Oid.text } });
const tables = [users, shared];

let folder = testFolder();
let storage: Storage;
let place = '';
beforeEach(async () => {
  folder = testFolder();
  place = `${folder.dataDir}-backup`;
  storage = await folder.open();
  await inTransaction(storage, async (transaction) => {
    for (const { tableId } of tables)
      transaction.putMeta(`table/${tableId}`, Buffer.from(String(tableId)));
    transaction.putMeta('jobs/1', Buffer.from('mine'));
  });
});
afterEach(async () => {
  await storage.close();
  for (const path of [place, `${folder.dataDir}-new`])
    rmSync(path, { recursive: true, force: true });
  folder.remove();
});

async function put(table: StoredTable, userId: string, from: number, to: number): Promise<void> {
  await inTransaction(storage, async (transaction) => {
    for (let i = from; i < to; i++)
      await transaction.insert(table, userId, [BigInt(i), `row ${i} of ${userId}`]);
  });
}

async function contents(of: Storage): Promise<Record<string, StoredRow['values'][]>> {
  const found: Record<string, StoredRow['values'][]> = {};
  const transaction = of.begin();
  for (const table of tables) {
    const rows = await allRows(transaction, table, { scope: { kind: 'all' }, order: 'asc' });
    found[table.name] = rows.map((row) => [row.userId, ...row.values]);
  }
  transaction.release();
  return found;
}

const backup = (options: Partial<BackupOptions> = {}): ReturnType<Storage['backup']> =>
  storage.backup({
    path: place,
    token: 'job 1',
    tableMetaKey: (tableId) => `table/${tableId}`,
    without: (key) => key === 'jobs/1',
    ...options,
  });

const newDir = (): string => `${folder.dataDir}-new`;
async function openRestored(): Promise<Storage> {
  return await openStorage({ dataDir: newDir(), clock: manualClock(1n) });
}

async function fill(): Promise<void> {
  await put(users, 'ann', 0, 300);
  await put(users, 'Bob/..', 0, 20);
  await put(shared, '', 0, 500);
  await storage.flush(users, {});
  await put(users, 'ann', 300, 340);
  storage.sequences.create(3, { start: 1n, increment: 1n, min: 1n, max: 99n, cycle: false });
  for (let i = 0; i < 5; i++) storage.sequences.nextval(3);
  await inTransaction(storage, async (transaction) => {
    const row = await transaction.get(users, 'ann', [7n]);
    await transaction.update(users, row!, [7n, 'changed']);
    const gone = await transaction.get(users, 'ann', [8n]);
    await transaction.delete(users, gone!, 'hard');
  });
}

describe('a backup', () => {
  test('holds both tiers and sequences as they are, and nothing that comes later', async () => {
    await fill();
    const before = await contents(storage);
    const fractions: number[] = [];
    const result = await backup({ onProgress: (fraction) => fractions.push(fraction) });
    expect(result).toMatchObject({ path: place, files: 2, coldRows: 320, tables: 1 });
    expect(fractions.at(-1)).toBeGreaterThan(0.5);
    await put(shared, '', 500, 510);
    storage.sequences.nextval(3);

    const restored = await restore({ backup: place, dataDir: newDir() });
    expect(restored).toMatchObject({ commitSeq: result.commitSeq, files: 2 });
    const again = await openRestored();
    expect(await contents(again)).toEqual(before);
    expect(again.sequences.state(3)).toEqual({ lastValue: 5n, isCalled: true });
    expect((await again.meta('')).map(([key]) => key)).toEqual(['table/7', 'table/8']);
    const transaction = again.begin();
    const found: StoredRow[] = [];
    const index = users.indexes[0]!;
    for await (const rows of transaction.indexLookup(users, index, 'ann', ['changed']))
      found.push(...rows);
    expect(found.map((row) => row.values[0])).toEqual([7n]);
    transaction.release();
    await again.close();
  });

  test('of a storage that is written to holds whole transactions, the first so many', async () => {
    const pairs = testTable({ tableId: 8, name: 'log', columns: { n: Oid.int8, side: Oid.text } });
    let written = 0;
    let stop = false;
    const writer = (async () => {
      while (!stop) {
        const n = written;
        await inTransaction(storage, async (transaction) => {
          await transaction.insert(pairs, '', [BigInt(n), 'left']);
          await transaction.insert(pairs, '', [BigInt(n), 'right']);
        });
        written++;
        if (n % 50 === 25) await storage.flush(pairs, {});
      }
    })();
    await expect.poll(() => written).toBeGreaterThan(60);
    const acknowledged = written;
    await backup();
    const later = written;
    stop = true;
    await writer;
    await restore({ backup: place, dataDir: newDir() });
    const again = await openRestored();
    const transaction = again.begin();
    const rows = await allRows(transaction, pairs, { scope: { kind: 'all' } });
    transaction.release();
    await again.close();
    const numbers = (side: string): number[] =>
      rows
        .filter((row) => row.values[1] === side)
        .map((row) => Number(row.values[0]))
        .sort((a, b) => a - b);
    expect(numbers('left')).toEqual(numbers('right'));
    expect(numbers('left')).toEqual(numbers('left').map((_, i) => i));
    expect(numbers('left').length).toBeGreaterThanOrEqual(acknowledged);
    expect(numbers('left').length).toBeLessThanOrEqual(later + 1);
  });

  test('that is cancelled or fails leaves nothing behind', async () => {
    await fill();
    const cancel = new AbortController();
    const reason = new Error('cancelled');
    const cancelled = backup({ signal: cancel.signal, onProgress: () => cancel.abort(reason) });
    await expect(cancelled).rejects.toBe(reason);
    expect(existsSync(place)).toBe(false);

    mkdirSync(place);
    const [file] = await storage.files(users.tableId);
    const path = join(folder.dataDir, 'cold', file!.path);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path, bytes);
    await expect(backup()).rejects.toMatchObject({
      code: 'XX001',
      message: `file "${file!.path}" is corrupted: wrong checksum`,
    });
    expect(readdirSync(place)).toEqual([]);
  });

  test('refuses a path that will not do', async () => {
    await expect(backup({ path: 'here' })).rejects.toMatchObject({ code: '22023' });
    await expect(backup({ path: join(folder.dataDir, 'b') })).rejects.toMatchObject({
      code: '55000',
      message: expect.stringContaining('within the data folder'),
    });
    await expect(backup({ path: join(place, 'a', 'b') })).rejects.toMatchObject({ code: '58P01' });
    writeFileSync(place, '');
    await expect(backup()).rejects.toMatchObject({
      message: `could not back up to "${place}": it is not a folder`,
    });
    rmSync(place);
    mkdirSync(place);
    writeFileSync(join(place, 'mine'), 'mine');
    await expect(backup()).rejects.toMatchObject({
      code: '55000',
      message: `could not back up to "${place}": the folder is not empty`,
    });
    expect(readdirSync(place)).toEqual(['mine']);
  });

  test('goes on where a crash interrupted it, with the same token alone', async () => {
    await fill();
    const steps = [
      'backup: snapshot taken',
      'backup: files copied',
      'backup: hot store dumped',
      'backup: written',
    ];
    for (const at of steps) {
      await storage.close();
      const never = Promise.withResolvers<never>();
      const reached = Promise.withResolvers<void>();
      storage = await folder.open({
        faults: (step) => {
          if (step !== at) return undefined;
          reached.resolve();
          return never.promise;
        },
      });
      backup().catch(() => undefined);
      await reached.promise;
      // As if the process had been killed here.
      await storage.close();
      storage = await folder.open();
      if (at !== 'backup: written')
        await expect(restore({ backup: place, dataDir: newDir() })).rejects.toMatchObject({
          code: '55000',
          message: `"${place}" is not a complete backup: it has no backup.json`,
        });
      await expect(backup({ token: 'job 2' })).rejects.toMatchObject({ code: '55000' });
      const result = await backup();
      expect(result).toMatchObject({ files: 2 });
      // The same job once more finds that it is done.
      expect(await backup()).toEqual(result);
      expect(readdirSync(place).sort()).toEqual(['backup.json', 'cold', 'hot.dump']);
      rmSync(place, { recursive: true });
    }
  });

  test('leaves the files of a table out that is being dropped', async () => {
    await fill();
    await inTransaction(storage, async (transaction) => transaction.putMeta('table/7', undefined));
    const [file] = await storage.files(users.tableId);
    rmSync(join(folder.dataDir, 'cold', file!.path));
    expect(await backup()).toMatchObject({ files: 0 });
  });
});

describe('a restore', () => {
  const flip = (path: string, at = 0.5): void => {
    const bytes = readFileSync(path);
    bytes[Math.floor(bytes.length * at)]! ^= 1;
    writeFileSync(path, bytes);
  };

  test('names a damaged file, whichever it is, and makes no folder', async () => {
    await fill();
    await backup();
    const [file] = await storage.files(users.tableId);
    const damages: readonly (readonly [name: string, at: number])[] = [
      ['backup.json', 0.5],
      ['hot.dump', 0.001],
      ['hot.dump', 0.5],
      ['hot.dump', 0.9999],
      [`cold/${file!.path}`, 0.3],
    ];
    for (const [name, at] of damages) {
      flip(join(place, name), at);
      await expect(restore({ backup: place, dataDir: newDir() })).rejects.toMatchObject({
        code: 'XX001',
        message: expect.stringContaining(`file "${name}" of the backup is corrupted`),
      });
      expect(existsSync(newDir())).toBe(false);
      flip(join(place, name), at);
    }
    const dump = readFileSync(join(place, 'hot.dump'));
    writeFileSync(join(place, 'hot.dump'), dump.subarray(0, -12));
    await expect(restore({ backup: place, dataDir: newDir() })).rejects.toMatchObject({
      message: 'file "hot.dump" of the backup is corrupted: it ends too early',
    });
    writeFileSync(join(place, 'hot.dump'), dump);
    rmSync(join(place, 'cold', file!.path));
    await expect(restore({ backup: place, dataDir: newDir() })).rejects.toMatchObject({
      code: '58P01',
      message: `file "cold/${file!.path}" of the backup is missing`,
    });
  });

  test('refuses a folder with something in it', async () => {
    await fill();
    await backup();
    mkdirSync(newDir());
    writeFileSync(join(newDir(), 'mine'), '');
    await expect(restore({ backup: place, dataDir: newDir() })).rejects.toMatchObject({
      code: '55000',
      message: `could not restore to "${newDir()}": the folder is not empty`,
    });
    await expect(restore({ backup: place, dataDir: folder.dataDir })).rejects.toMatchObject({
      code: '55000',
    });
    expect(readdirSync(newDir())).toEqual(['mine']);
  });

  test("gives files in tablespaces back under names of its own, beside the other server's", async () => {
    const root = `${folder.dataDir}-space`;
    const roomy = { ...users, tablespaceId: 5 };
    const made = await storage.locations.make(5, `${root}/\${user_id}`);
    await inTransaction(storage, async (transaction) => made.put(transaction));
    await put(roomy, 'ann', 0, 50);
    await storage.flush(roomy, {});
    await put(roomy, 'ann', 50, 60);
    const before = await contents(storage);
    const names = (): string[] => readdirSync(root, { recursive: true }).map(String).sort();
    const others = names();
    try {
      await expect(backup({ path: join(root, 'b') })).rejects.toMatchObject({ code: '55000' });
      await backup();
      const cut = restore({
        backup: place,
        dataDir: newDir(),
        faults: (step) => {
          if (step === 'restore: files copied') throw new Error('cut');
        },
      });
      await expect(cut).rejects.toThrow('cut');
      expect(names()).toEqual(others);
      await restore({ backup: place, dataDir: newDir() });
      expect(names()).toHaveLength(others.length + 2);
      const again = await openRestored();
      expect(await contents(again)).toEqual(before);
      const [file] = await again.files(users.tableId);
      expect(others).not.toContain(file!.path);
      await again.close();
      // Neither start nor stop has touched what is the other's.
      for (const name of others) expect(names()).toContain(name);
      expect(await contents(storage)).toEqual(before);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });

  test('that was killed keeps servers out, and can be done again', async () => {
    await fill();
    const before = await contents(storage);
    await backup();
    const steps = ['begun', 'files copied', 'block written', 'hot store written', 'checked'];
    for (const at of steps) {
      const cut = Promise.withResolvers<void>();
      const copy = `${newDir()}-killed`;
      // What is on disk at that moment is what a killed process would leave.
      restore({
        backup: place,
        dataDir: newDir(),
        faults: async (step) => {
          if (step !== `restore: ${at}`) return;
          const { cpSync } = await import('node:fs');
          cpSync(newDir(), copy, { recursive: true });
          cut.resolve();
        },
      }).catch(cut.reject);
      await cut.promise;
      await expect.poll(() => existsSync(join(newDir(), 'restore.unfinished'))).toBe(false);
      await expect.poll(() => existsSync(join(newDir(), 'pgtide.pid'))).toBe(false);
      rmSync(newDir(), { recursive: true });
      await expect(openStorage({ dataDir: copy, clock: manualClock() })).rejects.toMatchObject({
        code: '55000',
        report: { hint: 'Run pgtide restore with this folder again.' },
      });
      await restore({ backup: place, dataDir: copy });
      const again = await openStorage({ dataDir: copy, clock: manualClock(1n) });
      expect(await contents(again)).toEqual(before);
      await again.close();
      rmSync(copy, { recursive: true });
    }
  });

  test('that is cancelled leaves nothing behind', async () => {
    await fill();
    await backup();
    for (const stopAt of [0.1, 0.4, 0.7, 0.95]) {
      const cancel = new AbortController();
      const onProgress = (fraction: number): void => {
        if (fraction >= stopAt) cancel.abort(new Error('cancelled'));
      };
      const restored = restore({
        backup: place,
        dataDir: newDir(),
        signal: cancel.signal,
        onProgress,
      });
      await expect(restored).rejects.toThrow('cancelled');
      expect(existsSync(newDir())).toBe(false);
    }
  });
});
