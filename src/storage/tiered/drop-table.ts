import { dirname } from 'node:path';
import { PgError, SqlState } from '../../base/index.ts';
import type { ManifestEntry } from '../cold/manifest.ts';
import { decodeManifestEntry } from '../cold/manifest.ts';
import type { Engine } from '../engine.ts';
import { prefixEnd } from '../keys/buffer.ts';
import { Keyspace, bulkKey, fileKey, tableKeyspaces, tablePrefix } from '../keys/keyspace.ts';
import { encodeRecord } from '../records.ts';
import { removeWhere } from '../txn/bulk.ts';
import { backgroundPace } from '../txn/pace.ts';
import type { DroppedTable } from '../types.ts';
import type { CondemnedFile } from './file-life.ts';

/** Files that are removed, and then unlisted, at a time. */
const filesPerStep = 256;
/** The part of the work that files are, for the progress. */
const filesShare = 0.9;

export interface DropResult {
  readonly files: number;
  readonly bytes: number;
}

/** What could not be removed. */
interface Failures {
  files: number;
  readonly folders: Set<string>;
  first: { readonly path: string; readonly error: NodeJS.ErrnoException } | undefined;
}

/**
 * Removes everything that is kept under a table's id. A file's manifest entry goes after the file and its folder, so that a repetition
 * finds what is left. Goes on past files and folders that can't be removed.
 * @throws 58030 naming the first of them, once all the rest is gone
 */
export async function dropTable(
  engine: Engine,
  { tableId, namespace, name }: DroppedTable,
  onProgress: (fraction: number) => void = () => undefined,
): Promise<DropResult> {
  await engine.faults('drop: before files');
  const known = await countFiles(engine, tableId);
  const failures: Failures = { files: 0, folders: new Set(), first: undefined };
  const removed = { files: 0, bytes: 0 };
  // A backup reads files of its own time; all other readers of the table have ended.
  await engine.files.unpinned();
  const condemned = engine.files.condemnedOf(tableId);
  engine.files.removed(await removeStep(engine, condemned, failures));
  for await (const entries of listed(engine, tableId)) {
    const gone = await removeStep(engine, entries, failures);
    removed.files += gone.length;
    for (const { bytes } of gone) removed.bytes += bytes;
    onProgress((filesShare * (removed.files + failures.files)) / Math.max(1, known));
  }
  await engine.faults('drop: files removed');
  for (const keyspace of tableKeyspaces) {
    const ofFiles = keyspace === Keyspace.manifest || keyspace === Keyspace.bloom;
    if (ofFiles && failures.first !== undefined) continue;
    await removeWhere(engine, tablePrefix(keyspace, tableId), () => true, {
      hidden: true,
      pace: backgroundPace(),
    });
  }
  await forgetBulks(engine, tableId);
  const { first } = failures;
  if (first === undefined) return removed;
  throw new PgError(
    SqlState.ioError,
    `could not remove ${leftOver(failures)} of dropped table "${namespace}.${name}": ${first.error.code ?? ''} ${first.path}`,
    { hint: 'It is tried again until it succeeds.' },
  );
}

function leftOver({ files, folders }: Failures): string {
  const counts = [
    [files, 'file'],
    [folders.size, 'folder'],
  ] as const;
  return counts
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${count} ${what}${count === 1 ? '' : 's'}`)
    .join(' and ');
}

async function countFiles(engine: Engine, tableId: number): Promise<number> {
  const from = tablePrefix(Keyspace.manifest, tableId);
  const cursor = engine.store.scan({ from, to: prefixEnd(from), values: false });
  let count = 0;
  try {
    for (;;) {
      const entries = await cursor.next(4096);
      if (entries.length === 0) return count;
      count += entries.length;
    }
  } finally {
    await cursor.close();
  }
}

async function* listed(engine: Engine, tableId: number): AsyncGenerator<readonly ManifestEntry[]> {
  const from = tablePrefix(Keyspace.manifest, tableId);
  const cursor = engine.store.scan({ from, to: prefixEnd(from) });
  try {
    for (;;) {
      const entries = await cursor.next(filesPerStep);
      if (entries.length === 0) return;
      yield entries.map(([, value]) => decodeManifestEntry(value, 'a manifest entry'));
    }
  } finally {
    await cursor.close();
  }
}

/** Removes some files, then their folders that are empty by now, then the entries of those that are gone with their folders, which it returns. */
async function removeStep<File extends CondemnedFile>(
  engine: Engine,
  entries: readonly File[],
  failures: Failures,
): Promise<File[]> {
  const outcomes = await Promise.allSettled(entries.map((entry) => engine.places.remove(entry)));
  const folderOf = (entry: File): string => dirname(engine.cold.path(entry));
  const removed = entries.filter((entry, i) => {
    const outcome = outcomes[i]!;
    if (outcome.status === 'fulfilled') return true;
    failures.files++;
    failures.first ??= { path: entry.path, error: outcome.reason as NodeJS.ErrnoException };
    return false;
  });
  const kept = await removeFolders(engine, new Set(removed.map(folderOf)), failures);
  const gone = removed.filter((entry) => !kept.has(folderOf(entry)));
  await engine.sequencer.submit({
    sync: false,
    takesSeq: false,
    write(writer) {
      for (const { tableId, userId, fileId } of gone) {
        writer.delete(fileKey(Keyspace.manifest, tableId, userId, fileId));
        writer.delete(fileKey(Keyspace.bloom, tableId, userId, fileId));
      }
    },
  });
  return gone;
}

/** Removes folders that are empty, then what is above them; returns those of the given ones that are not done with. */
async function removeFolders(
  engine: Engine,
  folders: ReadonlySet<string>,
  failures: Failures,
): Promise<ReadonlySet<string>> {
  const { places } = engine;
  const kept = new Set<string>();
  const parents = new Map<string, string[]>();
  const failed = (folder: string, below: readonly string[], error: unknown): void => {
    for (const one of below) kept.add(one);
    failures.folders.add(folder);
    failures.first ??= { path: folder, error: error as NodeJS.ErrnoException };
  };
  const remove = async (folder: string): Promise<void> => {
    try {
      if (!(await places.removeFolder(folder))) return;
      const parent = dirname(folder);
      parents.set(parent, [...(parents.get(parent) ?? []), folder]);
    } catch (error) {
      failed(folder, [folder], error);
    }
  };
  // One folder for each user, then what is above them once.
  await Promise.all([...folders].map(remove));
  for (const [parent, below] of parents) {
    try {
      await places.removeEmptyFolders(parent);
    } catch (error) {
      failed(parent, below, error);
    }
  }
  return kept;
}

/** Bulk transactions need their record no more for rows of this table. */
async function forgetBulks(engine: Engine, tableId: number): Promise<void> {
  for (const [bulkId, record] of engine.bulks) {
    if (record.committed === null || !record.tables.includes(tableId)) continue;
    const tables = record.tables.filter((id) => id !== tableId);
    await engine.sequencer.submit({
      sync: true,
      takesSeq: false,
      write(writer) {
        if (tables.length > 0) writer.put(bulkKey(bulkId), encodeRecord({ ...record, tables }));
        else writer.delete(bulkKey(bulkId));
      },
    });
    engine.bulks.set(bulkId, { ...record, tables });
  }
}
