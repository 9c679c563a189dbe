import { pgEpochUnixMicros } from '../../base/index.ts';
import type { Duckdb, DuckDBVector } from '../cold/duck.ts';
import type { Row, Value } from '../../types/value.ts';
import type { Bloom } from '../cold/bloom.ts';
import { readBloom } from '../cold/bloom.ts';
import { columnForm } from '../cold/columns.ts';
import { createFileCheck } from '../cold/file-check.ts';
import { Oid } from '../../types/oid.ts';
import { decodeKeyPrefix, duckLiteral } from '../cold/key-decode.ts';
import { hasRowId, quoteName, systemColumns } from '../cold/layout.ts';
import type { ManifestEntry } from '../cold/manifest.ts';
import { decodeManifestEntry } from '../cold/manifest.ts';
import type { FilePosition } from '../cold/places.ts';
import { coldSelect, predicateSql } from '../cold/relation.ts';
import type { Engine } from '../engine.ts';
import { keyText, prefixEnd } from '../keys/buffer.ts';
import { Keyspace, fileKey, scopePrefix, tablePrefix, tablePrefixBytes } from '../keys/keyspace.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { layoutOf } from '../tuple/codec.ts';
import type { HotSnapshot } from '../hot/types.ts';
import type { Limits, Reader, View } from '../txn/reader.ts';
import { readScopeRecord, readTableRecord } from '../txn/reader.ts';
import { rowTail } from '../txn/overlay.ts';
import type { ScanPredicate, ScanStats, Scope, StoredRow } from '../types.ts';

/** Manifests (of a scope, or of a whole table) kept in memory. */
const manifestsCachedMax = 4096;
/** Key filters kept in memory; one of a million keys takes 1.25 MB. */
const bloomsCachedMax = 64;

/** Reading the Parquet files that the manifest lists. */
export interface ColdTier {
  /** Absolute path of a manifest entry's file. */
  path(file: FilePosition): string;
  /** The manifest of a scope for a view: all its files, in the order they were written. */
  files(view: View, runtime: TableRuntime, scope: Scope): Promise<readonly ManifestEntry[]>;
  /**
   * The cold versions of some keys of one scope, parallel to `keys`; of each key the one with a seq of at least `leastSeq`.
   * Soft-deleted rows are returned.
   */
  lookup(
    view: View,
    runtime: TableRuntime,
    userId: string,
    limits: Limits,
    keys: readonly Buffer[],
    leastSeq: readonly number[],
    stats?: ScanStats,
  ): Promise<(StoredRow | undefined)[]>;
  /** Whether the file may have the row, by its key filter. */
  mayHold(view: View, file: ManifestEntry, key: Buffer): boolean;
  /** At least the largest row key in the scope's files; undefined: there are none. */
  maxKey(view: View, runtime: TableRuntime, userId: string): Promise<Buffer | undefined>;
  /** All rows of some files, superseded ones too, in any order unless told. */
  scan(
    runtime: TableRuntime,
    files: readonly ManifestEntry[],
    options: {
      readonly columns?: readonly number[] | undefined;
      readonly predicates: readonly ScanPredicate[];
      readonly signal?: AbortSignal | undefined;
      /** Only rows that were soft-deleted before this moment, about. */
      readonly deletedBefore?: bigint | undefined;
      /** Rows in key order or its reverse; only with a single file. */
      readonly order?: 'asc' | 'desc' | undefined;
    },
  ): AsyncGenerator<ColdRow[]>;
  verify(files: readonly ManifestEntry[]): Promise<void>;
  close(): void;
}

export interface ColdRow {
  readonly fullKey: Buffer;
  readonly row: StoredRow;
}

