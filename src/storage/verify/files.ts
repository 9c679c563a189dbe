/** The Parquet files: what the manifest lists, and what lies about. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bloom } from '../cold/bloom.ts';
import { readBloom } from '../cold/bloom.ts';
import { fileChecksum } from '../cold/checksum.ts';
import type { DuckDBVector } from '../cold/duck.ts';
import type { ManifestEntry } from '../cold/manifest.ts';
import { isOurFile } from '../cold/places.ts';
import { coldSelect } from '../cold/relation.ts';
import { Keyspace, fileKey, inKeyspace, tablePrefixBytes } from '../keys/keyspace.ts';
import { rowDecoder } from '../tiered/cold-tier.ts';
import type { ColdRow } from '../tiered/cold-tier.ts';
import { markSeq } from '../tiered/point-read.ts';
import { layoutOf } from '../tuple/codec.ts';
import { tupleIntact } from '../tuple/header.ts';
import type { Check, TableCheck } from './check.ts';
import { keyHex, scopeOf, visibleSeqOf } from './check.ts';
import { textOf } from './findings.ts';
import type { FoundRow } from './rows.ts';
import { checkEntriesOf } from './rows.ts';

export async function checkFiles(check: Check, of: TableCheck): Promise<void> {
  for (const file of of.files) {
    check.signal?.throwIfAborted();
    const sound = await checkFile(check, of, file);
    if (!sound) of.incomplete = true;
  }
}

/** The rows of sound files that count, one by one. */
export async function eachColdRow(
  check: Check,
  of: TableCheck,
  visit: (row: FoundRow) => void,
): Promise<void> {
  for (const file of of.files) {
    try {
      for await (const rows of readRows(check, of, file))
        for (const row of rows) if (isCurrent(check, of, row)) visit(foundRow(row));
    } catch {
      // Told when the file was checked.
    }
  }
}

function foundRow({ fullKey, row: { userId, values, deleted } }: ColdRow): FoundRow {
  return { userId, fullKey, values, deleted };
}

async function checkFile(check: Check, of: TableCheck, file: ManifestEntry): Promise<boolean> {
  const name = file.path;
  const path = check.places.path(file);
  try {
    const found = await fileChecksum(path);
    if (found.bytes !== file.bytes || found.checksum !== file.checksum) {
      check.findings.add('damaged', of.name, `file "${name}" is corrupted: wrong checksum`);
      return false;
    }
  } catch (error) {
    const gone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    check.findings.add(
      gone ? 'missing' : 'damaged',
      of.name,
      gone ? `file "${name}" is missing` : `file "${name}" is not readable: ${textOf(error)}`,
    );
    return false;
  }
  const bloomBytes = check.store.getSync(
    fileKey(Keyspace.bloom, file.tableId, file.userId, file.fileId),
  );
  const bloom = bloomBytes === undefined ? undefined : soundBloom(bloomBytes, name);
  if (bloomBytes === undefined)
    check.findings.add('missing', of.name, `the key filter of file "${name}" is missing`);
  try {
    return await checkContents(check, of, file, bloom);
  } catch (error) {
    check.signal?.throwIfAborted();
    check.findings.add('damaged', of.name, `file "${name}" is not readable: ${textOf(error)}`);
    return false;
  } finally {
    check.advance(file.bytes);
  }
}

/** A damaged one has been told of. */
function soundBloom(bytes: Buffer, name: string): Bloom | undefined {
  try {
    return readBloom(bytes, name);
  } catch {
    return undefined;
  }
}

