import type { Duckdb } from '../../duckdb/index.ts';
import { SystemColumn } from '../../planner/nodes.ts';
import type { Storage, StoredTable } from '../../storage/types.ts';
import { sharedScope } from '../../storage/types.ts';
import { loadHotRows } from './hot-rows.ts';
import type { LoadedRows } from './hot-rows.ts';

/** Hot rows of one shared table as of one version, in a DuckDB table of its own that never changes. */
export interface Mirror extends LoadedRows {
  readonly name: string;
}

/** Hot rows mirrored of all tables together. */
const mirrorRowsMax = 8_000_000;
const mirrorBytesMax = 512 * 1024 * 1024;

interface Entry {
  readonly key: string;
  readonly mirror: Promise<Mirror | undefined>;
  size: { readonly rows: number; readonly bytes: number } | undefined;
  users: number;
  /** Replaced or evicted: dropped by its last user. */
  stale: boolean;
}

export interface Mirrors {
  /**
   * The table's committed hot rows, deleted ones included, at exactly `version` (storage.tableVersion, taken in the tick of the
   * snapshot). undefined: too large to mirror. Give back with `release`.
   */
  use(
    table: StoredTable,
    version: number,
    transaction: Parameters<Storage['scanHot']>[0],
    storage: Storage,
  ): Promise<{ readonly mirror: Mirror; release(): void } | undefined>;
  close(): void;
}

let names = 0;

/** Least recently used mirrors go first when the bounds are reached. */
export function createMirrors(duckdb: () => Promise<Duckdb>): Mirrors {
  /** By table, in order of use. */
  const entries = new Map<number, Entry>();

  async function drop(entry: Entry): Promise<void> {
    const mirror = await entry.mirror.catch(() => undefined);
    if (!mirror) return;
    const duck = await duckdb();
    const connection = await duck.acquire();
    try {
      await connection.run(`DROP TABLE IF EXISTS ${mirror.name}`);
    } finally {
      duck.release(connection);
    }
  }

  function retire(entry: Entry): void {
    entry.stale = true;
    if (entry.users === 0) void drop(entry).catch(() => undefined);
  }

  function evict(): void {
    let rows = 0;
    let bytes = 0;
    for (const [tableId, entry] of [...entries].reverse()) {
      rows += entry.size?.rows ?? 0;
      bytes += entry.size?.bytes ?? 0;
      if (rows <= mirrorRowsMax && bytes <= mirrorBytesMax) continue;
      entries.delete(tableId);
      retire(entry);
    }
  }

  async function build(
    table: StoredTable,
    transaction: Parameters<Storage['scanHot']>[0],
    storage: Storage,
  ): Promise<Mirror | undefined> {
    const duck = await duckdb();
    const connection = await duck.acquire();
    const name = `mirror_${++names}`;
    try {
      const attnos = [
        ...table.columns.map((column) => column.id),
        SystemColumn.seq,
        SystemColumn.updated,
        SystemColumn.deleted,
      ];
      const batches = storage.scanHot(transaction, table, {
        scope: sharedScope,
        includeDeleted: true,
      });
      const loaded = await loadHotRows(connection, name, table, attnos, batches, {
        keep: (rows, bytes) => rows <= mirrorRowsMax && bytes <= mirrorBytesMax,
      });
      return loaded && { ...loaded, name };
    } finally {
      duck.release(connection);
    }
  }

  return {
    async use(table, version, transaction, storage) {
      const key = `${version}/${table.schemaVersion}`;
      let entry = entries.get(table.tableId);
      if (entry?.key !== key) {
        if (entry) retire(entry);
        entry = {
          key,
          mirror: build(table, transaction, storage),
          size: undefined,
          users: 0,
          stale: false,
        };
      }
      entries.delete(table.tableId);
      entries.set(table.tableId, entry);
      const used = entry;
      used.users++;
      const release = (): void => {
        used.users--;
        if (used.stale && used.users === 0) void drop(used).catch(() => undefined);
      };
      try {
        const mirror = await used.mirror;
        if (!mirror) {
          release();
          return undefined;
        }
        if (!used.size) {
          used.size = mirror;
          evict();
        }
        return { mirror, release };
      } catch (error) {
        release();
        if (entries.get(table.tableId) === used) entries.delete(table.tableId);
        throw error;
      }
    },
    close() {
      for (const entry of entries.values()) retire(entry);
      entries.clear();
    },
  };
}
