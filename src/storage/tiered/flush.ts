import { dirname, join } from 'node:path';
import { assert, notSupported } from '../../base/index.ts';
import type { FileTarget } from '../cold/file-writer.ts';
import { encodeManifestEntry } from '../cold/manifest.ts';
import type { Engine } from '../engine.ts';
import { Keyspace, fileKey, scopePrefix, tablePrefix } from '../keys/keyspace.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { encodeRecord } from '../records.ts';
import { TupleFlag, sealTuple } from '../tuple/header.ts';
import { createReader, latestView, readScopeRecord, readTableRecord } from '../txn/reader.ts';
import type { CommitWriter } from '../txn/sequencer.ts';
import { visibleSeq } from '../txn/visibility.ts';
import type { FlushResult, StoredTable } from '../types.ts';
import type { FlushedScope, Pinned } from './flush-files.ts';
import type { Flushing } from './flush-host.ts';
import { removeMoved } from './remove-moved.ts';

/** Scopes whose files are listed by one commit. */
const scopesPerCommit = 64;

interface FlushOptions {
  /** Whose rows; undefined: everyone's. */
  readonly userIds?: readonly string[];
  readonly onProgress?: (fraction: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Moves the rows that are committed now to Parquet files. The order makes a crash anywhere harmless: file written, synced,
 * renamed, folder synced (until here an orphan that the next start sweeps), then one synced commit that lists the file and
 * raises the scope's watermark (from here on the hot copies are hidden), then the hot keys go, which may be repeated.
 */
export async function flushTable(
  engine: Engine,
  runtime: TableRuntime,
  flushing: Flushing,
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
  /** Files that no commit has been asked to list. */
  const unlisted = new Map<number, FileTarget>();
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
      // From here on nobody knows, before the commit's end, whether it does.
      for (const { files } of scopes) for (const { entry } of files) unlisted.delete(entry.fileId);
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
    const rows = flushing.files(reader, runtime, place, watermark, {
      userIds: chosen === undefined ? undefined : [...chosen],
      signal: options.signal,
      onProgress: (fraction) => options.onProgress?.(fraction),
      onLeftBehind: () => {
        leftBehind = true;
      },
      onTarget: (target) => void unlisted.set(target.fileId, target),
    });
    for await (const scope of rows) {
      pending.push(scope);
      if (pending.length >= scopesPerCommit) await list();
    }
    await list();
    if (chosen === undefined) state.allMovedUpTo = leftBehind ? 0 : watermark;
  } catch (error) {
    await discard(engine, [...unlisted.values()]);
    throw error;
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

/** Gives the space back of files that will not be listed; what can't be removed the next start sweeps. */
async function discard(engine: Engine, targets: readonly FileTarget[]): Promise<void> {
  const folders = new Set<string>();
  for (const { place, path } of targets) {
    const { tablespaceId } = place;
    for (const name of [path, `${path}.tmp`]) {
      const file = { path: name, ...(tablespaceId === undefined ? {} : { tablespaceId }) };
      await engine.places.remove(file).catch(() => undefined);
    }
    folders.add(dirname(join(place.root, path)));
  }
  for (const folder of folders)
    await engine.places.removeEmptyFolders(folder).catch(() => undefined);
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
