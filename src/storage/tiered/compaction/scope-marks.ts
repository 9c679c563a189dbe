import { Oid } from '../../../types/oid.ts';
import { columnForm } from '../../cold/columns.ts';
import type { DuckDBConnection } from '../../cold/duck.ts';
import type { KeyBatch, KeyTable } from '../../cold/key-table.ts';
import { loadKeyTable } from '../../cold/key-table.ts';
import type { ManifestEntry } from '../../cold/manifest.ts';
import type { Engine } from '../../engine.ts';
import type { HotSnapshot } from '../../hot/types.ts';
import { prefixEnd } from '../../keys/buffer.ts';
import { Keyspace, inKeyspace, scopePrefix, tablePrefixBytes } from '../../keys/keyspace.ts';
import { markKeyValues } from '../marks.ts';
import { markSeq } from '../point-read.ts';
import type { StoredTable } from '../../types.ts';

/** Marks read at a time: a vector of DuckDB's. */
const batchMarks = 2048;

export interface Mark {
  /** In the marks' keyspace. */
  readonly key: Buffer;
  readonly value: Buffer;
}

/** A scope's marks in key order, or those between two row keys (without the table prefix, both inclusive). */
export async function* marksOf(
  engine: Engine,
  tableId: number,
  userId: string,
  snapshot?: HotSnapshot,
  between?: { readonly from: Buffer; readonly to: Buffer },
): AsyncGenerator<Mark[]> {
  const prefix = scopePrefix(Keyspace.marks, tableId, userId);
  const cursor = engine.store.scan({
    from: between === undefined ? prefix : inKeyspace(Keyspace.marks, tableId, between.from),
    to:
      between === undefined
        ? prefixEnd(prefix)
        : Buffer.concat([inKeyspace(Keyspace.marks, tableId, between.to), Buffer.alloc(1)]),
    ...(snapshot === undefined ? {} : { snapshot }),
  });
  try {
    for (;;) {
      const entries = await cursor.next(batchMarks);
      if (entries.length === 0) return;
      yield entries.map(([key, value]) => ({ key, value }));
    }
  } finally {
    await cursor.close();
  }
}

/** Marks up to this seq supersede no row of the file. */
export function appliedMarks(file: ManifestEntry): number {
  // A file that a flush wrote has for each key the version of that moment.
  return file.markedUpTo ?? file.maxSeq;
}

/** Whether the file may hold a row that the mark supersedes, as far as its key range and age tell. */
export function mayConcern(file: ManifestEntry, { key, value }: Mark): boolean {
  return (
    markSeq(value) > appliedMarks(file) &&
    file.minKey.compare(key, tablePrefixBytes) <= 0 &&
    file.maxKey.compare(key, tablePrefixBytes) >= 0
  );
}

/** Loads the marks that may supersede rows of the files into DuckDB; the caller drops the table. */
export async function loadMarks(
  connection: DuckDBConnection,
  engine: Engine,
  table: StoredTable,
  userId: string,
  files: readonly ManifestEntry[],
  snapshot: HotSnapshot,
): Promise<KeyTable> {
  const keyColumns =
    table.primaryKey.length === 0
      ? [{ typeOid: Oid.int8, typmod: -1 }]
      : table.primaryKey.map((id) => table.columns.find((column) => column.id === id)!);
  const forms = keyColumns.map(({ typeOid, typmod }) => columnForm(typeOid, typmod));
  async function* batches(): AsyncGenerator<KeyBatch> {
    for await (const batch of marksOf(engine, table.tableId, userId, snapshot, spanOf(files))) {
      const marks = batch.filter((mark) => files.some((file) => mayConcern(file, mark)));
      yield {
        keys: marks.map(({ value }) => markKeyValues(table, value)),
        seqs: marks.map(({ value }) => markSeq(value)),
      };
    }
  }
  return await loadKeyTable(connection, forms, batches());
}

export function spanOf(files: readonly ManifestEntry[]): { from: Buffer; to: Buffer } {
  return {
    from: files.map((file) => file.minKey).reduce((a, b) => (a.compare(b) <= 0 ? a : b)),
    to: files.map((file) => file.maxKey).reduce((a, b) => (a.compare(b) >= 0 ? a : b)),
  };
}
