/**
 * One client's transactions one after the other, straight on the storage, with flushes beside them: the process whose disk is lost.
 * Arguments: data folder, journal, log, seed, number of transactions.
 */
import { appendFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../../src/base/index.ts';
import type { StorageTransaction, StoredTable } from '../../../src/storage/index.ts';
import { openStorage } from '../../../src/storage/index.ts';
import { seededRandom } from '../random.ts';
import type { Change, LogLine } from './model.ts';
import { logBytesMax, own, rowName, shared, tables, users } from './model.ts';

const [dataDir = '', journal = '', logFile = '', seed = '', count = '0'] = process.argv.slice(2);
const random = seededRandom(seed);
const storage = await openStorage({
  dataDir,
  clock: systemClock,
  options: { hotLogBytesMax: logBytesMax },
});

/** More than a transaction holds in memory before it spills. */
const bulkRows = { rows: 700, fillingChars: 7000 };
const versions = new Map<string, number>();
let nextId = 0;
let flushing: Promise<unknown> | undefined;

function note(line: LogLine): void {
  appendFileSync(logFile, `${JSON.stringify(line)}\n`);
}
const position = (): number => statSync(journal).size;

function filling(chars: number): string {
  return random
    .next()
    .toString(36)
    .repeat(Math.ceil(chars / 10))
    .slice(0, chars);
}

function place(): { readonly table: StoredTable; readonly userId: string } {
  return random.chance(0.6)
    ? { table: shared, userId: '' }
    : { table: own, userId: random.pick(users) };
}

async function insert(to: StorageTransaction, version: number): Promise<Change> {
  const { table, userId } = place();
  const id = ++nextId;
  await to.insert(table, userId, [BigInt(id), version, filling(random.below(3000))]);
  return [rowName(table, userId, id), version];
}

async function change(to: StorageTransaction, version: number): Promise<Change | undefined> {
  const known = [...versions.keys()];
  if (known.length === 0) return undefined;
  const name = random.pick(known);
  const [tableName, userId = '', id] = name.split('/');
  const table = tables.find((one) => one.name === tableName)!;
  const row = await to.get(table, userId, [BigInt(id!)]);
  // Gone by this very transaction.
  if (row === undefined) return undefined;
  if (random.chance(0.3)) {
    await to.delete(table, row, random.chance(0.5) ? 'soft' : 'hard');
    return [name, null];
  }
  await to.update(table, row, [row.values[0]!, version, filling(random.below(3000))]);
  return [name, version];
}

async function bulk(to: StorageTransaction, version: number): Promise<Change[]> {
  const ids = Array.from({ length: bulkRows.rows }, () => ++nextId);
  const text = filling(bulkRows.fillingChars);
  await to.insertMany(
    shared,
    '',
    ids.map((id) => [BigInt(id), version, text]),
  );
  return ids.map((id) => [rowName(shared, '', id), version]);
}

async function truncate(to: StorageTransaction): Promise<Change[]> {
  const userId = random.pick(users);
  await to.truncate(own, { kind: 'one', userId });
  return [...versions.keys()]
    .filter((name) => name.startsWith(`${own.name}/${userId}/`))
    .map((name) => [name, null]);
}

async function work(to: StorageTransaction, version: number): Promise<Change[]> {
  const kind = random.next();
  if (kind < 0.01) return await bulk(to, version);
  if (kind < 0.03) return await truncate(to);
  const changes = new Map<string, number | null>();
  for (let n = random.between(1, 5); n > 0; n--) {
    const done = random.chance(0.5) ? await insert(to, version) : await change(to, version);
    if (done !== undefined) changes.set(...done);
  }
  return [...changes];
}

for (let version = 1; version <= Number(count); version++) {
  const transaction = storage.begin();
  transaction.newStatement();
  const changes = await work(transaction, version);
  const sync = random.chance(0.4);
  note({ transaction: version, at: position(), ms: performance.now(), changes, sync });
  await transaction.commit({ sync });
  note({ done: version, at: position(), ms: performance.now() });
  for (const [name, value] of changes) {
    if (value === null) versions.delete(name);
    else versions.set(name, value);
  }
  if (random.chance(0.05)) {
    await flushing;
    flushing = storage.flush(random.pick(tables), {});
    if (random.chance(0.3)) await flushing;
  }
  if (random.chance(0.01)) await sleep(300);
}
await flushing;
await storage.close();
