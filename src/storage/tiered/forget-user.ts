import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isOurFile } from '../cold/places.ts';
import { PgError, SqlState } from '../../base/index.ts';
import type { Engine } from '../engine.ts';
import { prefixEnd } from '../keys/buffer.ts';
import {
  Keyspace,
  indexPrefix,
  scopePrefix,
  tablePrefix,
  tablePrefixBytes,
} from '../keys/keyspace.ts';
import { encodeScope } from '../keys/scope.ts';
import { encodeRecord } from '../records.ts';
import { tupleSeq } from '../tuple/header.ts';
import { readScopeRecord, readTableRecord } from '../txn/reader.ts';
import type { StoredTable, UserFolder, UserLeftovers } from '../types.ts';
import { removeTruncated } from './cleaning.ts';

/** How long readers that have begun before are waited for. */
const readersWaitMs = 10_000;

/**
 * Removes what a truncate of one user's rows has hidden, and then the scope's record, the last that tells of the user. Rows that have
 * been written since stay, and the record with them. In the table's turn. Repeats safely.
 */
export async function forgetUser(
  engine: Engine,
  { tableId }: StoredTable,
  userId: string,
): Promise<void> {
  await removeTruncated(engine, tableId);
  const { latest } = engine.sequencer;
  const { watermark } = readScopeRecord(latest, tableId, userId);
  // Files come by a flush alone, which waits for its turn; a row that the watermark hides would be seen without it.
  const inTheWay =
    (await any(engine, scopePrefix(Keyspace.manifest, tableId, userId), () => true)) ||
    (await any(
      engine,
      scopePrefix(Keyspace.rows, tableId, userId),
      (tuple) => tupleSeq(tuple) <= watermark,
    ));
  const key = scopePrefix(Keyspace.scope, tableId, userId);
  await engine.sequencer.submit({
    sync: true,
    takesSeq: false,
    write(writer) {
      if (inTheWay || latest(key) === undefined) return;
      if (readScopeRecord(latest, tableId, userId).truncatedBefore > 0) return;
      writer.delete(key);
      const record = readTableRecord(latest, tableId);
      // The next record of the scope begins above all that were: lists of its files are remembered by it.
      writer.put(
        tablePrefix(Keyspace.table, tableId),
        encodeRecord({ ...record, manifestVersion: record.manifestVersion + 1 }),
      );
    },
  });
}

/** What there still is of a user: rows that were written since, or files that could not be removed. */
export async function userLeftovers(
  engine: Engine,
  { tableId }: StoredTable,
  userId: string,
): Promise<UserLeftovers> {
  const scope = encodeScope(userId);
  const prefixes = [
    ...[Keyspace.scope, Keyspace.manifest, Keyspace.bloom, Keyspace.marks].map((keyspace) =>
      scopePrefix(keyspace, tableId, userId),
    ),
    ...(await indexesOf(engine, tableId)).map((prefix) => Buffer.concat([prefix, scope])),
  ];
  const rows = await count(engine, scopePrefix(Keyspace.rows, tableId, userId));
  let keys = rows;
  for (const prefix of prefixes) keys += await count(engine, prefix);
  return { rows, keys };
}

/** Our files in the folders; those of a folder that is gone count as none. Waits for whoever reads removed files still. */
export async function filesIn(engine: Engine, folders: readonly UserFolder[]): Promise<string[]> {
  await readersEnded(engine);
  await engine.files.retry();
  const found: string[] = [];
  for (const { folder, tablespaceId } of folders) {
    const location =
      tablespaceId === undefined ? undefined : engine.places.locations.get(tablespaceId);
    if (tablespaceId !== undefined && location === undefined) continue;
    const position = {
      path: `${folder}/file`,
      ...(tablespaceId === undefined ? {} : { tablespaceId }),
    };
    const names = await readdir(dirname(engine.places.path(position))).catch(() => []);
    for (const name of names) if (isOurFile(name, location?.tag)) found.push(`${folder}/${name}`);
  }
  return found;
}

/** @throws 55006 when there is one for so long */
async function readersEnded(engine: Engine): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  engine.files.afterReaders(resolve);
  const timer = setTimeout(
    () =>
      reject(
        new PgError(SqlState.objectInUse, 'files that were removed are still being read', {
          hint: 'They go when the transactions that have begun before have ended.',
        }),
      ),
    readersWaitMs,
  );
  const stop = (): void => reject(engine.closing.reason as Error);
  engine.closing.addEventListener('abort', stop, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    engine.closing.removeEventListener('abort', stop);
  }
}

/** Prefixes of the table's indexes, dropped ones with entries left among them. */
async function indexesOf(engine: Engine, tableId: number): Promise<Buffer[]> {
  const from = tablePrefix(Keyspace.index, tableId);
  const found: Buffer[] = [];
  const cursor = engine.store.scan({ from, to: prefixEnd(from), values: false });
  try {
    for (;;) {
      const key = (await cursor.next(1))[0]?.[0];
      if (key === undefined) return found;
      const prefix = indexPrefix(tableId, key.readUInt32BE(tablePrefixBytes));
      found.push(prefix);
      cursor.seek(prefixEnd(prefix));
    }
  } finally {
    await cursor.close();
  }
}

async function any(
  engine: Engine,
  prefix: Buffer,
  matches: (value: Buffer) => boolean,
): Promise<boolean> {
  const cursor = engine.store.scan({ from: prefix, to: prefixEnd(prefix) });
  try {
    for (;;) {
      const entries = await cursor.next(1024);
      if (entries.length === 0) return false;
      if (entries.some(([, value]) => matches(value))) return true;
    }
  } finally {
    await cursor.close();
  }
}

async function count(engine: Engine, prefix: Buffer): Promise<number> {
  let keys = 0;
  const cursor = engine.store.scan({ from: prefix, to: prefixEnd(prefix), values: false });
  try {
    for (;;) {
      const entries = await cursor.next(1024);
      if (entries.length === 0) return keys;
      keys += entries.length;
    }
  } finally {
    await cursor.close();
  }
}