/** `duckdb` is opened when first needed, keeping the order of rows. */
export function createColdTier(engine: () => Engine, duckdb: () => Promise<Duckdb>): ColdTier {
  const manifests = new Map<string, { version: number; files: readonly ManifestEntry[] }>();
  const blooms = new Map<number, Bloom>();
  const check = createFileCheck();
  const pathOf = (file: FilePosition): string => engine().places.path(file);

  async function readManifest(prefix: Buffer, snapshot: HotSnapshot): Promise<ManifestEntry[]> {
    const files: ManifestEntry[] = [];
    const cursor = engine().store.scan({ from: prefix, to: prefixEnd(prefix), snapshot });
    try {
      for (;;) {
        const entries = await cursor.next(1024);
        if (entries.length === 0) break;
        for (const [, value] of entries) files.push(decodeManifestEntry(value, 'a manifest entry'));
      }
    } finally {
      await cursor.close();
    }
    return files;
  }

  /** A snapshot with exactly the view's manifest: what a view of accepted commits sees may still have to be written. */
  async function snapshotOf(
    view: View,
    versionIn: (get: (key: Buffer) => Buffer | undefined) => number,
  ): Promise<{ readonly snapshot: HotSnapshot; readonly version: number; release(): void }> {
    if ('hot' in view) {
      const reader = view as Reader;
      reader.retain();
      const snapshot = reader.hot();
      return {
        snapshot,
        version: versionIn((key) => view.get(key)),
        release: () => reader.release(),
      };
    }
    const { store, sequencer } = engine();
    for (;;) {
      const snapshot = store.snapshot();
      const version = versionIn((key) => store.getSync(key, snapshot));
      if (version === versionIn((key) => view.get(key)))
        return { snapshot, version, release: () => snapshot.release() };
      snapshot.release();
      await sequencer.submit({ sync: false, takesSeq: false, write: () => undefined });
    }
  }

  async function files(
    view: View,
    runtime: TableRuntime,
    scope: Scope,
  ): Promise<readonly ManifestEntry[]> {
    const { tableId, kind } = runtime.table;
    const state = engine().tableState(tableId);
    if (!state.special) return [];
    const all = scope.kind === 'all' && kind === 'user';
    const userId = scope.kind === 'one' ? scope.userId : '';
    const versionIn = (get: (key: Buffer) => Buffer | undefined): number =>
      all
        ? readTableRecord(get, tableId).manifestVersion
        : readScopeRecord(get, tableId, userId).manifestVersion;
    const wanted = versionIn((key) => view.get(key));
    if (wanted === 0) return [];
    const name = all ? `${tableId}` : `${tableId} ${userId}`;
    const cached = manifests.get(name);
    if (cached?.version === wanted) return cached.files;
    const prefix = all
      ? tablePrefix(Keyspace.manifest, tableId)
      : scopePrefix(Keyspace.manifest, tableId, userId);
    const { snapshot, version, release } = await snapshotOf(view, versionIn);
    try {
      const found = await readManifest(prefix, snapshot);
      const now = manifests.get(name);
      if (now === undefined || now.version < version) {
        if (manifests.size >= manifestsCachedMax) manifests.clear();
        manifests.set(name, { version, files: found });
      }
      return found;
    } finally {
      release();
    }
  }

  async function verify(list: readonly ManifestEntry[]): Promise<void> {
    for (const file of list) await check.verify(file, pathOf(file));
  }

  function bloomOf(view: View, file: ManifestEntry): Bloom | undefined {
    let bloom = blooms.get(file.fileId);
    if (bloom === undefined) {
      const bytes = view.get(fileKey(Keyspace.bloom, file.tableId, file.userId, file.fileId));
      if (bytes === undefined) return undefined;
      bloom = readBloom(bytes, file.path);
      if (blooms.size >= bloomsCachedMax) blooms.delete(blooms.keys().next().value!);
      blooms.set(file.fileId, bloom);
    }
    return bloom;
  }

  async function* scan(
    runtime: TableRuntime,
    list: readonly ManifestEntry[],
    options: Parameters<ColdTier['scan']>[2],
    extra?: (nameOf: (columnId: number) => string | undefined) => string,
  ): AsyncGenerator<ColdRow[]> {
    if (list.length === 0) return;
    await verify(list);
    const { table } = runtime;
    const needed = new Set(options.columns ?? table.columns.map((column) => column.id));
    for (const id of runtime.hiddenKey ? [] : table.primaryKey) needed.add(id);
    const columnIds = table.columns.map((column) => column.id).filter((id) => needed.has(id));
    // One statement per schema version: columns that a version lacks are filled in here.
    const versions = new Map<number, ManifestEntry[]>();
    for (const file of list) {
      const group = versions.get(file.schemaVersion);
      if (group === undefined) versions.set(file.schemaVersion, [file]);
      else group.push(file);
    }
    const duck = await duckdb();
    for (const [version, group] of versions) {
      const present = new Set(layoutOf(table, version).map((column) => column.id));
      const where = (nameOf: (columnId: number) => string | undefined): string =>
        [predicateSql(table, options.predicates, nameOf), extra?.(nameOf) ?? '']
          .filter((term) => term !== '')
          .join(' AND ');
      const reverse = options.order === 'desc';
      const sql = coldSelect(table, group, group.map(pathOf), columnIds, where, reverse);
      const decode = rowDecoder(
        runtime,
        columnIds,
        present,
        group.length === 1 ? group[0] : undefined,
      );
      const connection = await duck.acquire();
      const interrupt = (): void => connection.interrupt();
      options.signal?.addEventListener('abort', interrupt, { once: true });
      try {
        const result = await connection.stream(sql);
        for (;;) {
          options.signal?.throwIfAborted();
          const chunk = await result.fetchChunk();
          if (chunk === null || chunk.rowCount === 0) break;
          const vectors: DuckDBVector[] = [];
          for (let i = 0; i < chunk.columnCount; i++) vectors.push(chunk.getColumnVector(i));
          yield decode(vectors, chunk.rowCount);
        }
      } finally {
        options.signal?.removeEventListener('abort', interrupt);
        duck.release(connection);
      }
    }
  }

  return {
    path: pathOf,
    files,
    verify,
    scan: (runtime, list, options) => {
      const { deletedBefore } = options;
      if (deletedBefore === undefined) return scan(runtime, list, options);
      return scan(runtime, list, options, () => deletedCondition(deletedBefore));
    },
    mayHold: (view, file, key) => bloomOf(view, file)?.(key, tablePrefixBytes) !== false,
    async lookup(view, runtime, userId, _limits, keys, leastSeq, stats) {
      // A view of what is accepted holds no epoch of its own.
      const epoch = engine().files.enter();
      try {
        return await lookup(view, runtime, userId, keys, leastSeq, stats);
      } finally {
        engine().files.leave(epoch);
      }
    },
    async maxKey(view, runtime, userId) {
      let max: Buffer | undefined;
      for (const file of await files(view, runtime, { kind: 'one', userId }))
        if (max === undefined || file.maxKey.compare(max) > 0) max = file.maxKey;
      return max === undefined ? undefined : Buffer.concat([runtime.rowsPrefix, max]);
    },
    close: () => manifests.clear(),
  };

  async function lookup(
    view: View,
    runtime: TableRuntime,
    userId: string,
    keys: readonly Buffer[],
    leastSeq: readonly number[],
    stats: ScanStats | undefined,
  ): Promise<(StoredRow | undefined)[]> {
    const found: (StoredRow | undefined)[] = keys.map(() => undefined);
    const known = await files(view, runtime, { kind: 'one', userId });
    if (stats !== undefined) stats.filesKnown += known.length;
    const wanted = new Map<ManifestEntry, number[]>();
    keys.forEach((key, i) => {
      for (const file of known) {
        if (file.maxSeq < leastSeq[i]!) continue;
        if (file.minKey.compare(key, tablePrefixBytes) > 0) continue;
        if (file.maxKey.compare(key, tablePrefixBytes) < 0) continue;
        if (bloomOf(view, file)?.(key, tablePrefixBytes) === false) continue;
        const list = wanted.get(file);
        if (list === undefined) wanted.set(file, [i]);
        else list.push(i);
      }
    });
    if (stats !== undefined) stats.filesOpened += wanted.size;
    for (const [file, positions] of wanted) {
      const byKey = new Map(positions.map((i) => [keyText(keys[i]!), i]));
      const condition = keyCondition(
        runtime,
        positions.map((i) => keys[i]!),
      );
      const batches = scan(runtime, [file], { predicates: [] }, condition);
      for await (const batch of batches) {
        for (const { fullKey, row } of batch) {
          const i = byKey.get(keyText(fullKey));
          if (i === undefined || row.seq < leastSeq[i]!) continue;
          if (found[i] === undefined || found[i].seq < row.seq) found[i] = row;
          if (stats !== undefined) stats.coldRows++;
        }
      }
    }
    return found;
  }
}

