import { setImmediate } from 'node:timers/promises';
import type { Duckdb } from '../../duckdb/index.ts';
import { decodeKeyPrefix } from '../../storage/cold/key-decode.ts';
import { hasRowId } from '../../storage/cold/layout.ts';
import type { StorageTransaction, StoredRow, StoredTable } from '../../storage/types.ts';
import { Oid } from '../../types/oid.ts';
import type { Row } from '../../types/value.ts';
import { SystemColumn } from '../../planner/nodes.ts';
import { columnName, loadHotRows, rowIdOf } from './hot-rows.ts';
import type { LoadedRows } from './hot-rows.ts';
import { openLoader } from './load.ts';

/** Rows read before other work gets a turn. */
const readsPerTurn = 256;
/** A shared table's key begins with the empty user id. */
const sharedScopeBytes = 2;

/** Rows of a mirror that have changed since it was made: their keys, and as they are now. */
export interface MirrorChanges {
  /** DuckDB table of the changed keys, k0, k1, … */
  readonly gone: string;
  readonly now: LoadedRows & { readonly name: string };
  /** `x` being `gone` and `b` the mirror. */
  readonly sameKey: string;
}

/** Columns of a key in the mirror, and how a key is told; undefined: the keys can't be read back. */
export function keyReader(table: StoredTable):
  | {
      readonly columns: readonly {
        readonly name: string;
        readonly typeOid: number;
        readonly typmod: number;
      }[];
      read(key: Uint8Array): Row | undefined;
    }
  | undefined {
  if (hasRowId(table)) {
    return {
      columns: [{ name: columnName(SystemColumn.rowKey), typeOid: Oid.int8, typmod: -1 }],
      read: (key) => [rowIdOf(key)],
    };
  }
  const columns = table.primaryKey.map((id) => {
    const { typeOid, typmod } = table.columns.find((column) => column.id === id)!;
    return { name: columnName(id), typeOid, typmod };
  });
  const typeOids = columns.map((column) => column.typeOid);
  if (!typeOids.every((typeOid) => readableKeys.has(typeOid))) return undefined;
  return {
    columns,
    read(key) {
      const from = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
      const values = decodeKeyPrefix(from.subarray(sharedScopeBytes), typeOids);
      return values.length === typeOids.length ? values : undefined;
    },
  };
}

/** Types that decodeKeyPrefix reads and whose equal values DuckDB holds alike. */
const readableKeys: ReadonlySet<number> = new Set([
  Oid.bool,
  Oid.int2,
  Oid.int4,
  Oid.int8,
  Oid.date,
  Oid.timestamp,
  Oid.timestamptz,
  Oid.uuid,
  Oid.text,
  Oid.varchar,
]);

/** The rows of `keys` that the hot store holds as the transaction's snapshot sees it. */
export async function readHotRows(
  transaction: StorageTransaction,
  table: StoredTable,
  keys: readonly Uint8Array[],
): Promise<(StoredRow | undefined)[]> {
  const rows: (StoredRow | undefined)[] = [];
  for (const key of keys) {
    const row = transaction.getByKeySync(table, key);
    rows.push(row === 'unknown' || row?.tier === 'cold' ? undefined : row);
    if (rows.length % readsPerTurn === 0) await setImmediate();
  }
  return rows;
}

/** @throws NotShippable for a row or key that DuckDB can't hold */
export async function loadChanges(
  duckdb: () => Promise<Duckdb>,
  name: string,
  table: StoredTable,
  attnos: readonly number[],
  keys: readonly Uint8Array[],
  rows: Iterable<StoredRow>,
): Promise<MirrorChanges> {
  const reader = keyReader(table)!;
  const duck = await duckdb();
  const connection = await duck.acquire();
  const [gone, now] = [`${name}_gone`, `${name}_now`];
  let finished = false;
  try {
    const columns = reader.columns.map(({ typeOid, typmod }, at) => ({
      name: `k${at}`,
      typeOid,
      typmod,
      position: at,
    }));
    const loader = await openLoader(connection, gone, columns);
    loader.add(keys.map((key) => reader.read(key)!));
    loader.finish();
    const batch = (async function* () {
      const all = [...rows];
      if (all.length > 0) yield all;
    })();
    const loaded = await loadHotRows(connection, now, table, attnos, batch, {});
    finished = true;
    const sameKey = reader.columns.map((column, at) => `x.k${at} = b.${column.name}`).join(' AND ');
    return { gone, now: { ...loaded!, name: now }, sameKey };
  } finally {
    if (!finished) {
      for (const table of [gone, now]) await connection.run(`DROP TABLE IF EXISTS ${table}`);
    }
    duck.release(connection);
  }
}
