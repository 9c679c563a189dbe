import type { Engine } from '../engine.ts';
import { prefixEnd } from '../keys/buffer.ts';
import { Keyspace, scopePrefix, tablePrefix, tablePrefixBytes } from '../keys/keyspace.ts';
import { decodeScope, scopeLength } from '../keys/scope.ts';
import type { ManifestEntry } from '../cold/manifest.ts';
import { decodeManifestEntry } from '../cold/manifest.ts';
import type { ScopeRecord } from '../records.ts';
import { decodeRecord, encodeRecord } from '../records.ts';
import { TupleFlag, tupleFlags, tupleSeq } from '../tuple/header.ts';
import { ownerKey, removeWhere } from '../txn/bulk.ts';
import type { Limits } from '../txn/reader.ts';
import { latestView, readScopeRecord, readTableRecord } from '../txn/reader.ts';
import { changeManifest } from './change-manifest.ts';

/** The user id in a key of any keyspace that starts with table and scope. */
function userOf(key: Buffer): string {
  return decodeScope(key, tablePrefixBytes, scopeLength(key, tablePrefixBytes));
}

/** Seq of a tuple as everyone sees it; undefined while its bulk transaction has not committed. */
export function committedSeq(engine: Engine, tuple: Buffer): number | undefined {
  const seq = tupleSeq(tuple);
  if ((tupleFlags(tuple) & TupleFlag.provisional) === 0) return seq;
  return engine.bulks.get(seq)?.committed ?? undefined;
}

/** A table's limits by scope, remembered for one pass. */
export function limitsMemo(engine: Engine, tableId: number): (key: Buffer) => Limits {
  const state = engine.tableState(tableId);
  let lastUser: string | undefined;
  let limits: Limits | undefined;
  return (key) => {
    const userId = userOf(key);
    if (userId !== lastUser || limits === undefined) {
      limits = latestView(engine).limits(state, userId);
      lastUser = userId;
    }
    return limits;
  };
}

/**
 * Removes what a truncate has hidden: hot rows, their index entries, marks, manifest entries and files; then its record, so
 * that a truncated scope has no younger cold rows as long as the record stands (a flush waits for this). No flush of the
 * table may run meanwhile.
 */
export async function removeTruncated(engine: Engine, tableId: number): Promise<void> {
  const view = latestView(engine);
  const record = readTableRecord(view.get, tableId);
  if (!record.cleaning) return;
  const { truncations } = engine.tableState(tableId);
  const limitsOf = limitsMemo(engine, tableId);
  const gone = (key: Buffer, tuple: Buffer): boolean => {
    const seq = committedSeq(engine, tuple);
    return seq !== undefined && seq < limitsOf(key).truncatedBefore;
  };
  const goneUser = (userId: string, seq: number): boolean =>
    seq < view.limits(engine.tableState(tableId), userId).truncatedBefore;

  await removeWhere(engine, tablePrefix(Keyspace.index, tableId), (key, tail) => {
    const owner = ownerKey(key, tail);
    if (limitsOf(owner).truncatedBefore === 0) return false;
    const tuple = engine.sequencer.latest(owner);
    return tuple === undefined || gone(owner, tuple);
  });
  await removeWhere(engine, tablePrefix(Keyspace.rows, tableId), gone);
  await removeWhere(
    engine,
    tablePrefix(Keyspace.marks, tableId),
    (key, mark) => mark.readUIntLE(0, 6) < limitsOf(key).truncatedBefore,
  );
  const files = await manifestOf(engine, tableId);
  const dropped = files.filter((file) => goneUser(file.userId, file.maxSeq));
  await changeManifest(engine, tableId, { unlist: dropped });
  await engine.faults('truncate: files unlisted');
  await engine.files.condemn(dropped);
  await engine.faults('truncate: files removed');
  const scopes = await truncatedScopes(engine, tableId);
  await engine.sequencer.submit({
    sync: true,
    takesSeq: false,
    write(writer) {
      // After another truncate there is more to do, which its own call does.
      if (engine.tableState(tableId).truncations !== truncations) return;
      for (const userId of scopes) {
        const scope = readScopeRecord(view.get, tableId, userId);
        writer.put(
          scopePrefix(Keyspace.scope, tableId, userId),
          encodeRecord({ ...scope, truncatedBefore: 0 }),
        );
      }
      const latest = readTableRecord(view.get, tableId);
      writer.put(
        tablePrefix(Keyspace.table, tableId),
        encodeRecord({ ...latest, truncatedBefore: 0, cleaning: false }),
      );
    },
  });
}

async function truncatedScopes(engine: Engine, tableId: number): Promise<string[]> {
  const prefix = tablePrefix(Keyspace.scope, tableId);
  const found: string[] = [];
  const cursor = engine.store.scan({ from: prefix, to: prefixEnd(prefix) });
  try {
    for (;;) {
      const entries = await cursor.next(1024);
      if (entries.length === 0) return found;
      for (const [key, value] of entries)
        if (
          decodeRecord<ScopeRecord>(value, `the record of a scope of table ${tableId}`)
            .truncatedBefore > 0
        )
          found.push(userOf(key));
    }
  } finally {
    await cursor.close();
  }
}

/** All manifest entries of a table, as written. */
export async function manifestOf(engine: Engine, tableId?: number): Promise<ManifestEntry[]> {
  const prefix =
    tableId === undefined
      ? Buffer.from([Keyspace.manifest])
      : tablePrefix(Keyspace.manifest, tableId);
  const files: ManifestEntry[] = [];
  const cursor = engine.store.scan({ from: prefix, to: prefixEnd(prefix) });
  try {
    for (;;) {
      const entries = await cursor.next(1024);
      if (entries.length === 0) return files;
      for (const [, value] of entries) files.push(decodeManifestEntry(value, 'a manifest entry'));
    }
  } finally {
    await cursor.close();
  }
}
