import type { Duckdb } from '../../cold/duck.ts';
import { createFileWriter } from '../../cold/file-writer.ts';
import type { ManifestEntry } from '../../cold/manifest.ts';
import type { HotSnapshot } from '../../hot/types.ts';
import { tablePrefixBytes } from '../../keys/keyspace.ts';
import { createReader } from '../../txn/reader.ts';
import type { ColdRow } from '../cold-tier.ts';
import { markSeq } from '../point-read.ts';
import type { MergeRequest, Merged } from './merge-columns.ts';
import type { Mark } from './scope-marks.ts';
import { marksOf, spanOf } from './scope-marks.ts';

/** Whatever comes in order, one at a time. */
interface Head<T> {
  readonly current: T | undefined;
  advance(): Promise<void>;
  close(): Promise<void>;
}

function head<T>(batches: AsyncGenerator<T[]>): Head<T> {
  let batch: readonly T[] = [];
  let at = 0;
  let current: T | undefined;
  return {
    get current() {
      return current;
    },
    async advance() {
      while (at >= batch.length) {
        const next = await batches.next();
        if (next.done === true) {
          current = undefined;
          return;
        }
        batch = next.value;
        at = 0;
      }
      current = batch[at++];
    },
    async close() {
      await batches.return(undefined);
    },
  };
}

/**
 * mergeColumns row by row, by our own order of keys: for keys that DuckDB orders or compares otherwise than PostgreSQL.
 */
export async function mergeRows(duckdb: Duckdb, request: MergeRequest): Promise<Merged> {
  const { engine, runtime, files, target, signal } = request;
  const { table } = runtime;
  const reader = createReader(engine);
  const writer = await createFileWriter(duckdb, table, target, engine.faults);
  let finished = false;
  const heads: Head<ColdRow>[] = [];
  let marks: Head<Mark> | undefined;
  try {
    const snapshot: HotSnapshot = reader.hot();
    const markedUpTo = reader.seq;
    marks = head(marksOf(engine, table.tableId, target.userId, snapshot, spanOf(files)));
    await marks.advance();
    for (const file of files) heads.push(head(rowsOf(request, file)));
    for (const each of heads) await each.advance();
    for (;;) {
      signal.throwIfAborted();
      const first = least(heads);
      if (first === undefined) break;
      const { fullKey, row } = first.current!;
      while (marks.current !== undefined && compareTails(marks.current.key, fullKey) < 0)
        await marks.advance();
      const mark = marks.current;
      const superseded =
        mark !== undefined &&
        compareTails(mark.key, fullKey) === 0 &&
        row.seq < markSeq(mark.value);
      if (!superseded) writer.add(row.values, row.seq, row.updated, row.deleted, fullKey);
      await first.advance();
    }
    const { rows } = writer;
    if (rows === 0) return { file: undefined, rows };
    finished = true;
    const { entry, bloom } = await writer.finish();
    return { file: { entry: { ...entry, markedUpTo }, bloom }, rows };
  } finally {
    reader.release();
    if (!finished) await writer.abort();
    await marks?.close();
    for (const each of heads) await each.close();
  }
}

function rowsOf(
  { engine, runtime, signal }: MergeRequest,
  file: ManifestEntry,
): AsyncGenerator<ColdRow[]> {
  return engine.cold.scan(runtime, [file], { predicates: [], signal, order: 'asc' });
}

/** The head with the least key; of one key's versions, which marks tell apart, either. */
function least(heads: readonly Head<ColdRow>[]): Head<ColdRow> | undefined {
  let found: Head<ColdRow> | undefined;
  for (const each of heads) {
    if (each.current === undefined) continue;
    if (found === undefined || each.current.fullKey.compare(found.current!.fullKey) < 0)
      found = each;
  }
  return found;
}

/** Keys of one table in different keyspaces. */
function compareTails(a: Buffer, b: Buffer): number {
  return a.compare(b, tablePrefixBytes, b.length, tablePrefixBytes, a.length);
}
