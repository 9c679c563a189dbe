import type { Duckdb } from '../../duckdb/index.ts';
import { SystemColumn } from '../../planner/nodes.ts';
import type { Storage, StorageTransaction, StoredTable } from '../../storage/types.ts';
import { sharedScope } from '../../storage/types.ts';
import { loadHotRows } from './hot-rows.ts';
import type { LoadedRows } from './hot-rows.ts';
import type { MirrorChanges } from './mirror-changes.ts';

/** Hot rows of one shared table as of one version, in a DuckDB table of its own that never changes. */
export type MirrorBase = LoadedRows & { readonly name: string };

/** All that a mirror holds of its rows. */
export const attnosOf = (table: StoredTable): readonly number[] => [
  ...table.columns.map((column) => column.id),
  SystemColumn.seq,
  SystemColumn.updated,
  SystemColumn.deleted,
  SystemColumn.rowKey,
];

let names = 0;

/** Reads all of the table's hot rows. undefined: `keep` said no. @throws NotShippable */
export async function readMirror(
  duckdb: () => Promise<Duckdb>,
  table: StoredTable,
  transaction: StorageTransaction,
  storage: Storage,
  keep: (rows: number, bytes: number) => boolean,
): Promise<MirrorBase | undefined> {
  const duck = await duckdb();
  const connection = await duck.acquire();
  const name = `mirror_${++names}`;
  try {
    const batches = storage.scanHot(transaction, table, {
      scope: sharedScope,
      includeDeleted: true,
    });
    const loaded = await loadHotRows(connection, name, table, attnosOf(table), batches, {
      keep,
    });
    return loaded && { ...loaded, name };
  } finally {
    duck.release(connection);
  }
}

/** A new base with the changes in it. */
export async function mergeMirror(
  duckdb: () => Promise<Duckdb>,
  base: MirrorBase,
  changes: MirrorChanges,
): Promise<MirrorBase> {
  const duck = await duckdb();
  const connection = await duck.acquire();
  const name = `mirror_${++names}`;
  try {
    await connection.run(
      `CREATE TABLE ${name} AS SELECT b.* FROM ${base.name} AS b ANTI JOIN ${changes.gone} AS x ON ${changes.sameKey} UNION ALL SELECT * FROM ${changes.now.name}`,
    );
    const counted = await connection.runAndReadAll(`SELECT CAST(count(*) AS INTEGER) FROM ${name}`);
    const rows = counted.getRows()[0]![0] as number;
    const perRow = base.bytes / Math.max(1, base.rows);
    return { name, select: base.select, rows, bytes: Math.round(perRow * rows) };
  } finally {
    duck.release(connection);
  }
}
