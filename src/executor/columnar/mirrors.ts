import type { Duckdb } from '../../duckdb/index.ts';
import type {
  CommitEvent,
  Storage,
  StorageTransaction,
  StoredRow,
  StoredTable,
} from '../../storage/types.ts';
import type { MirrorBase } from './mirror-base.ts';
import { attnosOf, mergeMirror, readMirror } from './mirror-base.ts';
import type { MirrorChanges } from './mirror-changes.ts';
import { keyReader, loadChanges, readHotRows } from './mirror-changes.ts';
import type { SharedTables } from './shared-table.ts';
import { sharedTables } from './shared-table.ts';

/** Hot rows mirrored of all tables together. */
const mirrorRowsMax = 8_000_000;
const mirrorBytesMax = 512 * 1024 * 1024;
const fits = (rows: number, bytes: number): boolean =>
  rows <= mirrorRowsMax && bytes <= mirrorBytesMax;
/** Changed rows that are kept beside a mirror; more are merged into a new one. */
const changesMax = 4_096;
/** Changed keys remembered between two queries; with more, the mirror is made anew. */
const dirtyKeysMax = 100_000;
/** Tables whose changes are noted. */
const tablesMax = 1_024;

/** What a query reads instead of the hot rows: the mirror, and what has changed since. */
export interface MirrorView {
  readonly base: MirrorBase;
  readonly changes: MirrorChanges | undefined;
  release(): void;
}

export interface Mirrors {
  /** From now on the table's changes are noted. In the tick in which the query's snapshot is taken. */
  watch(table: StoredTable, storage: Storage): void;
  /**
   * The table's committed hot rows, deleted ones included, at exactly `version` (storage.tableVersion at the snapshot that
   * `transaction` reads at). undefined: there is no mirror for that version.
   */
  use(
    table: StoredTable,
    version: number,
    transaction: StorageTransaction,
    storage: Storage,
  ): Promise<MirrorView | undefined>;
  close(): void;
}

interface Mirrored {
  readonly table: StoredTable;
  /** As far as its changes have been noted. */
  version: number;
  base:
    | { readonly version: number; readonly tables: SharedTables<MirrorBase | undefined> }
    | undefined;
  size: { readonly rows: number; readonly bytes: number } | undefined;
  /** Keys changed since the base, by their bytes; the version at which they last did. */
  readonly dirty: Map<string, { readonly key: Uint8Array; readonly version: number }>;
  /** Those as read at `readAt`; undefined: not in the hot store. */
  rows: Map<string, StoredRow | undefined>;
  readAt: number;
  changes: { readonly version: number; readonly tables: SharedTables<MirrorChanges> } | undefined;
  /** Changes are read one query after the other. */
  turn: Promise<unknown>;
}

let names = 0;

const isSame = (a: StoredTable, b: StoredTable): boolean => a.schemaVersion === b.schemaVersion;