function deletedCondition(before: bigint): string {
  const { deleted, updated } = systemColumns;
  const limit = duckLiteral(Oid.timestamptz, before);
  const early = limit === undefined ? '' : ` AND ${quoteName(updated.name)} < ${limit}`;
  return `${quoteName(deleted.name)}${early}`;
}

/** A condition that holds for the rows with these keys and few others. */
function keyCondition(
  runtime: TableRuntime,
  keys: readonly Buffer[],
): (nameOf: (columnId: number) => string | undefined) => string {
  const { table } = runtime;
  if (hasRowId(table))
    return () =>
      `"_rowid" IN (${keys.map((key) => key.readBigInt64BE(key.length - 8)).join(', ')})`;
  const types = table.primaryKey.map(
    (id) => table.columns.find((column) => column.id === id)!.typeOid,
  );
  const decoded = keys.map((key) => decodeKeyPrefix(rowTail(key), types));
  return (nameOf) => {
    const equal = (values: readonly Value[]): string =>
      predicateSql(
        table,
        values.map((value, i) => ({ columnId: table.primaryKey[i]!, op: '=', values: [value] })),
        nameOf,
      );
    if (decoded[0]!.length === 1) {
      const list = {
        columnId: table.primaryKey[0]!,
        op: 'in',
        values: decoded.map((d) => d[0]!),
      } as const;
      return predicateSql(table, [list], nameOf);
    }
    const terms = decoded.map(equal);
    return terms.some((term) => term === '') ? '' : `(${terms.map((t) => `(${t})`).join(' OR ')})`;
  };
}

