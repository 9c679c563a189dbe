import { PgError, SqlState, assert, notSupported, pgEpochUnixMicros } from '../../base/index.ts';
import type { Duckdb } from '../cold/duck.ts';
import type { Row } from '../../types/value.ts';
import { columnForm } from '../cold/columns.ts';
import type { FileWriter, FinishedFile } from '../cold/file-writer.ts';
import { createFileWriter } from '../cold/file-writer.ts';
import { encodeManifestEntry } from '../cold/manifest.ts';
import type { FilePlace } from '../cold/places.ts';
import type { Engine } from '../engine.ts';
import { Keyspace, fileKey, scopePrefix, tablePrefix } from '../keys/keyspace.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { encodeRecord } from '../records.ts';
import { TupleFlag, sealTuple, tupleFlags, tupleUpdated } from '../tuple/header.ts';
import type { Limits } from '../txn/reader.ts';
import { createReader, latestView, readScopeRecord, readTableRecord } from '../txn/reader.ts';
import type { CommitWriter } from '../txn/sequencer.ts';
import { checkTuple, foreign, invisible, isDeleted, visibleSeq } from '../txn/visibility.ts';
import type { FlushResult, StoredTable } from '../types.ts';
import type { KeyRange } from './ranges.ts';
import { flushRanges, userIds } from './ranges.ts';
import { removeMoved } from './remove-moved.ts';

/** Rows per file; a larger scope becomes several. */
export const fileRowsMax = 1_000_000;
/** Scopes whose files are listed by one commit. */
const scopesPerCommit = 64;
/** Scopes whose files are being written at a time: small files cost mostly waiting for the disk. */
const scopesInFlightMax = 4;
/** Entries per read of the hot store. */
const readRows = 4096;

interface FlushOptions {
  /** Whose rows; undefined: everyone's. */
  readonly userIds?: readonly string[];
  readonly onProgress?: (fraction: number) => void;
  readonly signal?: AbortSignal;
}

/** A row that the file can't carry exactly: it stays hot, flagged. */
interface Pinned {
  readonly key: Buffer;
  readonly seq: number;
}

/** One scope's part of a flush, ready to be listed. */
interface FlushedScope {
  readonly userId: string;
  readonly files: FinishedFile[];
  readonly pinned: Pinned[];
}

/** The same while its files are still being written. */
interface OpenScope {
  readonly userId: string;
  readonly files: Promise<FinishedFile>[];
  readonly pinned: Pinned[];
}

/**
 * Moves the rows that are committed now to Parquet files. The order makes a crash anywhere harmless: file written, synced,
 * renamed, folder synced (until here an orphan that the next start sweeps), then one synced commit that lists the file and
 * raises the scope's watermark (from here on the hot copies are hidden), then the hot keys go, which may be repeated.
 */
export async function flushTable(
  engine: Engine,
  runtime: TableRuntime,
  duckdb: Duckdb,
  options: FlushOptions,
): Promise<FlushResult> {
  const { table } = runtime;
  if (table.kind === 'stream') throw notSupported('FLUSH of a stream table');
  const state = engine.tableState(table.tableId);
  const chosen = options.userIds === undefined ? undefined : new Set(options.userIds);
  assert(chosen === undefined || table.kind === 'user', 'only a user table is flushed by users');
  const place = await engine.places.forTable(table);
  // From here on commits mark what they replace, for the old version may be in this flush's snapshot…
  state.flushing = Infinity;
  state.flushingUsers = chosen;
  const reader = createReader(engine);
  const totals = { rows: 0, files: 0, bytes: 0 };
  const users = new Set<string>();
  let pending: FlushedScope[] = [];
  try {
    // …once all that were accepted before are written.
    await engine.sequencer.submit({ sync: false, takesSeq: false, write: () => undefined });
    reader.hot();
    const watermark = reader.seq;
    state.flushing = watermark;

    let leftBehind = false;
    const list = async (): Promise<void> => {
      const scopes = pending;
      pending = [];
      if (scopes.length === 0) return;
      await engine.faults('flush: before commit');
      await commitScopes(engine, table, scopes, watermark, chosen === undefined);
      await engine.faults('flush: committed');
      for (const scope of scopes) {
        if (scope.pinned.length > 0) leftBehind = true;
        if (scope.files.length > 0) users.add(scope.userId);
        for (const { entry } of scope.files) {
          totals.rows += entry.rows;
          totals.files++;
          totals.bytes += entry.bytes;
        }
      }
    };
    const rows = scopeFiles(engine, runtime, duckdb, place, reader, {
      ...options,
      onPinned: () => {
        leftBehind = true;
      },
    });
    for await (const scope of rows) {
      pending.push(scope);
      if (pending.length >= scopesPerCommit) await list();
    }
    await list();
    if (chosen === undefined) state.allMovedUpTo = leftBehind ? 0 : watermark;
  } finally {
    reader.release();
    place.release();
    state.flushing = 0;
    state.flushingUsers = undefined;
  }
  if (totals.rows > 0)
    engine.background(
      removeMoved(engine, table.tableId, chosen === undefined ? undefined : [...users]),
    );
  options.onProgress?.(1);
  return { ...totals, users: table.kind === 'user' ? users.size : 0 };
}