/** Least recently used mirrors go first when the bounds are reached. */
export function createMirrors(duckdb: () => Promise<Duckdb>): Mirrors {
  /** By table, in order of use. */
  const mirrored = new Map<number, Mirrored>();
  let listening: { readonly storage: Storage; readonly stop: () => void } | undefined;

  const baseTables = (
    value: Promise<MirrorBase | undefined>,
  ): SharedTables<MirrorBase | undefined> =>
    sharedTables(value, (base) => (base ? [base.name] : []), duckdb);

  function forget(entry: Mirrored): void {
    if (mirrored.get(entry.table.tableId) === entry) mirrored.delete(entry.table.tableId);
    entry.base?.tables.giveUp();
    entry.changes?.tables.giveUp();
    if (mirrored.size === 0) {
      listening?.stop();
      listening = undefined;
    }
  }

  function note(event: CommitEvent, storage: Storage): void {
    for (const [tableId, keys] of event.tables) {
      const entry = mirrored.get(tableId);
      if (!entry) continue;
      entry.version++;
      // A flush raises the version without an event: its rows have left the hot store.
      if (entry.version !== storage.tableVersion(tableId) || event.unlisted.has(tableId)) {
        forget(entry);
        continue;
      }
      for (const { key } of keys) {
        entry.dirty.set(
          Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1'),
          {
            key,
            version: entry.version,
          },
        );
      }
      if (entry.dirty.size > dirtyKeysMax) forget(entry);
    }
  }

  function evict(): void {
    let rows = 0;
    let bytes = 0;
    let tables = 0;
    for (const entry of [...mirrored.values()].reverse()) {
      rows += entry.size?.rows ?? 0;
      bytes += entry.size?.bytes ?? 0;
      if (rows > mirrorRowsMax || bytes > mirrorBytesMax || ++tables > tablesMax) forget(entry);
    }
  }

  function setBase(entry: Mirrored, version: number, value: Promise<MirrorBase | undefined>): void {
    entry.base?.tables.giveUp();
    entry.changes?.tables.giveUp();
    entry.base = { version, tables: baseTables(value) };
    entry.changes = undefined;
    entry.rows = new Map();
    entry.readAt = version;
    for (const [text, dirty] of entry.dirty) if (dirty.version <= version) entry.dirty.delete(text);
  }

  /** The rows of the dirty keys at `version`; what is remembered of them is read again only where it has changed. */
  async function readChanges(
    entry: Mirrored,
    version: number,
    transaction: StorageTransaction,
  ): Promise<{ readonly keys: readonly Uint8Array[]; readonly rows: readonly StoredRow[] }> {
    const { base } = entry;
    const known = version >= entry.readAt;
    const dirty = [...entry.dirty];
    const stale = known ? dirty.filter(([, one]) => one.version > entry.readAt) : dirty;
    const read = await readHotRows(
      transaction,
      entry.table,
      stale.map(([, one]) => one.key),
    );
    const rows = known ? new Map(entry.rows) : new Map<string, StoredRow | undefined>();
    stale.forEach(([text], at) => rows.set(text, read[at]));
    if (known && entry.base === base) {
      entry.rows = rows;
      entry.readAt = version;
    }
    return {
      keys: dirty.map(([, one]) => one.key),
      rows: [...rows.values()].filter((row) => row !== undefined),
    };
  }

  /** The changes up to `version`, held for the caller. */
  function changesAt(
    entry: Mirrored,
    version: number,
    transaction: StorageTransaction,
  ): Promise<{ readonly changes: MirrorChanges; readonly release: () => void }> {
    const work = entry.turn.then(async () => {
      const { base, changes: known } = entry;
      if (known?.version === version) {
        const release = known.tables.hold();
        return { changes: await known.tables.value, release };
      }
      const { keys, rows } = await readChanges(entry, version, transaction);
      const tables = sharedTables(
        loadChanges(duckdb, `changes_${++names}`, entry.table, attnosOf(entry.table), keys, rows),
        (made) => [made.gone, made.now.name],
        duckdb,
      );
      const release = tables.hold();
      const changes = await tables.value;
      // An earlier version than the last one is for its one query only.
      if (entry.base === base && (known === undefined || known.version < version)) {
        known?.tables.giveUp();
        entry.changes = { version, tables };
      } else {
        tables.giveUp();
      }
      return { changes, release };
    });
    entry.turn = work.catch(() => undefined);
    return work;
  }

  return {
    watch(table, storage) {
      const { tableId } = table;
      const known = mirrored.get(tableId);
      const current = storage.tableVersion(tableId);
      if (known && isSame(known.table, table) && known.version === current) {
        mirrored.delete(tableId);
        mirrored.set(tableId, known);
        return;
      }
      if (known) forget(known);
      if (listening?.storage !== storage) {
        listening?.stop();
        listening = { storage, stop: storage.onCommit((event) => note(event, storage)) };
      }
      mirrored.set(tableId, {
        table,
        version: current,
        base: undefined,
        size: undefined,
        dirty: new Map(),
        rows: new Map(),
        readAt: 0,
        changes: undefined,
        turn: Promise.resolve(),
      });
    },
    async use(table, version, transaction, storage) {
      const entry = mirrored.get(table.tableId);
      if (!entry || !isSame(entry.table, table)) return undefined;
      const trackable = keyReader(table) !== undefined;
      if (entry.base === undefined || (!trackable && entry.base.version < version)) {
        setBase(entry, version, readMirror(duckdb, table, transaction, storage, fits));
      }
      const { base } = entry;
      if (base === undefined || version < base.version) return undefined;
      const releases = [base.tables.hold()];
      const release = (): void => releases.forEach((one) => one());
      try {
        const made = await base.tables.value;
        if (!made) {
          release();
          return undefined;
        }
        if (!entry.size && entry.base === base) {
          entry.size = made;
          evict();
        }
        // Superseded meanwhile: what has changed since this base is no longer known.
        if (entry.base !== base || mirrored.get(table.tableId) !== entry) {
          if (version === base.version) return { base: made, changes: undefined, release };
          release();
          return undefined;
        }
        if (version === base.version || entry.dirty.size === 0) {
          return { base: made, changes: undefined, release };
        }
        const { changes, release: releaseChanges } = await changesAt(entry, version, transaction);
        releases.push(releaseChanges);
        // A newer base has been made of it: its keys up to then are no longer known.
        if (entry.base !== base) {
          release();
          return undefined;
        }
        if (entry.dirty.size > changesMax && entry.readAt === version) {
          const inPlace = [...releases];
          setBase(
            entry,
            version,
            mergeMirror(duckdb, made, changes).finally(() => inPlace.forEach((one) => one())),
          );
          const merged = entry.base!;
          const releaseMerged = merged.tables.hold();
          const value = (await merged.tables.value)!;
          if (entry.base === merged) entry.size = value;
          return { base: value, changes: undefined, release: releaseMerged };
        }
        return { base: made, changes, release };
      } catch (error) {
        release();
        forget(entry);
        throw error;
      }
    },
    close() {
      for (const entry of mirrored.values()) forget(entry);
    },
  };
}
