/**
 * Damages one file of a data folder at a time, opens the storage and reads everything in every way: each answer must be right, or
 * an error that names what is damaged. Never a wrong answer, never fewer rows.
 */
import { cp, mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PgError, SqlState, assert, manualClock } from '../../src/base/index.ts';
import type { HotStore } from '../../src/storage/hot/types.ts';
import type { Storage } from '../../src/storage/index.ts';
import { openStorage } from '../../src/storage/index.ts';
import { soundRecords } from '../../src/storage/hot/level-log.ts';
import { testTable } from '../../src/storage/testing.ts';
import { allRows } from '../../src/storage/testing-folder.ts';
import type { Scope, StoredTable } from '../../src/storage/types.ts';
import { Oid } from '../../src/types/oid.ts';
import type { Random } from './random.ts';
import { seededRandom } from './random.ts';

const shared = testTable({
  tableId: 11,
  name: 'plain',
  columns: { id: Oid.int4, word: Oid.text, n: Oid.int4 },
  primaryKey: ['id'],
  indexes: [
    { name: 'plain_word', columns: ['word'], unique: true },
    { name: 'plain_n', columns: ['n'] },
  ],
});
const user = testTable({
  tableId: 12,
  name: 'notes',
  kind: 'user',
  columns: { id: Oid.int4, body: Oid.text },
  primaryKey: ['id'],
  indexes: [{ name: 'notes_body', columns: ['body'] }],
});
const keyless = testTable({
  tableId: 13,
  name: 'keyless',
  columns: { a: Oid.int4, b: Oid.text },
});
const tables = [shared, user, keyless];
const users = ['ann', 'bob'];
const everyone: Scope = { kind: 'all' };
const of = (userId: string): Scope => ({ kind: 'one', userId });
const ids = 60;
const sequenceId = 7;
const clock = manualClock(1_000_000_000n);

const open = (
  dataDir: string,
  wrapStore: (store: HotStore) => HotStore = (store) => store,
): Promise<Storage> => openStorage({ dataDir, clock, options: { wrapStore } });

/** One commit that touches everything, in a way of its own for each `n`: one of three does not wait for its sync. */
async function commit(storage: Storage, n: number): Promise<void> {
  const transaction = storage.begin();
  try {
    const id = n % ids;
    const [old] = (await allRows(transaction, shared, { scope: of('') })).filter(
      (row) => row.values[0] === id,
    );
    const values = [id, `word ${n}`, n % 5];
    if (old === undefined) await transaction.insert(shared, '', values);
    else if (n % 7 === 0) await transaction.delete(shared, old, n % 2 === 0 ? 'soft' : 'hard');
    else await transaction.update(shared, old, values);
    for (const userId of users)
      await transaction.insert(user, userId, [n, `${userId} ${n % 9} ${'x'.repeat(n % 40)}`]);
    // Large enough now and then that records of the log cross its blocks.
    await transaction.insert(keyless, '', [n, `row ${n} ${'y'.repeat(n % 5 === 0 ? 9000 : 0)}`]);
    transaction.putMeta('catalog/state', Buffer.from(`state ${n}`));
    transaction.putMeta(`jobs/${n % 4}`, Buffer.from(`job ${n}`));
  } catch (error) {
    await transaction.rollback();
    throw error;
  }
  await transaction.commit({ sync: n % 3 !== 0 });
  storage.sequences.nextval(sequenceId);
}

type Questions = ReadonlyMap<string, (storage: Storage) => Promise<unknown>>;

