import {
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { encodeTable } from '../../catalog/codec.ts';
import { keys } from '../../catalog/level-records.ts';
import { verifyDataFolder } from '../../storage/index.ts';
import { openLevelStore } from '../../storage/hot/level-store.ts';
import type { HotEntry } from '../../storage/hot/types.ts';
import { prefixEnd } from '../../storage/keys/buffer.ts';
import { Keyspace, metaKey, stateKey, tablePrefix } from '../../storage/keys/keyspace.ts';
import { decodeManifestEntry, encodeManifestEntry } from '../../storage/cold/manifest.ts';
import { testTable } from '../../storage/testing.ts';
import { inTransaction, testFolder } from '../../storage/testing-folder.ts';
import type { Finding, Storage, StoredTable, VerifyReport } from '../../storage/types.ts';
import { Oid } from '../../types/oid.ts';
import { readCatalog } from '../../system/catalog-check.ts';

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
    indexes: [
      { name: 'notes_body', columns: ['body'] },
      { name: 'notes_unique', columns: ['body', 'id'], unique: true },
    ],
  }),
);
const log = withLayout(testTable({ tableId: 8, name: 'log', columns: { what: Oid.text } }));

let folder = testFolder();
let storage: Storage;
let coldFile = '';
/** What each test damages a copy of. */
const sound = testFolder();
let coldPath = '';

beforeAll(async () => {
  folder = sound;
  storage = await folder.open();
  await inTransaction(storage, async (transaction) => {
    const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));
    transaction.putMeta(keys.state, json({ version: 3, nextId: 10, nextJournal: 3 }));
    for (const stored of [notes, log])
      transaction.putMeta(
        keys.table(stored.tableId),
        encodeTable({ stored, options: new Map(), schemas: [] }),
      );
    transaction.putMeta(keys.journal(1), json({ sql: 'create table 1', settings: [] }));
    transaction.putMeta(keys.journal(2), json({ sql: 'create table 2', settings: [] }));
    transaction.putMeta(keys.sequence(3), json({ sequenceId: 3, namespace: 'public', name: 's' }));
    storage.sequences.create(3, { start: 1n, increment: 1n, min: 1n, max: 99n, cycle: false });
    for (const userId of ['ann', 'bob'])
      for (let i = 0; i < 50; i++)
        await transaction.insert(notes, userId, [BigInt(i), `note ${i % 7}`]);
    for (let i = 0; i < 20; i++) await transaction.insert(log, '', [`line ${i}`]);
  });
  await storage.flush(notes, {});
  await inTransaction(storage, async (transaction) => {
    for (let i = 0; i < 10; i++) {
      const row = await transaction.get(notes, 'ann', [BigInt(i)]);
      if (i < 5) await transaction.update(notes, row!, [BigInt(i), 'changed']);
      else await transaction.delete(notes, row!, i < 8 ? 'soft' : 'hard');
    }
    await transaction.insert(notes, 'ann', [100n, 'hot']);
  });
  await storage.flush(log, {});
  await storage.idle();
  const ofBob = (await storage.files(notes.tableId)).find((file) => file.userId === 'bob');
  coldPath = ofBob!.path;
  await storage.close();
});
afterAll(() => sound.remove());

beforeEach(() => {
  folder = testFolder();
  cpSync(sound.dataDir, folder.dataDir, { recursive: true });
  coldFile = join(folder.dataDir, 'cold', coldPath);
});
afterEach(() => folder.remove());

const verify = (): Promise<VerifyReport> =>
  verifyDataFolder({ dataDir: folder.dataDir, readCatalog });

/** Changes entries of the hot store as no bug should. */
async function damage(
  prefix: Buffer,
  change: (entries: HotEntry[]) => readonly (readonly [Buffer, Buffer | undefined])[],
): Promise<void> {
  const store = await openLevelStore(join(folder.dataDir, 'hot'));
  const cursor = store.scan({ from: prefix, to: prefixEnd(prefix) });
  const entries: HotEntry[] = [];
  for (let more = await cursor.next(100); more.length > 0; more = await cursor.next(100))
    entries.push(...more);
  await cursor.close();
  const batch = store.batch();
  for (const [key, value] of change(entries)) {
    if (value === undefined) batch.delete(key);
    else batch.put(key, value);
  }
  await batch.write({ sync: true });
  await store.close();
}

const flipped = (value: Buffer, at = value.length >> 1): Buffer => {
  const copy = Buffer.from(value);
  copy[at]! ^= 1;
  return copy;
};
const flipFirst = ([first]: HotEntry[]): [Buffer, Buffer][] => [[first![0], flipped(first![1])]];
const dropFirst = (entries: HotEntry[]): [Buffer, undefined][] => [[entries[0]![0], undefined]];

function expectFinding(
  report: VerifyReport,
  expected: Partial<Record<keyof Finding, unknown>>,
): void {
  expect(report.findings).toContainEqual(expect.objectContaining(expected));
  expect(report.problems).toBeGreaterThan(0);
}

