/**
 * Verifies a data folder that no server uses: reads every key and every file, and compares what tells of the same thing. Nothing is
 * repaired; only what LevelDB does at each opening (it replays its log) is done.
 */
import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PgError, SqlState } from '../../base/index.ts';
import { parseLocation } from '../cold/location.ts';
import type { FilesDuckdb } from '../cold/duck.ts';
import { filesDuckdb } from '../cold/duck.ts';
import type { Places } from '../cold/places.ts';
import { createPlaces } from '../cold/places.ts';
import type { Engine } from '../engine.ts';
import { openLevelStore } from '../hot/level-store.ts';
import type { HotStore } from '../hot/types.ts';
import { Keyspace } from '../keys/keyspace.ts';
import { tableRuntime } from '../keys/table-runtime.ts';
import { claimDataFolder } from '../open/data-folder.ts';
import { lockDataFolder } from '../open/folder-lock.ts';
import type { LocationRecord } from '../open/locations.ts';
import { locationKeyPrefix } from '../open/locations.ts';
import type { ReadCatalog, VerifyReport } from '../types.ts';
import type { Check } from './check.ts';
import { eachEntry, newTableCheck } from './check.ts';
import { checkFiles, checkRoot, eachColdRow } from './files.ts';
import { createFindings, textOf } from './findings.ts';
import {
  checkBulks,
  checkKinds,
  checkManifest,
  checkMarks,
  checkSequences,
  checkState,
  checkTableRecords,
} from './records.ts';
import { checkIndexes, checkRows } from './rows.ts';

/** Memory of the DuckDB that reads the files. */
const duckdbMemoryBytes = 512 * 1024 * 1024;

export interface VerifyOptions {
  readonly dataDir: string;
  readonly readCatalog: ReadCatalog;
  readonly signal?: AbortSignal;
  readonly onProgress?: (fraction: number) => void;
}

/** Errors: 58P01 when there is no data folder, 55006 when a server uses it, 55000 as claimDataFolder. Damage is in the report. */
export async function verifyDataFolder(options: VerifyOptions): Promise<VerifyReport> {
  const dataDir = resolve(options.dataDir);
  const marked = await access(join(dataDir, 'hot')).then(
    () => true,
    () => false,
  );
  if (!marked)
    throw new PgError(SqlState.undefinedFile, `"${dataDir}" is not a pgtide data folder`);
  await claimDataFolder(dataDir);
  const lock = await lockDataFolder(dataDir);
  try {
    let store: HotStore;
    try {
      store = await openLevelStore(join(dataDir, 'hot'));
    } catch (error) {
      if (!(error instanceof PgError) || error.code !== SqlState.dataCorrupted) throw error;
      return unreadable(textOf(error));
    }
    try {
      const coldRoot = join(dataDir, 'cold');
      const duckdb = filesDuckdb(join(dataDir, 'tmp'), duckdbMemoryBytes);
      const places = createPlaces(coldRoot);
      try {
        return await verify({ store, duckdb, places, coldRoot }, options);
      } finally {
        await duckdb.close();
      }
    } finally {
      await store.close();
    }
  } finally {
    await lock.release();
  }
}

function unreadable(message: string): VerifyReport {
  return {
    tables: 0,
    keys: 0,
    hotRows: 0,
    coldRows: 0,
    files: 0,
    fileBytes: 0,
    problems: 1,
    findings: [{ kind: 'damaged', subject: 'hot store', message }],
  };
}

/** The same of a storage that is at work, but for what lies about on disk: files are being written there. */
export async function verifyStorage(
  engine: Engine,
  duckdb: FilesDuckdb,
  options: Pick<VerifyOptions, 'readCatalog' | 'signal'>,
): Promise<VerifyReport> {
  const release = engine.files.pin();
  const snapshot = engine.store.snapshot();
  try {
    const store: HotStore = {
      ...engine.store,
      get: (key) => engine.store.get(key, snapshot),
      getSync: (key) => engine.store.getSync(key, snapshot),
      scan: (range) => engine.store.scan({ ...range, snapshot }),
    };
    return await verify({ store, duckdb, places: engine.places, coldRoot: undefined }, options);
  } finally {
    snapshot.release();
    release();
  }
}

