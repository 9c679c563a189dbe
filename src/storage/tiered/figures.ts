import { setTimeout } from 'node:timers/promises';
import { decodeManifestEntry } from '../cold/manifest.ts';
import type { Engine } from '../engine.ts';
import { prefixEnd } from '../keys/buffer.ts';
import { Keyspace, tablePrefix, tablePrefixBytes } from '../keys/keyspace.ts';
import { decodeScope, scopeLength } from '../keys/scope.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import type { Limits } from '../txn/reader.ts';
import { createReader } from '../txn/reader.ts';
import { checkTuple, foreign, invisible, isDeleted, visibleSeq } from '../txn/visibility.ts';
import type { StorageStats } from '../types.ts';
import { scanBatchRows, scanHotRows, scanRanges } from './hot-scan.ts';

/** Entries read before others may run, when the measuring is not waited for. */
const pauseEntries = 16_384;

/**
 * Measures a table by reading all that it has in the hot store, and adding up its manifest. `gently` leaves others as much time
 * as it takes.
 */
export async function tableStats(
  engine: Engine,
  runtime: TableRuntime,
  { gently = false, signal }: { readonly gently?: boolean; readonly signal?: AbortSignal } = {},
): Promise<StorageStats> {
  const { table } = runtime;
  const { tableId } = table;
  const state = engine.tableState(tableId);
  const reader = createReader(engine);
  let pausedMs = engine.clock.monotonicMs();
  let unpaused = 0;

  /** Every entry of the table in one keyspace. */
  async function each(
    keyspace: number,
    visit: (key: Buffer, value: Buffer) => void,
    values = true,
  ): Promise<void> {
    const prefix = tablePrefix(keyspace, tableId);
    const range = { from: prefix, to: prefixEnd(prefix), values };
    const cursor = engine.store.scan({ ...range, snapshot: reader.hot() });
    try {
      for (;;) {
        const entries = await cursor.next(scanBatchRows);
        if (entries.length === 0) return;
        for (const [key, value] of entries) visit(key, value);
        engine.closing.throwIfAborted();
        signal?.throwIfAborted();
        if (gently && (unpaused += entries.length) >= pauseEntries) {
          await setTimeout(engine.clock.monotonicMs() - pausedMs);
          pausedMs = engine.clock.monotonicMs();
          unpaused = 0;
        }
      }
    } finally {
      await cursor.close();
    }
  }

  try {
    const viewSeq = (reader.hot(), reader.seq);
    const limitsOf = (userId: string): Limits => reader.limits(state, userId);
    let coldRows = 0;
    let coldDeletedRows: number | undefined = 0;
    let coldBytes = 0;
    let files = 0;
    let manifestBytes = 0;
    const users = new Set<string>();
    await each(Keyspace.manifest, (key, value) => {
      const file = decodeManifestEntry(value, 'a manifest entry');
      manifestBytes += key.length + value.length;
      if (file.maxSeq < limitsOf(file.userId).truncatedBefore) return;
      users.add(file.userId);
      files++;
      coldRows += file.rows;
      coldBytes += file.bytes;
      coldDeletedRows =
        coldDeletedRows === undefined || file.deletedRows === undefined
          ? undefined
          : coldDeletedRows + file.deletedRows;
    });

    let hotRows = 0;
    let hotDeletedRows = 0;
    let hotBytes = 0;
    let usersCount = users.size;
    let scope: Buffer = Buffer.alloc(0);
    let limits: Limits | undefined;
    let userHasRows = false;
    // Expired rows of a stream are not there any more, though their bytes may be.
    const [first] = scanRanges({ engine }, runtime, { scope: { kind: 'all' } });
    await each(Keyspace.rows, (key, tuple) => {
      hotBytes += key.length + tuple.length;
      if (first !== undefined && key.compare(first.from) < 0) return;
      checkTuple(table, key, tuple);
      const end = table.kind === 'user' ? scopeLength(key, tablePrefixBytes) : tablePrefixBytes;
      if (limits === undefined || key.compare(scope, 0, scope.length, 0, end) !== 0) {
        scope = key.subarray(0, end);
        const userId = table.kind === 'user' ? decodeScope(key, tablePrefixBytes, end) : '';
        limits = limitsOf(userId);
        userHasRows = users.has(userId);
      }
      const seq = visibleSeq(engine, tuple, viewSeq, limits, []);
      if (seq === invisible || seq === foreign) return;
      hotRows++;
      if (isDeleted(tuple)) hotDeletedRows++;
      if (!userHasRows) usersCount++;
      userHasRows = true;
    });

    const indexBytes = new Map(table.indexes.map((index) => [index.indexId, 0]));
    await each(Keyspace.index, (key, value) => {
      const indexId = key.readUInt32BE(tablePrefixBytes);
      indexBytes.set(indexId, (indexBytes.get(indexId) ?? 0) + key.length + value.length);
    });
    let supersededKeys = 0;
    let markBytes = 0;
    await each(Keyspace.marks, (key, value) => {
      supersededKeys++;
      markBytes += key.length + value.length;
    });
    let filterBytes = 0;
    await each(Keyspace.bloom, (key, value) => {
      filterBytes += key.length + value.length;
    });
    return {
      hotRows,
      hotDeletedRows,
      hotBytes,
      indexBytes,
      coldRows,
      coldDeletedRows,
      coldBytes,
      files,
      supersededKeys,
      metadataBytes: manifestBytes + markBytes + filterBytes,
      users: table.kind === 'user' ? usersCount : 0,
    };
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