/** Everything that can be asked. */
function questions(): Questions {
  const all = new Map<string, (storage: Storage) => Promise<unknown>>();
  const reading = async <T>(
    storage: Storage,
    work: (transaction: ReturnType<Storage['begin']>) => Promise<T>,
  ): Promise<T> => {
    const transaction = storage.begin();
    try {
      return await work(transaction);
    } finally {
      await transaction.rollback();
    }
  };
  const scans = (table: StoredTable): Scope[] =>
    table.kind === 'user' ? [everyone, ...users.map(of)] : [of('')];
  for (const table of tables) {
    for (const scope of scans(table)) {
      all.set(`scan of ${table.name} ${JSON.stringify(scope)}`, (storage) =>
        reading(storage, async (transaction) =>
          (await allRows(transaction, table, { scope, includeDeleted: true }))
            .map((row) => JSON.stringify([row.userId, row.values, row.deleted]))
            .toSorted(),
        ),
      );
    }
    all.set(`files of ${table.name}`, async (storage) =>
      (await storage.files(table.tableId)).map((file) => file.path),
    );
  }
  for (const scope of ['', ...users]) {
    const table = scope === '' ? shared : user;
    for (let id = 0; id < ids; id += 3) {
      all.set(`${table.name} ${id} of ${scope}`, (storage) =>
        reading(
          storage,
          async (transaction) => (await transaction.get(table, scope, [id]))?.values,
        ),
      );
    }
  }
  const lookups: [StoredTable, number, string, unknown][] = [
    ...Array.from({ length: 5 }, (_, n): [StoredTable, number, string, unknown] => [
      shared,
      1,
      '',
      n,
    ]),
    ...Array.from({ length: 60 }, (_, n): [StoredTable, number, string, unknown] => [
      shared,
      0,
      '',
      `word ${n * 2}`,
    ]),
    ...users.map((userId): [StoredTable, number, string, unknown] => [
      user,
      0,
      userId,
      `${userId} 0 `,
    ]),
  ];
  for (const [table, index, userId, value] of lookups) {
    all.set(`${table.indexes[index]!.name} = ${String(value)}`, (storage) =>
      reading(storage, async (transaction) => {
        const found: string[] = [];
        for await (const rows of transaction.indexLookup(table, table.indexes[index]!, userId, [
          value as string,
        ]))
          found.push(...rows.map((row) => JSON.stringify(row.values)));
        return found.toSorted();
      }),
    );
  }
  all.set('meta entries', async (storage) =>
    (await storage.meta('')).map(([key, value]) => [key, Buffer.from(value).toString()]),
  );
  all.set('the sequence', async (storage) => {
    // Of a crash it may have gone on, never back.
    const { lastValue } = storage.sequences.state(sequenceId);
    return Number(lastValue);
  });
  return all;
}

type Answers = ReadonlyMap<string, string>;

async function answersOf(storage: Storage, asked: Questions): Promise<Answers> {
  const answers = new Map<string, string>();
  for (const [name, ask] of asked) answers.set(name, JSON.stringify((await ask(storage)) ?? null));
  return answers;
}

const sameAnswers = (left: Answers, right: Answers): boolean =>
  [...left].every(([name, answer]) => right.get(name) === answer);

interface Folder {
  readonly dataDir: string;
  /** Whether the storage was closed; otherwise its files are as a crash leaves them. */
  readonly closed: boolean;
  readonly answers: Answers;
  /** Answers after each commit that is in the last log: what is right when its end was cut off. */
  readonly earlier: readonly Answers[];
  /** Of each record of the last log: whether all before it was on disk when it was written. */
  readonly afterSync: readonly boolean[];
}

/** Puts down of each batch that is written whether those before it had been synced. */
function watchSyncs(store: HotStore, afterSync: boolean[]): HotStore {
  let synced = true;
  return {
    ...store,
    batch() {
      const batch = store.batch();
      return {
        put: batch.put,
        delete: batch.delete,
        require: batch.require,
        get operations() {
          return batch.operations;
        },
        write(options) {
          afterSync.push(synced);
          synced = options.sync;
          return batch.write(options);
        },
      };
    },
  };
}

