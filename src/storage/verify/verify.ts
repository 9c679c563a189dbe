/**
 * Verifies a data folder that no server uses: reads every key and every file, and compares what tells of the same thing. Nothing is
 * repaired; only what LevelDB does at each opening (it replays its log) is done.
 */
import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PgError, SqlState } from '../../base/index.ts';
import { parseLocation } from '../cold/location.ts';
import { createPlaces } from '../cold/places.ts';
import { filesDuckdb } from '../cold/duck.ts';
import { openLevelStore } from '../hot/level-store.ts';
import type { HotStore } from '../hot/types.ts';
import { Keyspace } from '../keys/keyspace.ts';
import { tableRuntime } from '../keys/table-runtime.ts';
import { claimDataFolder } from '../open/data-folder.ts';
import { lockDataFolder } from '../open/folder-lock.ts';
import type { LocationRecord } from '../open/locations.ts';
import { locationKeyPrefix } from '../open/locations.ts';
import type { StoredTable } from '../types.ts';
import type { Check } from './check.ts';
import { eachEntry, newTableCheck } from './check.ts';
import { checkFiles, checkRoot, eachColdRow } from './files.ts';
import type { Finding, FindingKind } from './findings.ts';
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

/** What the layers above say of their entries. */
export interface CatalogCheck {
  readonly tables: readonly StoredTable[];
  /** Tables that are dropped, whose clean-up is to come. */
  readonly passing: readonly number[];
  readonly sequences: readonly number[];
  readonly findings: readonly Finding[];
}

export interface VerifyOptions {
  readonly dataDir: string;
  /** Reads the meta entries of catalog, jobs and so on. */
  readonly readCatalog: (entries: readonly (readonly [string, Buffer])[]) => CatalogCheck;
  readonly signal?: AbortSignal;
  readonly onProgress?: (fraction: number) => void;
}

export interface VerifyReport {
  readonly tables: number;
  readonly keys: number;
  readonly hotRows: number;
  /** Those that nothing supersedes. */
  readonly coldRows: number;
  readonly files: number;
  readonly fileBytes: number;
  /** All findings but leftovers. */
  readonly problems: number;
  readonly findings: readonly Finding[];
}

export type { Finding, FindingKind };

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
      return await verify(dataDir, store, options);
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

async function verify(
  dataDir: string,
  store: HotStore,
  { readCatalog, signal, onProgress }: VerifyOptions,
): Promise<VerifyReport> {
  const coldRoot = join(dataDir, 'cold');
  const findings = createFindings();
  const duckdb = filesDuckdb(join(dataDir, 'tmp'), duckdbMemoryBytes);
  let allBytes = Math.max(
    1,
    await store.approximateBytes(Buffer.alloc(1), Buffer.from([Keyspace.unsyncedTail])),
  );
  let doneBytes = 0;
  const check: Check = {
    store,
    places: createPlaces(coldRoot),
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
  try {
    let sequences: readonly number[] = [];
    await part('keys of unknown kinds', () => checkKinds(check));
    await part('catalog', async () => {
      const entries: [string, Buffer][] = [];
      await eachEntry(
        check,
        Buffer.from([Keyspace.meta]),
        (key, value) => void entries.push([key.toString('utf8', 1), value]),
      );
      addLocations(check, entries);
      const catalog = readCatalog(entries);
      for (const { kind, subject, message } of catalog.findings)
        findings.add(kind, subject, message);
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
    await checkRoot(check, coldRoot, undefined, listed);
    for (const { root, tag } of check.places.locations.values())
      await checkRoot(check, root, tag, listed);
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
  } finally {
    await duckdb.close();
  }
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