test('a sound folder has nothing to tell, and all of it was read', async () => {
  const fractions: number[] = [];
  const report = await verifyDataFolder({
    dataDir: folder.dataDir,
    readCatalog,
    onProgress: (fraction) => fractions.push(fraction),
  });
  expect(report).toMatchObject({
    problems: 0,
    findings: [],
    tables: 2,
    hotRows: 9,
    coldRows: 110,
    files: 3,
  });
  expect(fractions.at(-1)).toBeGreaterThan(0.5);
  // And a server starts on it afterwards.
  const again = await folder.open();
  expect(await again.stats(notes)).toMatchObject({ files: 2 });
  await again.close();
});

const inTable = (keyspace: number): Buffer => tablePrefix(keyspace, notes.tableId);
const rowsText = 'public.notes';

const hotDamages: readonly (readonly [
  name: string,
  prefix: Buffer,
  change: (entries: HotEntry[]) => readonly (readonly [Buffer, Buffer | undefined])[],
  finding: { readonly kind: string; readonly subject?: string; readonly message?: string },
])[] = [
  [
    'a row',
    inTable(Keyspace.rows),
    flipFirst,
    { kind: 'damaged', subject: rowsText, message: 'is corrupted: wrong checksum' },
  ],
  [
    'a row under another key',
    inTable(Keyspace.rows),
    (entries) => [[entries[0]![0], entries[1]![1]]],
    { kind: 'damaged', subject: rowsText, message: 'has the key of another' },
  ],
  [
    'the entry of a row',
    inTable(Keyspace.index),
    dropFirst,
    { kind: 'missing', subject: rowsText, message: 'index "notes_body" has no entry for row' },
  ],
  [
    'an entry that leads elsewhere',
    inTable(Keyspace.index),
    (entries) => [[entries.at(-1)![0], entries[0]![1]]],
    { kind: 'mismatch', subject: rowsText, message: 'leads elsewhere' },
  ],
  [
    'the row of an entry',
    inTable(Keyspace.rows),
    dropFirst,
    { kind: 'orphan', subject: rowsText, message: 'entry without a row' },
  ],
  [
    'a mark',
    inTable(Keyspace.marks),
    ([first]) => [[first![0], flipped(first![1], first![1].length - 1)]],
    { kind: 'damaged', subject: rowsText, message: 'the mark of row' },
  ],
  [
    'a lost mark',
    inTable(Keyspace.marks),
    (entries) => [[entries.at(-1)![0], undefined]],
    { kind: 'missing', subject: rowsText },
  ],
  [
    "a table's record",
    inTable(Keyspace.table),
    flipFirst,
    { kind: 'damaged', subject: 'the record of table public.notes' },
  ],
  [
    "a user's record",
    inTable(Keyspace.scope),
    flipFirst,
    { kind: 'damaged', subject: 'the record of user "ann" of table public.notes' },
  ],
  [
    'a manifest entry',
    inTable(Keyspace.manifest),
    flipFirst,
    { kind: 'damaged', subject: rowsText, message: 'a manifest entry is corrupted' },
  ],
  [
    'a lost manifest entry',
    inTable(Keyspace.manifest),
    dropFirst,
    { kind: 'orphan', subject: 'disk', message: 'is in no manifest' },
  ],
  [
    'a count of the manifest',
    inTable(Keyspace.manifest),
    ([first]) => {
      const entry = decodeManifestEntry(first![1], 'it');
      return [[first![0], encodeManifestEntry({ ...entry, rows: entry.rows + 1 })]];
    },
    { kind: 'mismatch', subject: rowsText, message: 'has 50 rows, the manifest says 51' },
  ],
  [
    'the keys of the manifest',
    inTable(Keyspace.manifest),
    ([first]) => {
      const entry = decodeManifestEntry(first![1], 'it');
      return [[first![0], encodeManifestEntry({ ...entry, maxKey: entry.minKey })]];
    },
    { kind: 'mismatch', subject: rowsText, message: 'has keys outside' },
  ],
  [
    'a key filter',
    inTable(Keyspace.bloom),
    flipFirst,
    { kind: 'damaged', subject: rowsText, message: 'the key filter of file' },
  ],
  [
    'a lost key filter',
    inTable(Keyspace.bloom),
    dropFirst,
    { kind: 'missing', subject: rowsText, message: 'the key filter of file' },
  ],
  [
    'a sequence',
    Buffer.from([Keyspace.sequences]),
    flipFirst,
    { kind: 'damaged', subject: 'sequence 3' },
  ],
  [
    'a lost sequence',
    Buffer.from([Keyspace.sequences]),
    dropFirst,
    { kind: 'missing', subject: 'sequence 3' },
  ],
  ['the counters', stateKey, flipFirst, { kind: 'damaged', subject: "the storage's counters" }],
  [
    'a table of the catalog',
    metaKey(keys.table(7)),
    ([first]) => [[first![0], first![1].subarray(1)]],
    { kind: 'damaged', subject: keys.table(7) },
  ],
  [
    'a lost table of the catalog',
    metaKey(keys.table(7)),
    dropFirst,
    { kind: 'orphan', subject: 'table 7' },
  ],
  [
    'the journal',
    metaKey(keys.journal(1)),
    ([first]) => [[first![0], flipped(first![1], 0)]],
    { kind: 'damaged', subject: keys.journal(1) },
  ],
  [
    'a lost end of the journal',
    metaKey(keys.journal(2)),
    dropFirst,
    { kind: 'missing', subject: keys.journal(2) },
  ],
  [
    'a job',
    stateKey,
    () => [[metaKey('jobs/00000000000000000009'), Buffer.from('{')]],
    { kind: 'damaged', subject: 'jobs/00000000000000000009' },
  ],
  [
    'a key of no kind',
    stateKey,
    () => [[Buffer.from([0x77, 1]), Buffer.from('x')]],
    { kind: 'orphan', subject: 'hot store', message: 'key \\x7701 is of no known kind' },
  ],
];

