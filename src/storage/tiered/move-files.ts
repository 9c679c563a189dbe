import { copyFile, mkdir, open, rename, rm } from 'node:fs/promises';
import { constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { PgError, SqlState, pgEpochUnixMicros } from '../../base/index.ts';
import { fileChecksum } from '../cold/checksum.ts';
import type { ManifestEntry } from '../cold/manifest.ts';
import type { FilePlace } from '../cold/places.ts';
import type { Engine } from '../engine.ts';
import { syncFolder } from '../open/data-folder.ts';
import type { MoveResult, StoredTable } from '../types.ts';
import { changeManifest } from './change-manifest.ts';
import { manifestOf } from './cleaning.ts';

/** Files whose new places are listed by one commit. */
const filesPerCommit = 64;
/** Files being copied at a time: small ones cost mostly waiting for the disk. */
const copiesInFlightMax = 4;

interface MoveOptions {
  readonly onProgress?: ((fraction: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Moved {
  readonly from: ManifestEntry;
  readonly to: ManifestEntry;
}

/**
 * Moves the table's files that are elsewhere to where its new files go. Each is copied, compared with its checksum, synced and
 * renamed (until here an orphan that the next start sweeps); a commit lists the new places; then the old files go, once nobody reads
 * them. Repeats safely: what is there already stays.
 * @throws XX001 and 58P01 naming a file that is damaged or missing, what writing a file throws, the signal's reason
 */
export async function moveFiles(
  engine: Engine,
  table: StoredTable,
  { onProgress, signal }: MoveOptions,
): Promise<MoveResult> {
  const place = await engine.places.forTable(table);
  try {
    const all = (await manifestOf(engine, table.tableId)).filter(
      (file) => file.tablespaceId !== table.tablespaceId,
    );
    const bytes = all.reduce((sum, file) => sum + file.bytes, 0);
    const result = { files: 0, bytes: 0 };
    for (let at = 0; at < all.length; at += filesPerCommit) {
      const batch = all.slice(at, at + filesPerCommit);
      const moved = await copyAll(engine, place, batch, signal);
      await engine.faults('move: before commit');
      await changeManifest(engine, table.tableId, { list: moved.map(({ to }) => ({ entry: to })) });
      await engine.faults('move: committed');
      await engine.files.condemn(moved.map(({ from }) => from));
      await engine.faults('move: removed');
      result.files += moved.length;
      for (const { from } of moved) result.bytes += from.bytes;
      onProgress?.(bytes === 0 ? 1 : result.bytes / bytes);
    }
    onProgress?.(1);
    return result;
  } finally {
    place.release();
  }
}

/** The copies are durable when it resolves; those of a failure are removed. */
async function copyAll(
  engine: Engine,
  place: FilePlace,
  files: readonly ManifestEntry[],
  signal: AbortSignal | undefined,
): Promise<Moved[]> {
  const moved: Moved[] = [];
  /** With names that have to become durable. */
  const folders = new Set<string>();
  const left = [...files];
  const work = async (): Promise<void> => {
    for (let from = left.shift(); from !== undefined; from = left.shift()) {
      signal?.throwIfAborted();
      engine.closing.throwIfAborted();
      moved.push({ from, to: await copy(engine, place, from, folders) });
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: copiesInFlightMax }, work));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  try {
    if (failed !== undefined) throw failed.reason;
    await Promise.all([...folders].map(syncFolder));
    return moved;
  } catch (error) {
    for (const { to } of moved) {
      await engine.places.remove(to).catch(() => undefined);
    }
    for (const folder of folders)
      await engine.places.removeEmptyFolders(folder).catch(() => undefined);
    throw error;
  }
}

async function copy(
  engine: Engine,
  place: FilePlace,
  from: ManifestEntry,
  folders: Set<string>,
): Promise<ManifestEntry> {
  const unixMs = Number((engine.clock.now() + pgEpochUnixMicros) / 1000n);
  // A name of its own: the old file may be waiting for its removal still when the table is moved back.
  const path = place.file(from.userId, unixMs, ++engine.counters.fileId);
  const target = join(place.root, path);
  const temporary = `${target}.tmp`;
  // Its folders' names are synced with those of the batch's other files.
  const made = await mkdir(dirname(target), { recursive: true });
  for (let at = dirname(target); ; at = dirname(at)) {
    folders.add(at);
    if (made === undefined || at === place.root) break;
  }
  try {
    await copyFile(engine.places.path(from), temporary, constants.COPYFILE_FICLONE).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        throw new PgError(
          SqlState.undefinedFile,
          `file "${from.path}" of the cold tier is missing`,
        );
      },
    );
    await engine.faults('move: file copied');
    const found = await fileChecksum(temporary);
    if (found.bytes !== from.bytes || found.checksum !== from.checksum)
      throw new PgError(
        SqlState.dataCorrupted,
        `file "${from.path}" is corrupted: wrong checksum`,
        {
          detail: `Expected ${from.checksum} over ${from.bytes} bytes, found ${found.checksum} over ${found.bytes}.`,
        },
      );
    const file = await open(temporary, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
    await engine.faults('move: file renamed');
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  const { tablespaceId: _, ...entry } = from;
  const { tablespaceId } = place;
  return { ...entry, path, ...(tablespaceId === undefined ? {} : { tablespaceId }) };
}
