import type { Engine } from '../engine.ts';
import { prefixEnd } from '../keys/buffer.ts';
import { Keyspace, bulkKey, scopePrefix, tablePrefix, tablePrefixBytes } from '../keys/keyspace.ts';
import { scopeLength } from '../keys/scope.ts';
import { encodeRecord } from '../records.ts';
import { TupleFlag, tupleFlags, tupleSeq } from '../tuple/header.ts';
import { removeRange } from '../txn/bulk.ts';
import { backgroundPace } from '../txn/pace.ts';
import type { Pace } from '../txn/pace.ts';
import type { Limits } from '../txn/reader.ts';
import { readTableRecord } from '../txn/reader.ts';
import { committedSeq, limitsMemo } from './cleaning.ts';

/** Committed bulk transactions with rows in a table whose records wait for a pass over the whole table. */
const bulksMax = 64;

/**
 * Removes the hot keys of rows that a flush has moved: those of `users`, or everyone's; after the removals asked for before. Repeats
 * safely; the next start does what a crash left. A pass over everyone's also finds the bulk transactions that have no row left, whose
 * records go.
 */
export function removeMoved(
  engine: Engine,
  tableId: number,
  users?: readonly string[],
): Promise<void> {
  const state = engine.tableState(tableId);
  const pace = backgroundPace();
  const removal = state.removing.then(() => removeNow(engine, tableId, users, pace));
  // Who asked is told of a failure; the next one tries again.
  state.removing = removal.catch(() => undefined);
  return removal;
}

async function removeNow(
  engine: Engine,
  tableId: number,
  users: readonly string[] | undefined,
  pace: Pace,
): Promise<void> {
  const state = engine.tableState(tableId);
  const bulks = [...engine.bulks].filter(
    ([, record]) => record.committed !== null && record.tables.includes(tableId),
  );
  const all = users === undefined || bulks.length > bulksMax;
  const before = { all: state.unremovedAll, users: new Map(state.unremoved) };
  await engine.faults('flush: removing');
  const limitsOf = limitsByPrefix(engine, tableId);
  const left = new Set<number>();
  const condemned = (key: Buffer, tuple: Buffer): boolean => {
    engine.closing.throwIfAborted();
    const seq = committedSeq(engine, tuple);
    const flags = tupleFlags(tuple);
    const moved =
      seq !== undefined && seq <= limitsOf(key).watermark && (flags & TupleFlag.pinned) === 0;
    if (!moved && (flags & TupleFlag.provisional) !== 0) left.add(tupleSeq(tuple));
    return moved;
  };
  const prefixes = all
    ? [tablePrefix(Keyspace.rows, tableId)]
    : users.map((userId) => scopePrefix(Keyspace.rows, tableId, userId));
  for (const prefix of prefixes)
    await removeRange(engine, prefix, prefixEnd(prefix), condemned, { hidden: true, pace });

  // What was flushed meanwhile has a removal of its own coming.
  if (all && state.unremovedAll === before.all) state.unremovedAll = 0;
  for (const userId of all ? before.users.keys() : users)
    if (state.unremoved.get(userId) === before.users.get(userId)) state.unremoved.delete(userId);
  await engine.sequencer.submit({
    sync: false,
    takesSeq: false,
    write(writer) {
      if (state.unremovedAll !== 0 || state.unremoved.size > 0) return;
      const record = readTableRecord((key) => engine.sequencer.latest(key), tableId);
      if (record.moving)
        writer.put(
          tablePrefix(Keyspace.table, tableId),
          encodeRecord({ ...record, moving: false }),
        );
    },
  });
  if (!all) return;
  for (const [bulkId, record] of bulks) {
    if (left.has(bulkId)) continue;
    const tables = record.tables.filter((id) => id !== tableId);
    await engine.sequencer.submit({
      sync: false,
      takesSeq: false,
      write(writer) {
        if (tables.length > 0) writer.put(bulkKey(bulkId), encodeRecord({ ...record, tables }));
        else writer.delete(bulkKey(bulkId));
      },
    });
    // Older snapshots still hold such rows, so memory keeps the seq.
    engine.bulks.set(bulkId, { ...record, tables });
  }
}

/** limitsMemo for keys that mostly come in order: whose they are is told by their bytes. */
function limitsByPrefix(engine: Engine, tableId: number): (key: Buffer) => Limits {
  const limitsOf = limitsMemo(engine, tableId);
  let prefix = Buffer.alloc(0);
  let limits: Limits | undefined;
  return (key) => {
    const { length } = prefix;
    if (
      limits === undefined ||
      key.length < length ||
      key.compare(prefix, 0, length, 0, length) !== 0
    ) {
      limits = limitsOf(key);
      prefix = Buffer.from(key.subarray(0, scopeLength(key, tablePrefixBytes)));
    }
    return limits;
  };
}