async function checkContents(
  check: Check,
  of: TableCheck,
  file: ManifestEntry,
  bloom: Bloom | undefined,
): Promise<boolean> {
  let sound = true;
  const wrong = (message: string): void => {
    sound = false;
    check.findings.add('mismatch', of.name, `file "${file.path}" ${message}`);
  };
  let rows = 0;
  let deleted = 0;
  let seqs: { min: number; max: number } | undefined;
  let least: Buffer | undefined;
  let greatest: Buffer | undefined;
  for await (const batch of readRows(check, of, file)) {
    check.signal?.throwIfAborted();
    for (const cold of batch) {
      const { fullKey, row } = cold;
      rows++;
      if (row.deleted) deleted++;
      seqs = {
        min: Math.min(seqs?.min ?? row.seq, row.seq),
        max: Math.max(seqs?.max ?? row.seq, row.seq),
      };
      if (least === undefined || fullKey.compare(least) < 0) least = fullKey;
      if (greatest === undefined || fullKey.compare(greatest) > 0) greatest = fullKey;
      if (row.userId !== file.userId) wrong(`has a row of user "${row.userId}"`);
      if (bloom?.(fullKey, tablePrefixBytes) === false)
        wrong(`has row ${keyHex(row.key)}, which its key filter does not know`);
      if (!isCurrent(check, of, cold)) continue;
      of.coldRows++;
      checkEntriesOf(check, of, foundRow(cold));
    }
  }
  if (rows !== file.rows) wrong(`has ${rows} rows, the manifest says ${file.rows}`);
  if (file.deletedRows !== undefined && deleted !== file.deletedRows)
    wrong(`has ${deleted} deleted rows, the manifest says ${file.deletedRows}`);
  if (seqs !== undefined && (seqs.min !== file.minSeq || seqs.max !== file.maxSeq))
    wrong(
      `has commits ${seqs.min} to ${seqs.max}, the manifest says ${file.minSeq} to ${file.maxSeq}`,
    );
  const within =
    least === undefined ||
    (file.minKey.compare(least, tablePrefixBytes) <= 0 &&
      file.maxKey.compare(greatest!, tablePrefixBytes) >= 0);
  if (!within) wrong('has keys outside of those that the manifest says');
  return sound;
}

async function* readRows(
  check: Check,
  { runtime, table }: TableCheck,
  file: ManifestEntry,
): AsyncGenerator<ColdRow[]> {
  const columnIds = table.columns.map((column) => column.id);
  const present = new Set(layoutOf(table, file.schemaVersion).map((column) => column.id));
  const decode = rowDecoder(runtime, columnIds, present, undefined);
  const duck = await check.duckdb.open();
  const connection = await duck.acquire();
  try {
    const sql = coldSelect(table, [file], [check.places.path(file)], columnIds, () => '');
    const result = await connection.stream(sql);
    for (;;) {
      const chunk = await result.fetchChunk();
      if (chunk === null || chunk.rowCount === 0) return;
      const vectors: DuckDBVector[] = [];
      for (let i = 0; i < chunk.columnCount; i++) vectors.push(chunk.getColumnVector(i));
      yield decode(vectors, chunk.rowCount);
    }
  } finally {
    duck.release(connection);
  }
}

/** Whether nothing supersedes the row: no newer version is hot, no mark, no truncate. */
function isCurrent(check: Check, of: TableCheck, { fullKey, row }: ColdRow): boolean {
  const { tableId } = of.table;
  const scope = scopeOf(of, row.userId);
  if (row.seq < Math.max(of.record.truncatedBefore, scope.truncatedBefore)) return false;
  if (of.marks > 0) {
    const mark = check.store.getSync(inKeyspace(Keyspace.marks, tableId, row.key));
    if (mark !== undefined && mark.length >= 6 && row.seq < markSeq(mark)) return false;
  }
  const hot = check.store.getSync(fullKey);
  return (
    hot === undefined || !tupleIntact(hot) || visibleSeqOf(check, of, row.userId, hot) === undefined
  );
}

/** Files of ours below a root that no manifest lists, and folders with nothing in them. */
export async function checkRoot(
  check: Check,
  root: string,
  tag: string | undefined,
  listed: ReadonlySet<string>,
): Promise<void> {
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true });
    if (entries.length === 0 && folder !== root && tag === undefined)
      check.findings.add('leftover', 'disk', `folder "${folder}" is empty`);
    for (const entry of entries) {
      check.signal?.throwIfAborted();
      const path = join(folder, entry.name);
      if (entry.isDirectory()) await visit(path);
      else if (!listed.has(path) && (tag === undefined || isOurFile(entry.name, tag)))
        check.findings.add('orphan', 'disk', `file "${path}" is in no manifest`);
    }
  };
  const found = await stat(root).catch(() => undefined);
  if (found !== undefined) await visit(root);
}
