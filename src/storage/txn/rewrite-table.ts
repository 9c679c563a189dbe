import type { Row } from '../../types/value.ts';
import type { KeyBuffer } from '../keys/buffer.ts';
import { keyText } from '../keys/buffer.ts';
import { tablePrefixBytes } from '../keys/keyspace.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { estimateRows } from '../tiered/estimates.ts';
import { lookupHot } from '../tiered/point-read.ts';
import { scanRows } from '../tiered/scan.ts';
import { TupleFlag } from '../tuple/header.ts';
import type { RewriteOptions, RowRewriter, StoredRow, UniqueConflict } from '../types.ts';
import { settleRuns } from './append-rows.ts';
import { settleSpills, spillIfLarge } from './bulk.ts';
import { scopeText } from './commit.ts';
import { appendToRun, freshRun, lastKey } from './fresh-run.ts';
import { putOverlayIndex, putOverlayRow, rowTail } from './overlay.ts';
import type { TransactionState } from './state.ts';
import { latestContext, overlayOf } from './state.ts';
import type { InternalTransaction } from './transaction.ts';
import { ownSeq } from './visibility.ts';

/** What stops a rewrite: two rows with one key, or a row without a value for a column (its id) of the new primary key. */
export type RewriteFailure =
  | { readonly conflict: UniqueConflict }
  | { readonly nullColumn: number };

/** Rows between two looks at how much is in memory. */
const spillCheckRows = 512;

/**
 * Copies the rows of a table, both tiers, into another one that has none yet: what ALTER TABLE does when the primary key
 * changes, or when columns get values that must be computed row by row. `_updated` stays, `_seq` becomes the commit's. A
 * soft-deleted row gives way to another with its new key, and goes when it has none. Like every bulk load it writes ahead of its
 * commit, so memory is bounded.
 *
 * The former table must not be written to by others until the commit, which checks that (40001).
 */
export async function rewriteTable(
  transaction: InternalTransaction,
  from: TableRuntime,
  to: TableRuntime,
  { rewriter, onProgress, signal }: RewriteOptions = {},
): Promise<RewriteFailure | undefined> {
  const { state } = transaction;
  overlayOf(state, from.table);
  const context = await transaction.readContext();
  const target = rewriteTarget(state, to);
  const everything = {
    scope: { kind: 'all' },
    includeDeleted: true,
    ...(signal === undefined ? {} : { signal }),
  } as const;
  const expected = estimateRows(state.engine, from, everything.scope);
  const { live, deleted } = rewriter ?? byColumnId(from, to);
  let rowsDone = 0;
  let deletedRows = 0;
  let nullColumn: number | undefined;
  let conflict: UniqueConflict | undefined;
  context.reader.retain();
  try {
    context.reader.hot();
    state.unchangedSince ??= new Map();
    state.unchangedSince.set(from.table.tableId, context.reader.seq);
    for await (const rows of scanRows(context, from, everything)) {
      signal?.throwIfAborted();
      const kept = rows.filter((row) => !row.deleted);
      deletedRows += rows.length - kept.length;
      const rewritten = await live(kept);
      for (let i = 0; i < kept.length && conflict === undefined; i++) {
        const row: StoredRow = { ...kept[i]!, values: rewritten[i]! };
        const missing = missingKeyColumn(to, row.values);
        // PostgreSQL builds the index before it looks for nulls: a duplicate is told first.
        if (missing !== undefined) nullColumn ??= missing;
        else {
          const putting = target.put(row);
          conflict = putting instanceof Promise ? await putting : putting;
        }
        if (i % spillCheckRows === spillCheckRows - 1) await target.spill();
      }
      // It builds it after all rows have been computed, though: what one of them is refused with is told before that.
      if (conflict !== undefined && rewriter === undefined) return { conflict };
      await target.spill();
      rowsDone += rows.length;
      onProgress?.(Math.min(0.99, rowsDone / Math.max(expected, rowsDone, 1)), rowsDone);
    }
    if (conflict !== undefined) return { conflict };
    if (nullColumn !== undefined) return { nullColumn };
    if (deletedRows > 0) {
      await target.settle();
      for await (const rows of scanRows(context, from, everything)) {
        const gone = rows.filter((row) => row.deleted);
        if (gone.length === 0) continue;
        signal?.throwIfAborted();
        const rewritten = await deleted(gone);
        for (let i = 0; i < gone.length; i++) {
          const values = rewritten[i]!;
          if (missingKeyColumn(to, values) === undefined)
            target.putDeleted({ ...gone[i]!, values });
          if (i % spillCheckRows === spillCheckRows - 1) await target.spill();
        }
        await target.spill();
      }
    }
    // What has been written ahead is younger than the statement's snapshot.
    transaction.newStatement();
    return undefined;
  } finally {
    context.reader.release();
  }
}

/** Values as they are, in the other table's order. */
function byColumnId({ table: from }: TableRuntime, { table: to }: TableRuntime): RowRewriter {
  const positions = to.columns.map(({ id }) => from.columns.findIndex((one) => one.id === id));
  const rewrite = (rows: readonly StoredRow[]): Promise<Row[]> =>
    Promise.resolve(
      rows.map(({ values }) =>
        positions.map((position, i) => (position < 0 ? to.columns[i]!.missing : values[position]!)),
      ),
    );
  return { live: rewrite, deleted: rewrite };
}

/** The id of the first column of the primary key in which the row has no value. */
function missingKeyColumn({ table, keyPositions }: TableRuntime, values: Row): number | undefined {
  for (const position of keyPositions) {
    if (values[position] === null) return table.columns[position]!.id;
  }
  return undefined;
}