interface VerifyParts {
  readonly store: HotStore;
  readonly duckdb: FilesDuckdb;
  readonly places: Places;
  /** Undefined: what lies there besides the files that are listed is not looked at. */
  readonly coldRoot: string | undefined;
}

async function verify(
  { store, duckdb, places, coldRoot }: VerifyParts,
  { readCatalog, signal, onProgress }: Pick<VerifyOptions, 'readCatalog' | 'signal' | 'onProgress'>,
): Promise<VerifyReport> {
  const findings = createFindings();
  let allBytes = Math.max(
    1,
    await store.approximateBytes(Buffer.alloc(1), Buffer.from([Keyspace.unsyncedTail])),
  );
  let doneBytes = 0;
  const check: Check = {
    store,
    places,
    duckdb,
    findings,
    tables: new Map(),
    passing: new Set(),
    passingFiles: new Set(),
    bulks: new Map(),
    seq: undefined,
    keys: 0,
    signal,
    advance(bytes) {
      doneBytes += bytes;
      onProgress?.(Math.min(0.99, doneBytes / allBytes));
    },
  };
  /** A part of the hot store that can't be read is told; the others are looked at. */
  const part = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      signal?.throwIfAborted();
      findings.add('damaged', what, textOf(error));
      for (const of of check.tables.values()) of.incomplete = true;
    }
  };
  let sequences: readonly number[] = [];
  await part('keys of unknown kinds', () => checkKinds(check));
  await part('catalog', async () => {
    const entries: [string, Buffer][] = [];
    await eachEntry(
      check,
      Buffer.from([Keyspace.meta]),
      (key, value) => void entries.push([key.toString('utf8', 1), value]),
    );
    if (coldRoot !== undefined) addLocations(check, entries);
    const catalog = readCatalog(entries);
    for (const { kind, subject, message } of catalog.findings) findings.add(kind, subject, message);
    for (const tableId of catalog.passing) check.passing.add(tableId);
    for (const table of catalog.tables)
      check.tables.set(table.tableId, newTableCheck(table, tableRuntime(table)));
    ({ sequences } = catalog);
  });
  await part("the storage's counters", () => checkState(check));
  await part('bulk transactions', () => checkBulks(check));
  await part('records of tables', () => checkTableRecords(check));
  await part('manifest', () => checkManifest(check));
  await part('marks', () => checkMarks(check));
  await part('sequences', () => checkSequences(check, new Set(sequences)));
  const tables = [...check.tables.values()];
  for (const { files } of tables) for (const { bytes } of files) allBytes += bytes;
  await part('rows', () => checkRows(check));
  for (const of of tables) await checkFiles(check, of);
  await part('indexes', () => checkIndexes(check, (of, visit) => eachColdRow(check, of, visit)));
  const listed = new Set([
    ...tables.flatMap(({ files }) => files.map((file) => check.places.path(file))),
    ...check.passingFiles,
  ]);
  if (coldRoot !== undefined) {
    await checkRoot(check, coldRoot, undefined, listed);
    for (const { root, tag } of places.locations.values())
      await checkRoot(check, root, tag, listed);
  }
  return {
    tables: tables.length,
    keys: check.keys,
    hotRows: tables.reduce((sum, of) => sum + of.hotRows, 0),
    coldRows: tables.reduce((sum, of) => sum + of.coldRows, 0),
    files: tables.reduce((sum, { files }) => sum + files.length, 0),
    fileBytes: tables.reduce(
      (sum, { files }) => sum + files.reduce((bytes, file) => bytes + file.bytes, 0),
      0,
    ),
    problems: findings.problems(),
    findings: findings.list(),
  };
}

/** A location that can't be read is told by whoever reads the catalog. */
function addLocations(check: Check, entries: readonly (readonly [string, Buffer])[]): void {
  for (const [key, value] of entries) {
    if (!key.startsWith(locationKeyPrefix)) continue;
    try {
      const { tablespaceId, location, tag } = JSON.parse(value.toString('utf8')) as LocationRecord;
      check.places.add({ ...parseLocation(location), tablespaceId, location, tag });
    } catch (error) {
      check.findings.add(
        'damaged',
        key,
        `the location of a tablespace is not readable: ${textOf(error)}`,
      );
    }
  }
}
