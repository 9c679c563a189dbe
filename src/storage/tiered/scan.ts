import type { ColdScan, ScanOptions, ScanStats, Scope, StoredRow } from '../types.ts';
import type { Value } from '../../types/value.ts';
import type { ManifestEntry } from '../cold/manifest.ts';
import { keyText } from '../keys/buffer.ts';
import { Keyspace, inKeyspace, tablePrefixBytes } from '../keys/keyspace.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import type { Limits } from '../txn/reader.ts';
import { isTruncated } from '../txn/overlay.ts';
import { userOfKey } from '../txn/visibility.ts';
import { keyValuesOf } from '../txn/write.ts';
import type { ColdRow } from './cold-tier.ts';
import type { ReadContext } from './hot-scan.ts';
import { scanHotRows } from './hot-scan.ts';
import { markKeyValues } from './marks.ts';
import { markSeq } from './point-read.ts';
import { pruneFiles } from './prune.ts';
import type { KeyRange } from './ranges.ts';
import { keyRanges } from './ranges.ts';

/** A scan of both tiers: without an order the hot rows come first. */
export async function* scanRows(
  context: ReadContext,
  runtime: TableRuntime,
  options: ScanOptions,
): AsyncGenerator<StoredRow[]> {
  const state = context.engine.tableState(runtime.table.tableId);
  if (!state.special || runtime.table.kind === 'stream') {
    yield* scanHotRows(context, runtime, options);
    return;
  }
  context.reader.retain();
  try {
    const cold = await coldPart(context, runtime, options);
    if (cold.files.length === 0) {
      yield* scanHotRows(context, runtime, options);
      return;
    }
    if (options.order !== undefined) {
      yield* mergeOrdered(context, runtime, options, cold);
      return;
    }
    let left = options.limit ?? Infinity;
    for await (const rows of scanHotRows(context, runtime, options)) {
      left -= rows.length;
      yield rows;
      if (left <= 0) return;
    }
    const batches = context.engine.cold.scan(runtime, cold.files, {
      columns: options.columns,
      predicates: options.predicates ?? [],
      signal: options.signal,
    });
    for await (const batch of batches) {
      let rows = batch.filter((row) => cold.counts(row)).map(({ row }) => row);
      if (rows.length > left) rows = rows.slice(0, left);
      countCold(options.stats, rows.length);
      if (rows.length > 0) yield rows;
      left -= rows.length;
      if (left <= 0) return;
    }
  } finally {
    context.reader.release();
  }
}

interface ColdPart {
  readonly files: readonly ManifestEntry[];
  readonly filesKnown: number;
  /** Marks in the scan's ranges: row key text → seq. */
  readonly marks: ReadonlyMap<string, Buffer>;
  /** Whether a cold row is the current version, and wanted. */
  counts(row: ColdRow): boolean;
}

async function coldPart(
  context: ReadContext,
  runtime: TableRuntime,
  options: Pick<ScanOptions, 'scope' | 'predicates' | 'includeDeleted' | 'stats'>,
): Promise<ColdPart> {
  const { engine, reader } = context;
  const { table } = runtime;
  const state = engine.tableState(table.tableId);
  const overlay = context.overlay(table.tableId);
  const scope: Scope = table.kind === 'user' ? options.scope : { kind: 'one', userId: '' };
  const known = await engine.cold.files(reader, runtime, scope);
  const ranges = keyRanges(runtime, scope, options.predicates ?? []);
  const limitsOf = (userId: string): Limits => reader.limits(state, userId);
  const files = pruneFiles(table, known, ranges, options.predicates ?? []).filter(
    (file) =>
      file.maxSeq >= limitsOf(file.userId).truncatedBefore && !isTruncated(overlay, file.userId),
  );
  if (options.stats !== undefined) {
    options.stats.filesKnown += known.length;
    options.stats.filesOpened += files.length;
  }
  const marks =
    state.marks === 0 || files.length === 0
      ? new Map<string, Buffer>()
      : await loadMarks(context, runtime, ranges);
  return {
    files,
    filesKnown: known.length,
    marks,
    counts({ fullKey, row }) {
      if (row.deleted && options.includeDeleted !== true) return false;
      if (marks.size > 0 || overlay !== undefined) {
        const text = keyText(fullKey);
        const mark = marks.get(text);
        if (mark !== undefined && markSeq(mark) > row.seq) return false;
        if (overlay?.rows.has(text) === true) return false;
      }
      return row.seq >= limitsOf(row.userId).truncatedBefore;
    },
  };
}

async function loadMarks(
  context: ReadContext,
  runtime: TableRuntime,
  ranges: readonly KeyRange[],
): Promise<Map<string, Buffer>> {
  const { tableId } = runtime.table;
  const marks = new Map<string, Buffer>();
  for (const range of ranges) {
    const inMarks = (key: Buffer): Buffer => {
      const moved = Buffer.from(key);
      moved[0] = moved[0] === Keyspace.rows ? Keyspace.marks : Keyspace.marks + 1;
      return moved;
    };
    const cursor = context.engine.store.scan({
      from: inMarks(range.from),
      to: inMarks(range.to),
      snapshot: context.reader.hot(),
    });
    try {
      for (;;) {
        const entries = await cursor.next(4096);
        if (entries.length === 0) break;
        for (const [key, value] of entries)
          marks.set(
            keyText(inKeyspace(Keyspace.rows, tableId, key.subarray(tablePrefixBytes))),
            value,
          );
      }
    } finally {
      await cursor.close();
    }
  }
  return marks;
}