/** Data folders with rows in logs, tables and files of both tiers, once closed and once as after a crash. */
async function makeFolders(root: string, asked: Questions): Promise<Folder[]> {
  const dataDir = join(root, 'closed');
  let storage = await open(dataDir);
  storage.sequences.create(sequenceId, {
    start: 1n,
    increment: 1n,
    min: 1n,
    max: 1000n,
    cycle: false,
  });
  let n = 0;
  const more = async (commits: number): Promise<void> => {
    for (let i = 0; i < commits; i++) await commit(storage, ++n);
  };
  await more(50);
  for (const table of tables) await storage.flush(table, {});
  await storage.idle();
  await more(40);
  await storage.close();
  // What was in the log becomes a table of LevelDB now.
  storage = await open(dataDir);
  await more(30);
  await storage.flush(user, {});
  await storage.idle();
  await storage.close();
  const afterSync: boolean[] = [];
  storage = await open(dataDir, (store) => watchSyncs(store, afterSync));
  await storage.idle();
  const earlier: Answers[] = [await answersOf(storage, asked)];
  for (let i = 0; i < 25; i++) {
    await more(1);
    await storage.persistSequences();
    earlier.push(await answersOf(storage, asked));
  }
  const crashed = join(root, 'crashed');
  await cp(dataDir, crashed, { recursive: true });
  await storage.close();
  return [
    {
      dataDir,
      closed: true,
      answers: await reopened(root, dataDir, asked),
      earlier: [],
      afterSync: [],
    },
    {
      dataDir: crashed,
      closed: false,
      answers: await reopened(root, crashed, asked),
      earlier,
      afterSync,
    },
  ];
}

async function reopened(root: string, dataDir: string, asked: Questions): Promise<Answers> {
  const copy = join(root, 'copy');
  await cp(dataDir, copy, { recursive: true });
  const storage = await open(copy);
  const answers = await answersOf(storage, asked);
  await storage.close();
  await rm(copy, { recursive: true });
  return answers;
}

const damages = ['bit', 'byte', 'zeros', 'truncate', 'last byte', 'delete', 'append'] as const;

interface Damage {
  readonly file: string;
  readonly what: string;
}

/** Damages the file; undefined when nothing has changed by it. */
async function damage(folder: string, file: string, random: Random): Promise<Damage | undefined> {
  const path = join(folder, file);
  const bytes = await readFile(path);
  const what = random.pick(damages);
  const at = random.below(Math.max(1, bytes.length));
  if (what === 'delete') {
    await rm(path);
    return { file, what };
  }
  if (what === 'append') {
    await writeFile(path, Buffer.concat([bytes, Buffer.from(random.next().toString())]));
    return { file, what };
  }
  if (bytes.length === 0) return undefined;
  if (what === 'truncate' || what === 'last byte') {
    const left = what === 'truncate' ? at : bytes.length - 1;
    await truncate(path, left);
    return { file, what: `${what} to ${left} of ${bytes.length}` };
  }
  const before = Buffer.from(bytes);
  if (what === 'bit') bytes[at]! ^= 1 << random.below(8);
  else if (what === 'byte') bytes[at] = random.below(256);
  else bytes.fill(0, at, Math.min(bytes.length, at + 1 + random.below(512)));
  if (before.equals(bytes)) return undefined;
  await writeFile(path, bytes);
  return { file, what: `${what} at ${at} of ${bytes.length}` };
}

/** Codes of errors that tell of damage. */
const tells: ReadonlySet<string> = new Set([
  SqlState.dataCorrupted,
  SqlState.indexCorrupted,
  SqlState.ioError,
  SqlState.undefinedFile,
  SqlState.objectNotInPrerequisiteState,
]);

type Found = 'refused to start' | 'named by a query' | 'harmless' | 'torn end cut off';

