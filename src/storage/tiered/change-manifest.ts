import type { ManifestEntry } from '../cold/manifest.ts';
import { encodeManifestEntry } from '../cold/manifest.ts';
import type { Engine } from '../engine.ts';
import { Keyspace, fileKey, scopePrefix, tablePrefix } from '../keys/keyspace.ts';
import { encodeRecord } from '../records.ts';
import { readScopeRecord, readTableRecord } from '../txn/reader.ts';

/** A file to list. Without a filter the one stays that is stored under its id. */
export interface Listed {
  readonly entry: ManifestEntry;
  readonly bloom?: Buffer;
}

/** Changes which files of a table the manifest lists, in one synced commit: every reader sees before or after. */
export async function changeManifest(
  engine: Engine,
  tableId: number,
  change: { readonly unlist?: readonly ManifestEntry[]; readonly list?: readonly Listed[] },
): Promise<void> {
  const { unlist = [], list = [] } = change;
  if (unlist.length === 0 && list.length === 0) return;
  const userIds = new Set([...unlist, ...list.map(({ entry }) => entry)].map((f) => f.userId));
  await engine.sequencer.submit({
    sync: true,
    takesSeq: false,
    write(writer) {
      const get = (key: Buffer): Buffer | undefined => engine.sequencer.latest(key);
      for (const { userId, fileId } of unlist) {
        writer.delete(fileKey(Keyspace.manifest, tableId, userId, fileId));
        writer.delete(fileKey(Keyspace.bloom, tableId, userId, fileId));
      }
      for (const { entry, bloom } of list) {
        const { userId, fileId } = entry;
        writer.put(fileKey(Keyspace.manifest, tableId, userId, fileId), encodeManifestEntry(entry));
        if (bloom !== undefined)
          writer.put(fileKey(Keyspace.bloom, tableId, userId, fileId), bloom);
      }
      for (const userId of userIds) {
        const scope = readScopeRecord(get, tableId, userId);
        writer.put(
          scopePrefix(Keyspace.scope, tableId, userId),
          encodeRecord({ ...scope, manifestVersion: scope.manifestVersion + 1 }),
        );
      }
      const table = readTableRecord(get, tableId);
      writer.put(
        tablePrefix(Keyspace.table, tableId),
        encodeRecord({ ...table, manifestVersion: table.manifestVersion + 1 }),
      );
    },
  });
}
