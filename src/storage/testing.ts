import type { Value } from '../types/value.ts';
import type { StoredColumn, StoredIndex, StoredTable } from './types.ts';

/** A table definition in a few words, for tests and benches. */
export function testTable(definition: {
  readonly tableId?: number;
  readonly name?: string;
  readonly kind?: StoredTable['kind'];
  readonly columns: Readonly<
    Record<string, number | { oid: number; typmod?: number; missing?: Value }>
  >;
  readonly primaryKey?: readonly string[];
  readonly indexes?: readonly {
    readonly name: string;
    readonly columns: readonly string[];
    readonly unique?: boolean;
    readonly nullsNotDistinct?: boolean;
  }[];
  readonly ttlMicros?: bigint;
}): StoredTable {
  const tableId = definition.tableId ?? 1001;
  const columns: StoredColumn[] = Object.entries(definition.columns).map(([name, type], i) => {
    const { oid, typmod = -1, missing = null } = typeof type === 'number' ? { oid: type } : type;
    return { id: i + 1, name, typeOid: oid, typmod, missing };
  });
  const idOf = (name: string): number => columns.find((column) => column.name === name)!.id;
  const indexes: StoredIndex[] = (definition.indexes ?? []).map((index, i) => ({
    indexId: tableId * 100 + i,
    name: index.name,
    columns: index.columns.map(idOf),
    unique: index.unique ?? false,
    nullsNotDistinct: index.nullsNotDistinct ?? false,
  }));
  return {
    tableId,
    namespace: 'public',
    name: definition.name ?? 't',
    kind: definition.kind ?? 'shared',
    ...(definition.ttlMicros === undefined ? {} : { ttlMicros: definition.ttlMicros }),
    schemaVersion: 1,
    columns,
    layouts: new Map(),
    primaryKey: (definition.primaryKey ?? []).map(idOf),
    indexes,
  };
}
