import { assert } from '../../../base/index.ts';
import type { FinishedFile } from '../../cold/file-writer.ts';
import type { ManifestEntry } from '../../cold/manifest.ts';
import { encodeManifestEntry } from '../../cold/manifest.ts';
import type { Engine } from '../../engine.ts';
import { Keyspace, fileKey, scopePrefix, tablePrefix } from '../../keys/keyspace.ts';
import { encodeRecord } from '../../records.ts';
import { readScopeRecord, readTableRecord } from '../../txn/reader.ts';
import type { StoredTable } from '../../types.ts';

/** Lists a file of one scope in the place of others, in one synced commit. Every reader sees either. */
export async function swapFiles(
  engine: Engine,
  { tableId }: StoredTable,
  from: readonly ManifestEntry[],
  to: FinishedFile | undefined,
): Promise<void> {
  const { userId } = from[0]!;
  const get = (key: Buffer): Buffer | undefined => engine.sequencer.latest(key);
  await engine.sequencer.submit({
    sync: true,
    takesSeq: false,
    write(writer) {
      for (const file of from) {
        assert(file.userId === userId, 'files of one scope are swapped');
        const key = fileKey(Keyspace.manifest, tableId, userId, file.fileId);
        assert(get(key) !== undefined, 'a file that is listed is swapped');
        writer.delete(key);
        writer.delete(fileKey(Keyspace.bloom, tableId, userId, file.fileId));
      }
      if (to !== undefined) {
        const { entry, bloom } = to;
        const { fileId } = entry;
        writer.put(fileKey(Keyspace.manifest, tableId, userId, fileId), encodeManifestEntry(entry));
        writer.put(fileKey(Keyspace.bloom, tableId, userId, fileId), bloom);
      }
      const scope = readScopeRecord(get, tableId, userId);
      writer.put(
        scopePrefix(Keyspace.scope, tableId, userId),
        encodeRecord({ ...scope, manifestVersion: scope.manifestVersion + 1 }),
      );
      const table = readTableRecord(get, tableId);
      writer.put(
        tablePrefix(Keyspace.table, tableId),
        encodeRecord({ ...table, manifestVersion: table.manifestVersion + 1 }),
      );
    },
  });
  engine.tableState(tableId).swaps++;
}