function countCold(stats: ScanStats | undefined, rows: number): void {
  if (stats !== undefined) stats.coldRows += rows;
}

interface Head {
  /** The current row, undefined at the end. */
  row: StoredRow | undefined;
  advance(): Promise<void>;
  close(): Promise<void>;
}

const mergedBatchRows = 1024;

/** Hot rows and the files' rows by key: files that do not overlap are read one after the other, others side by side. */
async function* mergeOrdered(
  context: ReadContext,
  runtime: TableRuntime,
  options: ScanOptions,
  cold: ColdPart,
): AsyncGenerator<StoredRow[]> {
  const reverse = options.order === 'desc';
  const heads: Head[] = [
    head(scanHotRows(context, runtime, options)),
    ...chains(cold.files, reverse).map((files) =>
      head(scanChain(context, runtime, options, cold, files)),
    ),
  ];
  let left = options.limit ?? Infinity;
  let out: StoredRow[] = [];
  try {
    for (const each of heads) await each.advance();
    while (left > 0) {
      let next: Head | undefined;
      for (const each of heads) {
        if (each.row === undefined) continue;
        if (next === undefined) next = each;
        else {
          const order = Buffer.compare(each.row.key, next.row!.key);
          if (reverse ? order > 0 : order < 0) next = each;
        }
      }
      if (next === undefined) break;
      out.push(next.row!);
      left--;
      if (out.length === mergedBatchRows) {
        yield out;
        out = [];
      }
      await next.advance();
    }
    if (out.length > 0) yield out;
  } finally {
    for (const each of heads) await each.close();
  }
}

function head(rows: AsyncGenerator<StoredRow[]>): Head {
  let batch: StoredRow[] = [];
  let at = 0;
  const self: Head = {
    row: undefined,
    async advance() {
      while (at >= batch.length) {
        const next = await rows.next();
        if (next.done === true) {
          self.row = undefined;
          return;
        }
        batch = next.value;
        at = 0;
      }
      self.row = batch[at++];
    },
    async close() {
      await rows.return(undefined);
    },
  };
  return self;
}

async function* scanChain(
  context: ReadContext,
  runtime: TableRuntime,
  options: ScanOptions,
  cold: ColdPart,
  files: readonly ManifestEntry[],
): AsyncGenerator<StoredRow[]> {
  for (const file of files) {
    const batches = context.engine.cold.scan(runtime, [file], {
      columns: options.columns,
      predicates: options.predicates ?? [],
      signal: options.signal,
      order: options.order,
    });
    for await (const batch of batches) {
      const rows = batch.filter((row) => cold.counts(row)).map(({ row }) => row);
      countCold(options.stats, rows.length);
      if (rows.length > 0) yield rows;
    }
  }
}

/** Files in as few chains as a greedy look finds, each of which goes on only after its last file's keys. */
function chains(files: readonly ManifestEntry[], reverse: boolean): ManifestEntry[][] {
  const sorted = files.toSorted((a, b) => a.minKey.compare(b.minKey));
  const found: ManifestEntry[][] = [];
  for (const file of sorted) {
    const chain = found.find((candidate) => candidate.at(-1)!.maxKey.compare(file.minKey) < 0);
    if (chain === undefined) found.push([file]);
    else chain.push(file);
  }
  return reverse ? found.map((chain) => chain.toReversed()) : found;
}

/** What reads the cold part in place needs; see ColdScan. */
export async function coldScan(
  context: ReadContext,
  runtime: TableRuntime,
  options: Pick<ScanOptions, 'scope' | 'predicates'>,
): Promise<ColdScan> {
  const { engine } = context;
  const { table } = runtime;
  const none: ColdScan = {
    files: [],
    filesKnown: 0,
    paths: [],
    superseded: [],
    release: () => undefined,
  };
  if (!engine.tableState(table.tableId).special || table.kind === 'stream') return none;
  // Until the caller has read the files, which may be later than the statement's end.
  const { reader } = context;
  reader.retain();
  try {
    return await coldScanOf(context, runtime, options);
  } catch (error) {
    reader.release();
    throw error;
  }
}

async function coldScanOf(
  context: ReadContext,
  runtime: TableRuntime,
  options: Pick<ScanOptions, 'scope' | 'predicates'>,
): Promise<ColdScan> {
  const { engine } = context;
  const { table } = runtime;
  const cold = await coldPart(context, runtime, options);
  await engine.cold.verify(cold.files);
  const superseded: { userId: string; key: readonly Value[]; seq: number }[] = [];
  for (const [text, mark] of cold.marks) {
    const userId = userOfKey(table, Buffer.from(text, 'latin1'));
    superseded.push({ userId, key: markKeyValues(table, mark), seq: markSeq(mark) });
  }
  const overlay = context.overlay(table.tableId);
  if (overlay !== undefined && cold.files.length > 0) {
    for (const row of overlay.rows.values()) {
      if (row.baseSeq === 0 || row.baseSeq > context.reader.seq) continue;
      const key = row.keyValues ?? keyValuesOf(runtime, row.key, runtime.codec.decode(row.tuple!));
      superseded.push({ userId: userOfKey(table, row.key), key, seq: Number.MAX_SAFE_INTEGER });
    }
  }
  return {
    files: cold.files,
    filesKnown: cold.filesKnown,
    paths: cold.files.map((file) => engine.cold.path(file)),
    superseded,
    release: () => context.reader.release(),
  };
}
