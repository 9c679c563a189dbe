import type { Engine } from '../engine.ts';
import type { StoredRow, StoredTable } from '../types.ts';
import { scopeLength } from '../keys/scope.ts';

/** Whether a row of a stream has outlived its ttl. Its key starts with its insert time. */
export function isExpired(engine: Engine, table: StoredTable, row: StoredRow): boolean {
  if (table.kind !== 'stream' || table.ttlMicros === undefined) return false;
  return insertTime(row.key) + table.ttlMicros <= engine.clock.now();
}

/** Microseconds since 2000-01-01 UTC. `key` is a row key of a stream without the table prefix. */
export function insertTime(key: Uint8Array): bigint {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.length);
  return BigInt.asIntN(64, bytes.readBigUInt64BE(scopeLength(key, 0)) ^ (1n << 63n));
}
