import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { manualClock } from '../../base/index.ts';
import { Oid } from '../../types/oid.ts';
import { openStorage } from '../index.ts';
import { testTable } from '../testing.ts';
import type { TestFolder } from '../testing-folder.ts';
import { allRows, inTransaction, testFolder } from '../testing-folder.ts';
import type { Storage, StoredTable } from '../types.ts';

const atHome = testTable({
  tableId: 5,
  name: 'notes',
  kind: 'user',
  columns: { id: Oid.int4, body: Oid.text },
  primaryKey: ['id'],
});
const away: StoredTable = { ...atHome, tablespaceId: 7 };
const users = ['ann', 'Ann', '../x'];

let folder: TestFolder;
let root = '';
let storage: Storage;

beforeEach(async () => {
  folder = testFolder();
  root = mkdtempSync(join(tmpdir(), 'pgtide-location-'));
  storage = await folder.open();
});
afterEach(async () => {
  await storage.close().catch(() => undefined);
  folder.remove();
  rmSync(root, { recursive: true, force: true });
});

async function make(tablespaceId: number, location: string): Promise<void> {
  const made = await storage.locations.make(tablespaceId, location);
  await inTransaction(storage, (transaction) => Promise.resolve(made.put(transaction)));
}

async function fill(table: StoredTable, from = 0): Promise<void> {
  await inTransaction(storage, async (transaction) => {
    for (const user of users)
      await transaction.insertMany(
        table,
        user,
        Array.from({ length: 20 }, (_, i) => [from + i, `${user} ${i}`]),
      );
  });
}

async function contents(table: StoredTable = away): Promise<string[]> {
  const reading = storage.begin();
  const rows = await allRows(reading, table, { scope: { kind: 'all' } });
  await reading.rollback();
  return rows.map((row) => JSON.stringify([row.userId, ...row.values])).sort();
}

const below = (path: string): string[] =>
  readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.includes('.parquet'))
    .sort();

async function reopen(options?: Parameters<TestFolder['open']>[0]): Promise<void> {
  await storage.idle();
  await storage.close();
  storage = await folder.open(options);
}

const crashAt =
  (step: string) =>
  (at: string): void => {
    if (at === step) throw new Error(`crash at ${at}`);
  };

