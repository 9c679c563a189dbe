import { notSupported } from '../../base/index.ts';
import type { Engine } from '../engine.ts';
import { Keyspace, tablePrefix } from '../keys/keyspace.ts';
import { orderedMicros } from '../keys/table-runtime.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { ownerKey, removeRange, removeWhere } from '../txn/bulk.ts';

/** Removes a stream's rows that have outlived its ttl, and their index entries. Returns the number of rows. */
export async function evictExpired(engine: Engine, runtime: TableRuntime): Promise<number> {
  const { table } = runtime;
  if (table.kind !== 'stream' || table.ttlMicros === undefined)
    throw notSupported('eviction from a table that is no stream');
  const from = runtime.scopeRows('');
  const to = Buffer.concat([from, orderedMicros(engine.clock.now() - table.ttlMicros + 1n)]);
  if (table.indexes.length > 0)
    await removeWhere(
      engine,
      tablePrefix(Keyspace.index, table.tableId),
      (key, tail) => ownerKey(key, tail).compare(to) < 0,
    );
  return await removeRange(engine, from, to, () => true);
}