/** Writes the files of each scope that has rows to move, in key order. */
async function* scopeFiles(
  engine: Engine,
  runtime: TableRuntime,
  duckdb: Duckdb,
  place: FilePlace,
  reader: ReturnType<typeof createReader>,
  options: FlushOptions & { readonly onPinned: () => void },
): AsyncGenerator<FlushedScope> {
  const { table } = runtime;
  const state = engine.tableState(table.tableId);
  const carries = rowTest(table);
  const userOf = userIds(runtime, { kind: 'all' });
  const unixMs = Number((engine.clock.now() + pgEpochUnixMicros) / 1000n);

  let scope: OpenScope | undefined;
  const closed: OpenScope[] = [];
  let limits: Limits | undefined;
  let writer: FileWriter | undefined;
  let read = 0;

  const openFile = async (userId: string): Promise<FileWriter> => {
    const fileId = ++engine.counters.fileId;
    const target = { place, path: place.file(userId, unixMs, fileId), fileId, userId };
    return await createFileWriter(duckdb, table, target, engine.faults);
  };
  const closeFile = async (): Promise<void> => {
    if (writer === undefined) return;
    // Within a scope the next file is filled while one is written, no more.
    await scope!.files.at(-1);
    const work = writer.finish();
    writer = undefined;
    work.catch(() => undefined);
    scope!.files.push(work);
  };
  const closeScope = async (): Promise<void> => {
    await closeFile();
    if (scope !== undefined && (scope.files.length > 0 || scope.pinned.length > 0))
      closed.push(scope);
    scope = undefined;
  };
  const written = async ({ userId, files, pinned }: OpenScope): Promise<FlushedScope> => ({
    userId,
    files: await Promise.all(files),
    pinned,
  });

  try {
    for await (const entries of entriesOf(engine, reader, flushRanges(runtime, options.userIds))) {
      if (options.signal?.aborted === true) throw canceled();
      if (engine.closing.aborted) throw canceled();
      for (const [key, tuple] of entries) {
        const userId = userOf(key);
        if (scope === undefined || scope.userId !== userId) {
          await closeScope();
          while (closed.length >= scopesInFlightMax) yield await written(closed.shift()!);
          scope = { userId, files: [], pinned: [] };
          limits = reader.limits(state, userId);
        }
        checkTuple(table, key, tuple);
        const flags = tupleFlags(tuple);
        if ((flags & TupleFlag.pinned) !== 0) {
          options.onPinned();
          continue;
        }
        const seq = visibleSeq(engine, tuple, reader.seq, limits!, []);
        if (seq === invisible || seq === foreign) continue;
        const row = runtime.codec.decode(tuple);
        if (carries !== undefined && !carries(row)) {
          scope.pinned.push({ key, seq });
          continue;
        }
        writer ??= await openFile(userId);
        writer.add(row, seq, tupleUpdated(tuple), isDeleted(tuple), key);
        if (writer.rows >= fileRowsMax) await closeFile();
      }
      read += entries.length;
      options.onProgress?.(1 - 1 / (1 + read / fileRowsMax));
    }
    await closeScope();
    while (closed.length > 0) yield await written(closed.shift()!);
  } finally {
    await Promise.allSettled(
      [...closed, ...(scope === undefined ? [] : [scope])].flatMap((each) => each.files),
    );
    await writer?.abort();
  }
}

