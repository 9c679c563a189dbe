/** Hot rows, and index entries both ways. */
import { assert } from '../../base/index.ts';
import { keyText } from '../keys/buffer.ts';
import { IndexForm, Keyspace, tablePrefix, tablePrefixBytes } from '../keys/keyspace.ts';
import { TupleFlag, tupleFlags, tupleIntact, tupleSeq } from '../tuple/header.ts';
import { rowTail } from '../txn/overlay.ts';
import type { Row } from '../../types/value.ts';
import type { Check, TableCheck } from './check.ts';
import { eachEntry, keyHex, tableOf, userIn, visibleSeqOf } from './check.ts';
import { textOf } from './findings.ts';

export interface FoundRow {
  readonly userId: string;
  readonly fullKey: Buffer;
  readonly values: Row;
  readonly deleted: boolean;
}

/** Looks for a row's entries. `expected` gathers their keys when they are to be compared one by one. */
export function checkEntriesOf(
  check: Check,
  of: TableCheck,
  { userId, fullKey, values, deleted }: FoundRow,
  expected?: Set<string>,
): void {
  const tail = rowTail(fullKey);
  for (const index of of.table.indexes) {
    const entry = of.runtime.indexEntry(index, userId, values, tail, deleted);
    if (expected !== undefined) {
      expected.add(keyText(entry.key));
      continue;
    }
    const found = check.store.getSync(entry.key);
    if (found?.equals(tail) === true) {
      of.matched.set(index.indexId, (of.matched.get(index.indexId) ?? 0) + 1);
      continue;
    }
    check.findings.add(
      found === undefined ? 'missing' : 'mismatch',
      of.name,
      `index "${index.name}" ${found === undefined ? 'has no entry for' : 'leads elsewhere than to'} row ${keyHex(fullKey.subarray(tablePrefixBytes))}`,
    );
  }
}

export async function checkRows(check: Check): Promise<void> {
  await eachEntry(check, Buffer.from([Keyspace.rows]), (key, tuple) => {
    const of = tableOf(check, key, 'a row');
    if (of !== undefined) checkRow(check, of, key, tuple);
  });
}

function checkRow(check: Check, of: TableCheck, key: Buffer, tuple: Buffer): void {
  const row = hotRow(check, of, key, tuple);
  if (row === undefined) return;
  of.hotRows++;
  checkEntriesOf(check, of, row);
}

/** A row that counts, with findings about whatever is wrong with it. */
function hotRow(
  check: Check,
  of: TableCheck,
  key: Buffer,
  tuple: Buffer,
  quietly = false,
): FoundRow | undefined {
  const tell = (message: string): undefined => {
    if (quietly) return undefined;
    of.incomplete = true;
    check.findings.add(
      'damaged',
      of.name,
      `row ${keyHex(key.subarray(tablePrefixBytes))} ${message}`,
    );
    return undefined;
  };
  if (!tupleIntact(tuple)) return tell('is corrupted: wrong checksum');
  const userId = userIn(key);
  if (userId === undefined || (of.table.kind !== 'user' && userId !== ''))
    return tell('has a key that is not readable');
  const provisional = (tupleFlags(tuple) & TupleFlag.provisional) !== 0;
  if (!provisional && check.seq !== undefined && tupleSeq(tuple) > check.seq)
    return tell(`is of commit ${tupleSeq(tuple)}, which has not been`);
  let values: Row;
  try {
    values = of.runtime.codec.decode(tuple);
    if (!of.runtime.hiddenKey && !of.runtime.keyOfRow(userId, values).equals(key))
      return tell('has the key of another');
  } catch (error) {
    return tell(`is not readable: ${textOf(error)}`);
  }
  if (visibleSeqOf(check, of, userId, tuple) === undefined) return undefined;
  return { userId, fullKey: key, values, deleted: (tupleFlags(tuple) & TupleFlag.deleted) !== 0 };
}

/** Counts entries against those that rows have led to; where there are more, each is looked at. */
export async function checkIndexes(
  check: Check,
  coldRows: (of: TableCheck, visit: (row: FoundRow) => void) => Promise<void>,
): Promise<void> {
  const counts = new Map<TableCheck, Map<number, number>>();
  await eachEntry(check, Buffer.from([Keyspace.index]), (key) => {
    const of = tableOf(check, key, 'an index entry');
    if (of === undefined) return;
    const indexId = key.readUInt32BE(tablePrefixBytes);
    let ofTable = counts.get(of);
    if (ofTable === undefined) counts.set(of, (ofTable = new Map()));
    ofTable.set(indexId, (ofTable.get(indexId) ?? 0) + 1);
  });
  for (const [of, ofTable] of counts) {
    const surplus = new Set<number>();
    for (const [indexId, count] of ofTable) {
      if (!of.table.indexes.some((index) => index.indexId === indexId)) {
        check.findings.add(
          'leftover',
          of.name,
          `${count} entries of index ${indexId}, which was dropped`,
        );
      } else if (count !== (of.matched.get(indexId) ?? 0)) surplus.add(indexId);
    }
    if (surplus.size > 0) await nameOrphans(check, of, surplus, coldRows);
  }
}

async function nameOrphans(
  check: Check,
  of: TableCheck,
  indexIds: ReadonlySet<number>,
  coldRows: (of: TableCheck, visit: (row: FoundRow) => void) => Promise<void>,
): Promise<void> {
  const expected = new Set<string>();
  const { tableId } = of.table;
  await eachEntry(check, tablePrefix(Keyspace.rows, tableId), (key, tuple) => {
    const row = hotRow(check, of, key, tuple, true);
    if (row !== undefined) checkEntriesOf(check, of, row, expected);
  });
  await coldRows(of, (row) => checkEntriesOf(check, of, row, expected));
  const uncommitted = [...check.bulks.values()].some(
    (bulk) => bulk.committed === null && bulk.tables.includes(tableId),
  );
  await eachEntry(check, tablePrefix(Keyspace.index, tableId), (key) => {
    const indexId = key.readUInt32BE(tablePrefixBytes);
    if (!indexIds.has(indexId) || expected.has(keyText(key))) return;
    const index = of.table.indexes.find((one) => one.indexId === indexId);
    assert(index !== undefined, 'entries of known indexes are compared');
    // Entries outlive rows that a truncate has hidden, and come before those of a bulk transaction.
    const harmless = of.record.truncated || uncommitted || of.incomplete;
    const unique = key.at(-1) === IndexForm.unique ? 'unique ' : '';
    check.findings.add(
      harmless ? 'leftover' : 'orphan',
      of.name,
      `index "${index.name}" has a ${unique}entry without a row: ${keyHex(key.subarray(tablePrefixBytes + 4))}`,
    );
  });
}