function requireTelling(error: unknown, what: string): void {
  if (
    error instanceof PgError &&
    tells.has(error.code) &&
    /file|folder|table|index|record|state|manifest|hot store|sequence/.test(error.message)
  )
    return;
  throw new Error(
    `${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
}

async function judge(
  copy: string,
  folder: Folder,
  done: Damage,
  mayBeCut: boolean,
  asked: Questions,
): Promise<Found> {
  const what = `${done.file} ${done.what}${folder.closed ? '' : ' after a crash'}`;
  let storage: Storage;
  try {
    storage = await open(copy);
  } catch (error) {
    requireTelling(error, what);
    return 'refused to start';
  }
  try {
    const answers = new Map<string, string>();
    let named = false;
    for (const [name, ask] of asked) {
      try {
        answers.set(name, JSON.stringify((await ask(storage)) ?? null));
      } catch (error) {
        requireTelling(error, `${what}: ${name}`);
        named = true;
      }
    }
    const wrong = [...answers].find(([name, answer]) => folder.answers.get(name) !== answer);
    if (wrong === undefined) return named ? 'named by a query' : 'harmless';
    if (
      mayBeCut &&
      !named &&
      folder.earlier.some((one) => sameAnswers(withoutSequence(one), answers))
    )
      return 'torn end cut off';
    throw new Error(
      `${what}: ${wrong[0]} is ${wrong[1].slice(0, 500)}, should be ${folder.answers.get(wrong[0])?.slice(0, 500)}`,
    );
  } finally {
    await storage.close();
  }
}

/** The sequence's position in memory is not what is reserved on disk. */
function withoutSequence(answers: Answers): Answers {
  return new Map([...answers].filter(([name]) => name !== 'the sequence'));
}

/**
 * Whether a crash may leave the same: the file is the last log, and no record that was written when all before it had been synced
 * is whole behind the first that is not.
 */
async function isTornEnd(folder: Folder, copy: string, { file, what }: Damage): Promise<boolean> {
  if (folder.closed || !file.endsWith('.log') || what === 'delete') return false;
  const before = await readFile(join(folder.dataDir, file));
  const after = await readFile(join(copy, file));
  const records = [...soundRecords(before)];
  // A sync may have been under way as the files were copied.
  assert(records.length <= folder.afterSync.length, 'a batch for each record');
  const whole = records.map(({ end }, n) => {
    const start = records[n - 1]?.end ?? 0;
    return before.subarray(start, end).equals(after.subarray(start, end));
  });
  const broken = whole.indexOf(false);
  return broken < 0 || !whole.some((is, n) => is && n > broken && folder.afterSync[n]!);
}

/** Throws for a case that is neither detected nor harmless. Returns how often each outcome was found, by kind of file. */
export async function runCorruption(
  seed: string,
  cases: number,
): Promise<Map<string, Map<Found, number>>> {
  const root = await mkdtemp(join(tmpdir(), 'pgtide-corruption-'));
  const counts = new Map<string, Map<Found, number>>();
  const asked = questions();
  const folders = await makeFolders(root, asked);
  for (let i = 0; i < cases; i++) {
    const random = seededRandom(`${seed}/${i}`);
    const folder = folders[i % folders.length]!;
    // The kinds take turns: there are many files of some and one of others.
    const byKind = await filesByKind(folder.dataDir);
    const kinds = [...byKind.keys()].toSorted();
    const ofUse = kinds.filter((one) => !idle.has(one));
    const turn = Math.floor(i / folders.length) % ofUse.length;
    const kind = random.chance(0.05) ? random.pick(kinds) : ofUse[turn]!;
    const file = random.pick(byKind.get(kind)!.toSorted());
    const copy = join(root, 'damaged');
    await cp(folder.dataDir, copy, { recursive: true });
    const done = await damage(copy, file, random);
    if (done !== undefined) {
      let found: Found;
      try {
        found = await judge(copy, folder, done, await isTornEnd(folder, copy, done), asked);
      } catch (error) {
        // The folders stay: a log's bytes depend on when its asynchronous commits were synced.
        throw new Error(`case ${i} of seed ${seed}, ${folder.dataDir} is what was damaged`, {
          cause: error,
        });
      }
      const of = counts.get(kind) ?? new Map<Found, number>();
      of.set(found, (of.get(found) ?? 0) + 1);
      counts.set(kind, of);
    }
    await rm(copy, { recursive: true });
  }
  await rm(root, { recursive: true, force: true });
  return counts;
}

/** Of no consequence: LevelDB's notices, locks. Seldom damaged. */
const idle: ReadonlySet<string> = new Set(['LOG', '.old', 'LOCK', 'lock', '.pid']);

/** Files by what they are: log, table, MANIFEST, CURRENT, Parquet … */
async function filesByKind(folder: string): Promise<Map<string, string[]>> {
  const kinds = new Map<string, string[]>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name).slice(folder.length + 1);
    const kind = path.startsWith('lock')
      ? 'lock'
      : entry.name.replace(/^.*\.(?=[a-z]+$)/, '.').replace(/-\d+$/, '');
    kinds.set(kind, [...(kinds.get(kind) ?? []), path]);
  }
  return kinds;
}