test.each(hotDamages)('damage is told: %s', async (_, prefix, change, { message, ...finding }) => {
  await damage(prefix, change);
  const report = await verify();
  expectFinding(report, {
    ...finding,
    ...(message === undefined ? {} : { message: expect.stringContaining(message) }),
  });
});

test('a storage at work tells the same of what it holds', async () => {
  storage = await folder.open();
  const { hotRows, coldRows, problems, findings } = await storage.verify({ readCatalog });
  expect({ hotRows, coldRows, problems, findings }).toEqual({
    hotRows: 9,
    coldRows: 110,
    problems: 0,
    findings: [],
  });
  let stop = false;
  let written = 0;
  const writer = (async () => {
    for (; !stop; written++) {
      await inTransaction(storage, async (transaction) => {
        const values = [BigInt(1000 + (written % 50)), `text ${written}`];
        const old = await transaction.get(notes, 'bob', [values[0]!]);
        if (old === undefined) await transaction.insert(notes, 'bob', values);
        else if (written % 3 === 0) await transaction.delete(notes, old, 'hard');
        else await transaction.update(notes, old, values);
      });
      if (written % 20 === 10) await storage.flush(notes, {});
    }
  })();
  for (let i = 0; i < 5; i++)
    expect(await storage.verify({ readCatalog })).toMatchObject({ problems: 0 });
  stop = true;
  await writer;
  expect(written).toBeGreaterThan(5);
  writeFileSync(coldFile, flipped(readFileSync(coldFile)));
  expectFinding(await storage.verify({ readCatalog }), { kind: 'damaged', subject: rowsText });
  await storage.close();
});

test('damaged, missing and stray files are told', async () => {
  const bytes = readFileSync(coldFile);
  writeFileSync(coldFile, flipped(bytes));
  expectFinding(await verify(), {
    kind: 'damaged',
    subject: rowsText,
    message: expect.stringContaining('is corrupted: wrong checksum'),
  });
  truncateSync(coldFile, 100);
  expectFinding(await verify(), { kind: 'damaged', subject: rowsText });
  rmSync(coldFile);
  expectFinding(await verify(), {
    kind: 'missing',
    message: expect.stringMatching(/^file ".*" is missing$/),
  });
  writeFileSync(coldFile, bytes);
  const stray = `${coldFile.slice(0, -'.parquet'.length)}0.parquet`;
  writeFileSync(stray, bytes);
  expectFinding(await verify(), { kind: 'orphan', message: `file "${stray}" is in no manifest` });
  rmSync(stray);
  const empty = join(folder.dataDir, 'cold', 'empty');
  mkdirSync(empty);
  expect(await verify()).toMatchObject({
    problems: 0,
    findings: [{ kind: 'leftover', subject: 'disk', message: `folder "${empty}" is empty` }],
  });
});

test('a damaged table of the hot store is named', async () => {
  // Restarts make tables of the log.
  for (let i = 0; i < 2; i++) await (await folder.open()).close();
  const name = readdirSync(join(folder.dataDir, 'hot')).find((one) => /\.ldb$|\.sst$/.test(one));
  const path = join(folder.dataDir, 'hot', name!);
  writeFileSync(path, flipped(readFileSync(path), 20));
  expectFinding(await verify(), {
    kind: 'damaged',
    message: expect.stringContaining(`file "${path}" is corrupted`),
  });
});

test('a folder that is used, or is none, is refused', async () => {
  storage = await folder.open();
  await expect(verify()).rejects.toMatchObject({ code: '55006' });
  await storage.close();
  await expect(
    verifyDataFolder({ dataDir: join(folder.dataDir, 'none'), readCatalog }),
  ).rejects.toMatchObject({
    code: '58P01',
    message: expect.stringContaining('is not a pgtide data folder'),
  });
});