describe('files of a tablespace', () => {
  test('are in its location, a folder for each user, and nothing else there is touched', async () => {
    await make(7, `file://${root}/x/\${namespace}/\${table}/\${user_id}/`);
    await fill(away);
    const before = await contents();
    await storage.flush(away, {});
    await storage.idle();
    expect(await contents()).toEqual(before);
    expect(below(join(folder.dataDir, 'cold'))).toEqual([]);
    expect([...new Set(below(root).map(dirname))]).toEqual([
      'x/public/notes.5/u-%2e%2e%2fx',
      'x/public/notes.5/u-%41nn',
      'x/public/notes.5/u-ann',
    ]);
    const [tag] = /[0-9a-f]{8}/.exec(
      readdirSync(join(root, 'x')).find((n) => n.endsWith('.json'))!,
    )!;
    const orphan = join(root, 'x/public/notes.5/u-ann', `batch-1-99-${tag}.parquet.tmp`);
    const foreign = [
      'x/public/notes.5/u-ann/batch-1-98-00000000.parquet',
      'x/public/notes.5/u-ann/batch-1-98.parquet',
      `x/batch-1-97-${tag}.parquet.txt`,
      `x/Public/batch-1-96-${tag}.parquet`,
      'x/photos/cat.png',
    ].map((name) => join(root, name));
    mkdirSync(join(root, 'x/empty'));
    for (const path of [orphan, ...foreign]) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, 'x');
    }
    await reopen();
    expect(existsSync(orphan)).toBe(false);
    for (const path of foreign) expect(existsSync(path)).toBe(true);
    expect(existsSync(join(root, 'x/empty'))).toBe(true);
    expect(await contents()).toEqual(before);

    for (const path of foreign) rmSync(path);
    await storage.dropTable(away);
    expect(readdirSync(join(root, 'x')).sort()).toEqual(
      ['Public', 'empty', 'photos', `pgtide-tablespace-${tag}.json`].sort(),
    );
  });

  test('a location that is not there is neither written nor swept, and back again it serves', async () => {
    await make(7, `${root}/x`);
    await fill(away);
    await storage.flush(away, {});
    const before = await contents();
    await storage.idle();
    await storage.close();
    renameSync(join(root, 'x'), join(root, 'unmounted'));
    mkdirSync(join(root, 'x'));
    storage = await folder.open();
    await fill(away, 1000);
    await expect(storage.flush(away, {})).rejects.toMatchObject({
      code: '58P01',
      message: `tablespace location "${root}/x" is not there, or without the marker that it was given`,
    });
    expect(readdirSync(join(root, 'x'))).toEqual([]);
    rmSync(join(root, 'x'), { recursive: true });
    renameSync(join(root, 'unmounted'), join(root, 'x'));
    await storage.flush(away, {});
    expect((await contents()).length).toBe(2 * before.length);
  });

  test('a data folder that was moved keeps its location, a copy never removes what is not its own', async () => {
    await make(7, `${root}/x`);
    await fill(away);
    await storage.flush(away, {});
    const before = await contents();
    await storage.idle();
    await storage.close();
    const clock = manualClock(1_000_000_000n);
    const copyDir = `${folder.dataDir}-copy`;
    cpSync(folder.dataDir, copyDir, { recursive: true });
    const originals = below(root);
    try {
      storage = await openStorage({ dataDir: copyDir, clock });
      expect(await contents()).toEqual(before);
      await fill(away, 1000);
      await storage.flush(away, {});
      await storage.idle();
      expect(below(root).length).toBe(2 * originals.length);
      await storage.dropTable(away);
      await storage.close();
      expect(below(root)).toEqual(originals);

      storage = await folder.open();
      await storage.close();
      rmSync(copyDir, { recursive: true });
      renameSync(folder.dataDir, copyDir);
      // The former path leads there still, as by a mount: it is the same folder.
      symlinkSync(copyDir, folder.dataDir);
      storage = await openStorage({ dataDir: copyDir, clock });
      expect(await contents()).toEqual(before);
      await storage.dropTable(away);
      expect(below(root)).toEqual([]);
    } finally {
      await storage.close().catch(() => undefined);
      rmSync(copyDir, { recursive: true, force: true });
    }
  });

  test.each(['location: intended', 'location: marked'])(
    'a location whose making ends at "%s" leaves nothing',
    async (step) => {
      // As a crash would: what is done to take it back does not reach the disk.
      await storage.close();
      let crashed = false;
      storage = await folder.open({
        faults: (at) => {
          if (at === step) crashed = true;
          if (crashed) return new Promise(() => undefined);
          return undefined;
        },
      });
      void storage.locations.make(7, `${root}/x`);
      while (!crashed) await new Promise((resolve) => setTimeout(resolve, 5));
      await storage.close();
      storage = await folder.open();
      expect(existsSync(join(root, 'x')) ? readdirSync(join(root, 'x')) : []).toEqual([]);
      await make(8, `${root}/x`);
      await make(9, `${root}/y`);
    },
  );

  test('places that will not do', async () => {
    await make(7, `${root}/x/\${table}`);
    const file = join(root, 'file');
    writeFileSync(file, '');
    mkdirSync(join(root, 'data'));
    await expect(make(8, `${root}/x`)).rejects.toMatchObject({ code: '55006' });
    await expect(make(8, `${root}/x/y`)).rejects.toMatchObject({ code: '55006' });
    await expect(make(8, root)).rejects.toMatchObject({ code: '55006' });
    await expect(make(8, `${file}/y`)).rejects.toMatchObject({
      code: '42809',
      message: `could not create directory "${file}/y": Not a directory`,
    });
    await expect(make(8, `${folder.dataDir}/cold/y`)).rejects.toMatchObject({ code: '42P17' });
    await expect(make(8, '/${table}')).rejects.toMatchObject({
      code: '42P17',
      message: 'tablespace location must not be the root folder',
    });
    // None of them has left anything.
    await reopen();
    await make(8, `${root}/xy`);
    const marker = readdirSync(join(root, 'xy'));
    expect(JSON.parse(readFileSync(join(root, 'xy', marker[0]!), 'utf8'))).toMatchObject({
      product: 'pgtide',
      dataDir: folder.dataDir,
    });
  });

  test('a removed location has no marker, also after a crash', async () => {
    for (const [id, crash] of [
      [7, false],
      [8, true],
    ] as const) {
      await make(id, `${root}/${id}`);
      const removed = storage.locations.remove(id);
      await inTransaction(storage, (transaction) => Promise.resolve(removed.put(transaction)));
      if (crash) await reopen();
      else await removed.finish();
      expect(readdirSync(join(root, String(id)))).toEqual([]);
    }
  });
});