/** Rows of one file group from DuckDB's vectors; `columnIds` are those selected, before the system columns. */
export function rowDecoder(
  runtime: TableRuntime,
  columnIds: readonly number[],
  present: ReadonlySet<number>,
  only: ManifestEntry | undefined,
): (vectors: readonly DuckDBVector[], count: number) => ColdRow[] {
  const { table } = runtime;
  const width = table.columns.length;
  const columns = columnIds.map((id) => {
    const position = table.columns.findIndex((column) => column.id === id);
    const column = table.columns[position]!;
    return { position, column, form: columnForm(column.typeOid, column.typmod) };
  });
  return (vectors, count) => {
    const rows: Row[] = [];
    for (let i = 0; i < count; i++) rows.push(Array.from<Value>({ length: width }).fill(null));
    columns.forEach(({ position, column, form }, at) => {
      if (present.has(column.id)) form.read(vectors[at]!, count, rows, position);
      else for (const row of rows) row[position] = column.missing;
    });
    let at = columns.length;
    const seqs = (vectors[at++] as unknown as { items: BigInt64Array }).items;
    const updateds = (vectors[at++] as unknown as { items: BigInt64Array }).items;
    const deleteds = vectors[at++]!;
    const users = table.kind === 'user' && only === undefined ? vectors[at] : undefined;
    if (table.kind === 'user') at++;
    const rowIds = hasRowId(table)
      ? (vectors[at] as unknown as { items: BigInt64Array }).items
      : undefined;
    const out: ColdRow[] = [];
    for (let i = 0; i < count; i++) {
      const values = rows[i]!;
      const userId = only?.userId ?? (users === undefined ? '' : (users.getItem(i) as string));
      const fullKey =
        rowIds === undefined
          ? runtime.keyOfRow(userId, values)
          : runtime.keyOfRowId(userId, 0n, Number(rowIds[i]!));
      out.push({
        fullKey,
        row: {
          key: fullKey.subarray(tablePrefixBytes),
          userId,
          values,
          seq: Number(seqs[i]!),
          updated: updateds[i]! - pgEpochUnixMicros,
          deleted: deleteds.getItem(i) === true,
          tier: 'cold',
        },
      });
    }
    return out;
  };
}