interface RewriteTarget {
  /** Takes a row over, unless a unique key is taken by one before it. */
  put(row: StoredRow): UniqueConflict | undefined | Promise<UniqueConflict | undefined>;
  /** All rows taken over so far can be found. */
  settle(): Promise<void>;
  /** Takes a soft-deleted row over when nothing younger has its key. Call when all others are there and settled. */
  putDeleted(row: StoredRow): void;
  /** Writes ahead when there is much in memory. */
  spill(): Promise<void>;
}

function rewriteTarget(state: TransactionState, runtime: TableRuntime): RewriteTarget {
  const { engine } = state;
  const { table, codec, hiddenKey } = runtime;
  /** While keys rise they are new, and rows are kept as bytes alone (fresh-run.ts). */
  let rising = table.indexes.length === 0;

  function writeKey({ userId, values, updated }: StoredRow): KeyBuffer {
    return hiddenKey
      ? runtime.writeKeyOfRowId(userId, updated, ++engine.counters.rowId)
      : runtime.writeKeyOfRow(userId, values);
  }

  function append(row: StoredRow, key: KeyBuffer): boolean {
    const { maxKeys } = overlayOf(state, table);
    const scope = scopeText(row.userId);
    let run = state.runs.find((one) => one.table === table && one.userId === row.userId);
    if (run === undefined) {
      const max = maxKeys.get(scope);
      if (max !== undefined && !key.isAfter(max, 0, max.length, tablePrefixBytes)) return false;
      run = freshRun(table, row.userId, engine.counters.seq);
      state.runs.push(run);
    } else {
      const start = run.count === 1 ? 0 : run.keyEnds[run.count - 2]!;
      const end = run.keyEnds[run.count - 1]!;
      if (!key.isAfter(run.keys, start, end, tablePrefixBytes)) return false;
    }
    appendToRun(run, key, codec.encodeTo(run.slab, row.values, 0, row.updated));
    return true;
  }

  /** Index entries are checked against what is in memory and what has been written ahead. */
  function insert(row: StoredRow, key: Buffer): UniqueConflict | undefined {
    const overlay = overlayOf(state, table);
    const context = latestContext(state, table);
    const { userId, values, updated } = row;
    if (!hiddenKey && lookupHot(context, runtime, userId, key).kind === 'row')
      return { index: null, existing: row };
    const tail = rowTail(key);
    for (const index of table.indexes) {
      const entry = runtime.indexEntry(index, userId, values, tail, false);
      if (!entry.unique) continue;
      if (overlay.index.has(keyText(entry.key)) || context.view.get(entry.key) !== undefined)
        return { index, existing: row };
    }
    store(row, key, codec.encode(values, 0, updated));
    return undefined;
  }

  function store(
    row: StoredRow,
    key: Buffer,
    tuple: Buffer,
    takenOver?: { readonly baseSeq: number },
  ): void {
    const overlay = overlayOf(state, table);
    const seenSeq = engine.counters.seq;
    const tail = rowTail(key);
    putOverlayRow(overlay, keyText(key), {
      key,
      tuple,
      baseSeq: takenOver?.baseSeq ?? 0,
      seenSeq,
      keyValues: null,
      locked: false,
      ...(takenOver === undefined ? {} : { takenOver: true }),
    });
    for (const index of table.indexes) {
      const entry = runtime.indexEntry(index, row.userId, row.values, tail, row.deleted);
      putOverlayIndex(overlay, { ...entry, tail, base: null, seenSeq });
    }
  }

  /** Takes the index entries of a deleted row back that gives way to a younger one. */
  function removeEntries(row: StoredRow, key: Buffer): void {
    const overlay = overlayOf(state, table);
    const seenSeq = engine.counters.seq;
    const tail = rowTail(key);
    for (const index of table.indexes) {
      const entry = runtime.indexEntry(index, row.userId, row.values, tail, true);
      putOverlayIndex(overlay, { ...entry, tail: null, base: tail, seenSeq });
    }
  }

  /** The largest key of each scope goes on to the next run. */
  function rememberMaxKeys(): void {
    const { maxKeys } = overlayOf(state, table);
    for (const run of state.runs) {
      if (run.table === table) maxKeys.set(scopeText(run.userId), lastKey(run));
    }
  }

  return {
    put(row) {
      const key = writeKey(row);
      if (rising && append(row, key)) return undefined;
      const own = key.take();
      if (!rising) return insert(row, own);
      rising = false;
      settleRuns(state);
      return settleSpills(state).then(() => insert(row, own));
    },
    async settle() {
      rising = false;
      settleRuns(state);
      await settleSpills(state);
    },
    putDeleted(row) {
      const key = writeKey(row).take();
      let baseSeq = 0;
      if (!hiddenKey) {
        const found = lookupHot(latestContext(state, table), runtime, row.userId, key);
        if (found.kind === 'row') {
          if (!found.row.deleted || found.row.updated > row.updated) return;
          removeEntries(found.row, key);
          // What has been written ahead counts as this transaction's version.
          baseSeq = overlayOf(state, table).rows.get(keyText(key))?.baseSeq ?? ownSeq;
        }
      }
      store(row, key, codec.encode(row.values, TupleFlag.deleted, row.updated), { baseSeq });
    },
    async spill() {
      rememberMaxKeys();
      await spillIfLarge(state);
      // Rows on their way are found neither in the overlay nor in the store.
      if (!rising) await settleSpills(state);
    },
  };
}
