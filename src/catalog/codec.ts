import { PgError, SqlState, assert } from '../base/index.ts';
import type { StoredColumn, StoredIndex, StoredTable, TableKind } from '../storage/types.ts';
import { requirePgType } from '../types/registry.ts';
import { defaultTypeContext } from '../types/type.ts';
import type { Value } from '../types/value.ts';
import type { SchemaColumn, SchemaVersion } from './schema-versions.ts';

/** What Level keeps of a table (JSON): what the mirror can not know, and what storage needs before the mirror is there. */
export interface TableRecord {
  readonly tableId: number;
  readonly namespace: string;
  readonly name: string;
  readonly kind: TableKind;
  readonly options: readonly (readonly [string, string])[];
  readonly ttlMicros: string | null;
  readonly schemaVersion: number;
  readonly layouts: readonly (readonly [number, readonly ColumnRecord[]])[];
  readonly primaryKey: readonly number[];
  readonly primaryKeyName: string | null;
  readonly indexes: readonly StoredIndex[];
  /** Missing: the default one. */
  readonly tablespaceId?: number;
  /** Oldest first; missing in records written before there were any. */
  readonly schemas?: readonly {
    readonly version: number;
    readonly changedAt: string;
    readonly columns: readonly SchemaColumn[];
  }[];
}

export interface ColumnRecord {
  readonly id: number;
  readonly name: string;
  readonly typeOid: number;
  readonly typmod: number;
  /** The type's output text. */
  readonly missing: string | null;
}

function columnRecord(column: StoredColumn): ColumnRecord {
  const { id, name, typeOid, typmod, missing } = column;
  const text = missing === null ? null : requirePgType(typeOid).format(missing, defaultTypeContext);
  return { id, name, typeOid, typmod, missing: text };
}

function storedColumn(record: ColumnRecord): StoredColumn {
  const { id, name, typeOid, typmod } = record;
  const missing: Value =
    record.missing === null
      ? null
      : requirePgType(typeOid).parse(record.missing, typmod, defaultTypeContext);
  return Object.freeze({ id, name, typeOid, typmod, missing });
}

export function encodeTable({ stored: table, options, schemas }: DecodedTable): Uint8Array {
  const record: TableRecord = {
    tableId: table.tableId,
    namespace: table.namespace,
    name: table.name,
    kind: table.kind,
    options: [...options],
    ttlMicros: table.ttlMicros === undefined ? null : String(table.ttlMicros),
    schemaVersion: table.schemaVersion,
    layouts: [...table.layouts].map(([version, columns]) => [version, columns.map(columnRecord)]),
    primaryKey: table.primaryKey,
    primaryKeyName: table.primaryKeyName ?? null,
    indexes: table.indexes,
    ...(table.tablespaceId === undefined ? {} : { tablespaceId: table.tablespaceId }),
    schemas: schemas.map((schema) => ({ ...schema, changedAt: String(schema.changedAt) })),
  };
  return Buffer.from(JSON.stringify(record));
}

export interface DecodedTable {
  readonly stored: StoredTable;
  readonly options: ReadonlyMap<string, string>;
  /** Oldest first. */
  readonly schemas: readonly SchemaVersion[];
}

/** Throws XX001 when the entry is damaged. */
export function decodeTable(bytes: Uint8Array): DecodedTable {
  let record: TableRecord;
  try {
    record = JSON.parse(Buffer.from(bytes).toString()) as TableRecord;
  } catch {
    throw new PgError(SqlState.dataCorrupted, 'a table entry of the catalog is not readable');
  }
  const layouts = new Map(
    record.layouts.map(([version, columns]) => [version, columns.map(storedColumn)]),
  );
  const columns = layouts.get(record.schemaVersion);
  assert(columns !== undefined, 'the current layout is among the layouts');
  const stored: StoredTable = Object.freeze({
    tableId: record.tableId,
    namespace: record.namespace,
    name: record.name,
    kind: record.kind,
    ...(record.ttlMicros === null ? {} : { ttlMicros: BigInt(record.ttlMicros) }),
    schemaVersion: record.schemaVersion,
    columns,
    layouts,
    primaryKey: record.primaryKey,
    ...(record.primaryKeyName === null ? {} : { primaryKeyName: record.primaryKeyName }),
    indexes: record.indexes,
    ...(record.tablespaceId === undefined ? {} : { tablespaceId: record.tablespaceId }),
  });
  const schemas = (record.schemas ?? []).map((schema) => ({
    ...schema,
    changedAt: BigInt(schema.changedAt),
  }));
  return { stored, options: new Map(record.options), schemas };
}