describe('moving files', () => {
  beforeEach(async () => {
    await make(7, `${root}/x`);
    await fill(atHome);
    await storage.flush(atHome, {});
    await storage.idle();
  });

  test('there and back, read all the while', async () => {
    const before = await contents();
    const reading = storage.begin();
    reading.newStatement();
    const scan = reading.scan(atHome, { scope: { kind: 'all' } })[Symbol.asyncIterator]();
    let rows = (await scan.next()).value!.length;
    const fractions: number[] = [];
    const moved = await storage.moveFiles(away, { onProgress: (f) => void fractions.push(f) });
    expect(moved).toEqual({ files: 3, bytes: expect.any(Number) });
    expect(fractions.at(-1)).toBe(1);
    expect(below(root).length).toBe(3);
    expect(await contents()).toEqual(before);
    for (let next = await scan.next(); next.done !== true; next = await scan.next())
      rows += next.value.length;
    expect(rows).toBe(60);
    await reading.rollback();
    await storage.idle();
    expect(below(join(folder.dataDir, 'cold'))).toEqual([]);
    expect(storage.locations.inUse(7)).toBe(false);
    // What is there already stays.
    expect(await storage.moveFiles(away)).toEqual({ files: 0, bytes: 0 });
    // What a reader still has is nobody's any more, and keeps the location in use.
    const later = storage.begin({ isolation: 'repeatable read' });
    expect((await allRows(later, away, { scope: { kind: 'all' } })).length).toBe(60);
    await storage.moveFiles(atHome);
    expect((await storage.locations.uses()).get(7)).toBe(undefined);
    expect(below(root).length).toBe(3);
    expect(storage.locations.inUse(7)).toBe(true);
    expect((await allRows(later, away, { scope: { kind: 'all' } })).length).toBe(60);
    await later.rollback();
    await storage.idle();
    expect(below(root)).toEqual([]);
    expect(storage.locations.inUse(7)).toBe(false);
    await reopen();
    expect(await contents()).toEqual(before);
    const [, use] = [...(await storage.locations.uses())][0]!;
    expect(use.files).toBe(3);
  });

  test.each([
    'move: file copied',
    'move: file renamed',
    'move: before commit',
    'move: committed',
    'move: removed',
  ])('a crash at "%s" leaves every row once, and it can be done again', async (step) => {
    const before = await contents();
    await reopen({ faults: crashAt(step) });
    await expect(storage.moveFiles(away)).rejects.toThrow('crash');
    expect(await contents()).toEqual(before);
    await reopen();
    expect(await contents()).toEqual(before);
    expect(below(root).length + below(join(folder.dataDir, 'cold')).length).toBe(3);
    await storage.moveFiles(away);
    await storage.idle();
    expect(await contents()).toEqual(before);
    expect(below(root).length).toBe(3);
    expect(below(join(folder.dataDir, 'cold'))).toEqual([]);
  });

  test('a damaged file is named and stays where it is', async () => {
    const [file] = await storage.files(5);
    writeFileSync(join(folder.dataDir, 'cold', file!.path), 'x');
    await expect(storage.moveFiles(away)).rejects.toMatchObject({
      code: 'XX001',
      message: `file "${file!.path}" is corrupted: wrong checksum`,
    });
    expect(below(root)).toEqual([]);
    expect((await storage.files(5)).map((one) => one.tablespaceId)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
