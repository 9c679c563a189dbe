import { PgError, SqlState } from '../../base/index.ts';
import type { Engine } from '../engine.ts';
import { tablePrefixBytes } from '../keys/keyspace.ts';
import { decodeScope, scopeLength } from '../keys/scope.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import type { Projection } from '../tuple/codec.ts';
import { TupleFlag, tupleFlags, tupleIntact, tupleSeq, tupleUpdated } from '../tuple/header.ts';
import type { StoredRow, StoredTable } from '../types.ts';
import type { Limits } from './reader.ts';

/** "Seq" of a row that this transaction has itself spilled. */
export const ownSeq = Number.MAX_SAFE_INTEGER;
/** Not there for this view. */
export const invisible = 0;
/** Another transaction's spilled row, not committed yet. */
export const foreign = -1;

/** The commit seq of a stored tuple for a view that sees commits up to `viewSeq`, or invisible, foreign, ownSeq. */
export function visibleSeq(
  engine: Engine,
  tuple: Buffer,
  viewSeq: number,
  limits: Limits,
  ownBulks: readonly number[],
): number {
  const flags = tupleFlags(tuple);
  let seq = tupleSeq(tuple);
  if ((flags & TupleFlag.provisional) !== 0) {
    if (ownBulks.includes(seq)) return ownSeq;
    const committed = engine.bulks.get(seq)?.committed ?? null;
    if (committed === null) return engine.bulks.has(seq) ? foreign : invisible;
    if (committed > viewSeq) return invisible;
    seq = committed;
  }
  if (seq < limits.truncatedBefore) return invisible;
  if (seq <= limits.watermark && (flags & TupleFlag.pinned) === 0) return invisible;
  return seq;
}

export function isDeleted(tuple: Buffer): boolean {
  return (tupleFlags(tuple) & TupleFlag.deleted) !== 0;
}

/** XX001 naming table and key unless the tuple is what was written. */
export function checkTuple(table: StoredTable, key: Uint8Array, tuple: Buffer): void {
  if (tupleIntact(tuple)) return;
  throw new PgError(
    SqlState.dataCorrupted,
    `a row of table "${table.name}" is corrupted: wrong checksum`,
    {
      detail: `Key of the row: \\x${Buffer.from(key).toString('hex')}.`,
      schema: table.namespace,
      table: table.name,
    },
  );
}

/** The user id in a full row key. */
export function userOfKey(table: StoredTable, key: Uint8Array): string {
  if (table.kind !== 'user') return '';
  return decodeScope(key, tablePrefixBytes, scopeLength(key, tablePrefixBytes));
}

export function storedRow(
  runtime: TableRuntime,
  fullKey: Buffer,
  tuple: Buffer,
  seq: number,
  userId: string,
  wanted: Projection | undefined,
  tier: StoredRow['tier'],
): StoredRow {
  return {
    key: fullKey.subarray(tablePrefixBytes),
    userId,
    values: runtime.codec.decode(tuple, wanted),
    seq: seq === ownSeq ? 0 : seq,
    updated: tupleUpdated(tuple),
    deleted: isDeleted(tuple),
    tier,
  };
}
