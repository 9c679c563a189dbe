import { notSupported } from '../../base/index.ts';
import { rowModes } from '../../locks/index.ts';
import type { Engine } from '../engine.ts';
import { keyText, prefixEnd } from '../keys/buffer.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import type { InternalTransaction } from '../txn/transaction.ts';
import { beginTransaction } from '../txn/transaction.ts';
import { fullKey } from '../txn/write.ts';
import type { RemoveDeletedOptions, StoredRow } from '../types.ts';
import { giveBack } from './give-back.ts';
import type { ReadContext } from './hot-scan.ts';
import { scanHotRows } from './hot-scan.ts';

/** Rows removed by one commit. */
const rowsPerCommit = 1000;

/**
 * Removes soft-deleted rows that were deleted before a moment, for good: as a hard DELETE does, so that their index entries and cold
 * versions go by the same rules. Rows that someone has locked, or has changed since, are left alone. Returns how many went.
 */
export async function removeDeleted(
  engine: Engine,
  runtime: TableRuntime,
  options: RemoveDeletedOptions,
): Promise<number> {
  const { table } = runtime;
  if (table.kind === 'stream') throw notSupported('retention of a stream table');
  const signal = AbortSignal.any([engine.closing, ...(options.signal ? [options.signal] : [])]);
  const reading = beginTransaction(engine);
  let removed = 0;
  let pending: StoredRow[] = [];
  const remove = async (): Promise<void> => {
    const rows = pending;
    pending = [];
    if (rows.length === 0) return;
    signal.throwIfAborted();
    removed += await removeRows(engine, runtime, rows, options.before);
    await engine.faults('retention: rows removed');
  };
  try {
    reading.newStatement();
    const context = await reading.readContext();
    for await (const batch of dueRows(context, runtime, options.before, signal)) {
      for (const row of batch) {
        // One user's at a time.
        if (pending.length >= rowsPerCommit || (pending[0]?.userId ?? row.userId) !== row.userId)
          await remove();
        pending.push(row);
      }
    }
    await remove();
  } finally {
    reading.release();
  }
  const range = { from: runtime.rowsPrefix, to: prefixEnd(runtime.rowsPrefix) };
  await giveBack(engine, runtime, range, { rows: removed, bytes: 0 }, options.again ?? false);
  return removed;
}

/** Rows of both tiers that look due; those of the cold one may have been superseded. */
async function* dueRows(
  context: ReadContext,
  runtime: TableRuntime,
  before: bigint,
  signal: AbortSignal,
): AsyncGenerator<StoredRow[]> {
  const { engine, reader } = context;
  const due = (row: StoredRow): boolean => row.deleted && row.updated < before;
  const scope = { kind: 'all' } as const;
  // With all columns: a hard DELETE finds index entries by them.
  for await (const rows of scanHotRows(context, runtime, { scope, includeDeleted: true, signal })) {
    const found = rows.filter(due);
    if (found.length > 0) yield found;
  }
  const files = await engine.cold.files(reader, runtime, scope);
  const some = files.filter((file) => file.deletedRows !== 0);
  const batches = engine.cold.scan(runtime, some, {
    predicates: [],
    signal,
    deletedBefore: before,
  });
  for await (const batch of batches) {
    const found = batch.map(({ row }) => row).filter(due);
    if (found.length > 0) yield found;
  }
}

async function removeRows(
  engine: Engine,
  runtime: TableRuntime,
  rows: readonly StoredRow[],
  before: bigint,
): Promise<number> {
  const { table } = runtime;
  const owner = engine.locks.owner(engine.locks.backend(0));
  const transaction: InternalTransaction = beginTransaction(engine, { owner });
  try {
    transaction.newStatement();
    const free = rows.filter((row) =>
      engine.locks.tryAcquire(owner, 'row', keyText(fullKey(table, row)), rowModes.update),
    );
    const { rows: current } = await transaction.lockRows(table, free, 'update');
    let removed = 0;
    for (const row of current) {
      if (row === undefined || !row.deleted || row.updated >= before) continue;
      await transaction.delete(table, row, 'hard');
      removed++;
    }
    if (removed === 0) await transaction.rollback();
    else await transaction.commit({ sync: false });
    return removed;
  } catch (error) {
    if (!transaction.ended) await transaction.rollback();
    throw error;
  } finally {
    owner.releaseAll();
  }
}
