import type { CatalogTable } from '../../../catalog/types.ts';
import type {
  ScanPredicate,
  Scope,
  Storage,
  StorageTransaction,
  StoredIndex,
  StoredRow,
} from '../../../storage/types.ts';
import { Oid } from '../../../types/oid.ts';
import { requirePgType } from '../../../types/registry.ts';
import type { PgType } from '../../../types/type.ts';
import type { Row, Value } from '../../../types/value.ts';
import { hasNull, keyTextOf, sameKey } from './key-text.ts';

/** How the live rows with some key are found: by a table's columns, in any order and by whatever index there is. */
export interface KeyLookup {
  readonly table: CatalogTable;
  /** Of the key's columns, in the table's rows. */
  readonly positions: readonly number[];
  readonly types: readonly PgType[];
  readonly access: KeyAccess;
}

type KeyAccess =
  /** `order[i]`: which of the key's columns is the i-th of the primary key. */
  | { readonly kind: 'primaryKey'; readonly order: readonly number[] }
  /** The same for the leading columns of an index; the others are compared. */
  | { readonly kind: 'index'; readonly index: StoredIndex; readonly order: readonly number[] }
  | { readonly kind: 'scan' };

/** What reading takes; an Execution has it. */
export interface LookupContext {
  readonly storage: Storage;
  readonly transaction: StorageTransaction;
  readonly signal: AbortSignal;
}

/** Where rows are looked for; `users`: all users who may have some, when that is known. */
export interface LookupScope {
  readonly scope: Scope;
  readonly users?: () => Promise<readonly string[]>;
}

/** A look-up through an index reads about as much as this many rows of a scan. */
const rowsPerLookup = 40;
/** Longer lists are compared after reading: they would cost more to push down than they spare. */
const pushedKeysMax = 200;

/** Types whose equality storage judges as PostgreSQL does, by one form of a value. */
const pushable: ReadonlySet<number> = new Set([
  Oid.bool,
  Oid.int2,
  Oid.int4,
  Oid.int8,
  Oid.oid,
  Oid.text,
  Oid.varchar,
  Oid.bytea,
  Oid.date,
  Oid.timestamp,
  Oid.timestamptz,
  Oid.numeric,
  Oid.uuid,
  Oid.anyenum,
]);

export function keyLookup(table: CatalogTable, attnums: readonly number[]): KeyLookup {
  const positions = attnums.map((attnum) => table.positionOf[attnum] ?? -1);
  const types = positions.map((position) =>
    requirePgType(table.columns[position]?.storedTypeOid ?? 0),
  );
  return { table, positions, types, access: accessFor(table, attnums) };
}

/** The index that fixes most of the key's columns by its leading ones. */
function accessFor(table: CatalogTable, attnums: readonly number[]): KeyAccess {
  const { primaryKey, indexes } = table.stored;
  const leading = (columns: readonly number[]): number[] => {
    const order: number[] = [];
    for (const attnum of columns) {
      const at = attnums.indexOf(attnum);
      if (at < 0) break;
      order.push(at);
    }
    return order;
  };
  if (primaryKey.length > 0) {
    const order = leading(primaryKey);
    if (order.length === primaryKey.length) return { kind: 'primaryKey', order };
  }
  let best: KeyAccess = { kind: 'scan' };
  let most = 0;
  for (const index of indexes) {
    const order = leading(index.columns);
    if (order.length <= most) continue;
    most = order.length;
    best = { kind: 'index', index, order };
  }
  // A scan makes use of the primary key's leading columns.
  return leading(primaryKey).length > most ? { kind: 'scan' } : best;
}

export const keyOf = ({ positions }: KeyLookup, row: Row): Row =>
  positions.map((position) => row[position] ?? null);

/** Whether a version of a row is there and has the key. */
export function hasKey(lookup: KeyLookup, row: StoredRow, key: Row): boolean {
  return !row.deleted && sameKey(lookup.types, keyOf(lookup, row.values), key);
}

/** One user's live rows with the key, nulls being equal to nulls. */
export async function rowsWithKey(
  lookup: KeyLookup,
  context: LookupContext,
  userId: string,
  key: Row,
): Promise<StoredRow[]> {
  const { table, access } = lookup;
  const { transaction } = context;
  if (access.kind === 'scan') {
    const [rows] = await scanForKeys(lookup, context, { kind: 'one', userId }, [key]);
    return rows ?? [];
  }
  const values = access.order.map((at) => key[at] ?? null);
  if (access.kind === 'primaryKey') {
    if (hasNull(values)) return [];
    const row = await transaction.get(table.stored, userId, values);
    return row === undefined || !hasKey(lookup, row, key) ? [] : [row];
  }
  const found: StoredRow[] = [];
  for await (const rows of transaction.indexLookup(table.stored, access.index, userId, values)) {
    for (const row of rows) if (hasKey(lookup, row, key)) found.push(row);
  }
  return found;
}

/** The live rows of each key, parallel to `keys`: key by key where there is an index, in one pass where that reads less. */
export async function rowsOfKeys(
  lookup: KeyLookup,
  context: LookupContext,
  where: LookupScope,
  keys: readonly Row[],
): Promise<StoredRow[][]> {
  const { stored } = lookup.table;
  const { storage } = context;
  const { scope } = where;
  if (lookup.access.kind !== 'scan') {
    const users = scope.kind === 'one' ? [scope.userId] : await where.users?.();
    if (users !== undefined) {
      const lookups = users.length * keys.length;
      await storage.rowsMeasured(stored, scope);
      if (lookups === 1 || lookups * rowsPerLookup < storage.estimateRows(stored, scope)) {
        const found: StoredRow[][] = [];
        for (const key of keys) {
          const rows: StoredRow[] = [];
          for (const userId of users) {
            context.signal.throwIfAborted();
            rows.push(...(await rowsWithKey(lookup, context, userId, key)));
          }
          found.push(rows);
        }
        return found;
      }
    }
  }
  return scanForKeys(lookup, context, scope, keys);
}

async function scanForKeys(
  lookup: KeyLookup,
  context: LookupContext,
  scope: Scope,
  keys: readonly Row[],
): Promise<StoredRow[][]> {
  const { table, types } = lookup;
  // Keys that look different may be equal (1.0 and 1.00).
  const byText = new Map<string, StoredRow[]>();
  const found = keys.map((key): StoredRow[] => {
    const text = keyTextOf(types, key);
    const rows = byText.get(text) ?? [];
    byText.set(text, rows);
    return rows;
  });
  const predicates = predicatesFor(lookup, keys);
  const rows = context.transaction.scan(table.stored, {
    scope,
    predicates,
    signal: context.signal,
  });
  for await (const batch of rows) {
    for (const row of batch) {
      if (row.deleted) continue;
      byText.get(keyTextOf(types, keyOf(lookup, row.values)))?.push(row);
    }
  }
  return found;
}

function predicatesFor(lookup: KeyLookup, keys: readonly Row[]): ScanPredicate[] {
  if (keys.length > pushedKeysMax) return [];
  const { table, positions, types } = lookup;
  return positions.flatMap((position, i): ScanPredicate[] => {
    if (!pushable.has(types[i]!.oid)) return [];
    const values = new Set<Value>();
    for (const key of keys) {
      const value = key[i] ?? null;
      if (value === null) return [];
      values.add(value);
    }
    const { id } = table.columns[position]!;
    const list = [...values];
    return [{ columnId: id, op: list.length === 1 ? '=' : 'in', values: list }];
  });
}