/** The store's entries in the ranges, with the next ones being read meanwhile. */
async function* entriesOf(
  engine: Engine,
  reader: ReturnType<typeof createReader>,
  ranges: readonly KeyRange[],
): AsyncGenerator<[Buffer, Buffer][]> {
  for (const { from, to } of ranges) {
    const cursor = engine.store.scan({ from, to, snapshot: reader.hot() });
    try {
      let ahead = cursor.next(readRows);
      for (;;) {
        const entries = await ahead;
        if (entries.length === 0) break;
        ahead = cursor.next(readRows);
        ahead.catch(() => undefined);
        yield entries;
      }
    } finally {
      await cursor.close();
    }
  }
}

function rowTest(table: StoredTable): ((row: Row) => boolean) | undefined {
  const tests = table.columns
    .map((column, position) => ({
      position,
      carries: columnForm(column.typeOid, column.typmod).carries,
    }))
    .filter((test) => test.carries !== undefined);
  if (tests.length === 0) return undefined;
  return (row) => {
    for (const { position, carries } of tests) {
      const value = row[position]!;
      if (value !== null && !carries!(value)) return false;
    }
    return true;
  };
}

function canceled(): PgError {
  return new PgError(SqlState.queryCanceled, 'canceling statement due to user request');
}

/** Lists the files and raises the watermarks, in one commit. */
async function commitScopes(
  engine: Engine,
  table: StoredTable,
  scopes: readonly FlushedScope[],
  watermark: number,
  everyone: boolean,
): Promise<void> {
  const { tableId } = table;
  const state = engine.tableState(tableId);
  await engine.sequencer.submit({
    sync: true,
    takesSeq: false,
    write(writer) {
      const get = (key: Buffer): Buffer | undefined => engine.sequencer.latest(key);
      // Before the records change: what is pinned is judged by the old watermark.
      for (const scope of scopes)
        for (const pinned of scope.pinned) pin(engine, table, scope.userId, pinned, writer);
      const ofTable = readTableRecord(get, tableId);
      for (const scope of scopes) {
        const record = readScopeRecord(get, tableId, scope.userId);
        // A scope's first record begins above those that it had before it was erased (forget-user.ts).
        const manifestVersion = Math.max(record.manifestVersion, ofTable.manifestVersion) + 1;
        writer.put(
          scopePrefix(Keyspace.scope, tableId, scope.userId),
          encodeRecord({ ...record, watermark, manifestVersion }),
        );
        for (const { entry, bloom } of scope.files) {
          const { fileId, userId } = entry;
          writer.put(
            fileKey(Keyspace.manifest, tableId, userId, fileId),
            encodeManifestEntry(entry),
          );
          writer.put(fileKey(Keyspace.bloom, tableId, userId, fileId), bloom);
        }
      }
      writer.put(
        tablePrefix(Keyspace.table, tableId),
        encodeRecord({ ...ofTable, moving: true, manifestVersion: ofTable.manifestVersion + 1 }),
      );
      state.special = true;
      state.lastMoved = watermark;
      if (everyone) state.unremovedAll = watermark;
      else for (const { userId } of scopes) state.unremoved.set(userId, watermark);
      state.accepted++;
    },
    written() {
      state.version++;
      state.settled++;
    },
  });
}

/** Puts the row again with the flag that keeps it visible, unless it has changed since. */
function pin(
  engine: Engine,
  table: StoredTable,
  userId: string,
  pinned: Pinned,
  writer: CommitWriter,
): void {
  const view = latestView(engine);
  const current = view.get(pinned.key);
  if (current === undefined) return;
  const limits = view.limits(engine.tableState(table.tableId), userId);
  if (visibleSeq(engine, current, Infinity, limits, []) !== pinned.seq) return;
  const copy = Buffer.from(current);
  copy[1] = (copy[1]! | TupleFlag.pinned) & ~TupleFlag.provisional;
  sealTuple(copy, pinned.seq, false);
  writer.put(pinned.key, copy);
}
