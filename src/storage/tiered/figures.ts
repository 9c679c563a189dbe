import type { Engine } from '../engine.ts';
import { prefixEnd } from '../keys/buffer.ts';
import { Keyspace, tablePrefix, tablePrefixBytes } from '../keys/keyspace.ts';
import { decodeScope, scopeLength } from '../keys/scope.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { createReader } from '../txn/reader.ts';
import type { StorageStats } from '../types.ts';
import { manifestOf } from './cleaning.ts';
import { scanHotRows } from './hot-scan.ts';

/** Counts a table's hot rows by reading them, and adds up its files. */
export async function tableStats(engine: Engine, runtime: TableRuntime): Promise<StorageStats> {
  const reader = createReader(engine);
  try {
    let hotRows = 0;
    const context = { engine, reader, ownBulks: [], overlay: () => undefined };
    const scope = { kind: 'all' } as const;
    for await (const rows of scanHotRows(context, runtime, {
      scope,
      columns: [],
      includeDeleted: true,
    }))
      hotRows += rows.length;
    const files = await manifestOf(engine, runtime.table.tableId);
    let coldRows = 0;
    let coldBytes = 0;
    for (const file of files) {
      coldRows += file.rows;
      coldBytes += file.bytes;
    }
    return { hotRows, coldRows, coldBytes, files: files.length };
  } finally {
    reader.release();
  }
}

/** The user ids with rows in either tier, in order. Skips from scope to scope, so the cost goes with the number of users. */
export async function tableUsers(engine: Engine, runtime: TableRuntime): Promise<string[]> {
  const { table } = runtime;
  if (table.kind !== 'user') return [];
  const found = new Set<string>();
  const state = engine.tableState(table.tableId);
  const reader = createReader(engine);
  try {
    for (const keyspace of [Keyspace.rows, Keyspace.manifest]) {
      const prefix = tablePrefix(keyspace, table.tableId);
      const cursor = engine.store.scan({
        from: prefix,
        to: prefixEnd(prefix),
        snapshot: reader.hot(),
        values: false,
      });
      try {
        for (;;) {
          const key = (await cursor.next(1))[0]?.[0];
          if (key === undefined) break;
          const end = scopeLength(key, tablePrefixBytes);
          const userId = decodeScope(key, tablePrefixBytes, end);
          if (!found.has(userId) && (await hasRows(userId))) found.add(userId);
          cursor.seek(prefixEnd(key.subarray(0, end)));
        }
      } finally {
        await cursor.close();
      }
    }
  } finally {
    reader.release();
  }
  return [...found].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

  async function hasRows(userId: string): Promise<boolean> {
    const scope = { kind: 'one', userId } as const;
    const limits = reader.limits(state, userId);
    const files = await engine.cold.files(reader, runtime, scope);
    if (files.some((file) => file.maxSeq >= limits.truncatedBefore)) return true;
    const context = { engine, reader, ownBulks: [], overlay: () => undefined };
    const options = { scope, columns: [], limit: 1, includeDeleted: true };
    for await (const rows of scanHotRows(context, runtime, options))
      if (rows.length > 0) return true;
    return false;
  }
}
