import type { Row } from '../../types/value.ts';
import type { SystemRelation } from '../types.ts';

export const files: SystemRelation = {
  name: 'files',
  comment:
    'The Parquet files of the cold tier, as the manifest lists them. Of user tables only the files of the current user id.',
  columns: [
    ['file_id', 'bigint'],
    ['namespace', 'text'],
    ['table_name', 'text'],
    ['user_id', 'text'],
    // Below the location of its tablespace, or below the data folder's cold/; full_path is for those who see all.
    ['path', 'text'],
    ['full_path', 'text'],
    ['tablespace', 'text'],
    ['rows', 'bigint'],
    ['deleted_rows', 'bigint'],
    ['bytes', 'bigint'],
    ['checksum', 'text'],
    ['min_seq', 'bigint'],
    ['max_seq', 'bigint'],
    ['schema_version', 'integer'],
  ],
  async rows({ viewer, tables }, { catalog, storage }) {
    const rows: Row[] = [];
    const tablespaces = new Map(
      catalog().tablespaces.flatMap(({ tablespaceId, name }) =>
        tablespaceId === undefined ? [] : [[tablespaceId as number | undefined, name]],
      ),
    );
    for (const { stored } of tables) {
      const isUserTable = stored.kind === 'user';
      for (const file of await storage.files(stored.tableId)) {
        if (isUserTable && !viewer.seesAll && file.userId !== viewer.userId) continue;
        rows.push([
          BigInt(file.fileId),
          stored.namespace,
          stored.name,
          isUserTable ? file.userId : null,
          file.path,
          viewer.seesAll ? storage.filePath(file) : null,
          tablespaces.get(file.tablespaceId) ?? 'pg_default',
          BigInt(file.rows),
          file.deletedRows === undefined ? null : BigInt(file.deletedRows),
          BigInt(file.bytes),
          file.checksum,
          BigInt(file.minSeq),
          BigInt(file.maxSeq),
          file.schemaVersion,
        ]);
      }
    }
    return rows;
  },
};
