import { PgError, SqlState, assert, notSupported } from '../../base/index.ts';
import { writeKeyValue } from '../../types/key-writer.ts';
import { requirePgType } from '../../types/registry.ts';
import type { PgType } from '../../types/type.ts';
import type { Row, Value } from '../../types/value.ts';
import type { TableCodec } from '../tuple/codec.ts';
import { tableCodec } from '../tuple/codec.ts';
import type { StoredIndex, StoredTable } from '../types.ts';
import type { KeyBuffer } from './buffer.ts';
import { keyBuffer } from './buffer.ts';
import { IndexForm, Keyspace, indexPrefix, scopePrefix, tablePrefix } from './keyspace.ts';
import { encodeScope } from './scope.ts';

/** Keys and tuples of one version of a table, prepared once. */
export interface TableRuntime {
  readonly table: StoredTable;
  readonly codec: TableCodec;
  /** Start of all row keys of the table. */
  readonly rowsPrefix: Buffer;
  /** Start of one scope's row keys. */
  scopeRows(userId: string): Buffer;
  /** Positions of the key columns in a row. */
  readonly keyPositions: readonly number[];
  /** The full row key of a primary key's values. Not for tables keyed by a hidden row id. */
  keyOfValues(userId: string, key: readonly Value[]): Buffer;
  keyOfRow(userId: string, row: Row): Buffer;
  /** The same, left in a buffer that the next key overwrites. */
  writeKeyOfRow(userId: string, row: Row): KeyBuffer;
  /** The full row key by hidden row id; streams: by time and row id. */
  keyOfRowId(userId: string, micros: bigint, rowId: number): Buffer;
  writeKeyOfRowId(userId: string, micros: bigint, rowId: number): KeyBuffer;
  /** Memcomparable form of a leading part of the key's values. */
  encodeKeyPrefix(key: readonly Value[]): Buffer;
  readonly hiddenKey: boolean;
  /** Positions of an index's columns in a row. */
  indexPositions(index: StoredIndex): readonly number[];
  indexEntry(
    index: StoredIndex,
    userId: string,
    row: Row,
    rowTail: Uint8Array,
    deleted: boolean,
  ): IndexEntry;
  /** Start of the entries with these leading values. */
  indexLookupPrefix(index: StoredIndex, userId: string, values: readonly Value[]): Buffer;
}

export interface IndexEntry {
  readonly key: Buffer;
  /** Whether no other live row may have this key. */
  readonly unique: boolean;
}

/** Scope prefixes kept per table version. */
const scopesCachedMax = 1024;

const writer = keyBuffer();

export function tableRuntime(table: StoredTable): TableRuntime {
  const hiddenKey = table.primaryKey.length === 0 || table.kind === 'stream';
  const positionOf = new Map(table.columns.map((column, i) => [column.id, i]));
  const keyPositions = hiddenKey ? [] : table.primaryKey.map((id) => positionOf.get(id)!);
  const keyTypes = keyPositions.map((position) => keyType(table.columns[position]!.typeOid));
  const scopes = new Map<string, Buffer>();
  const scopeRows = (userId: string): Buffer => {
    let prefix = scopes.get(userId);
    if (prefix === undefined) {
      if (scopes.size >= scopesCachedMax) scopes.clear();
      prefix = scopePrefix(Keyspace.rows, table.tableId, userId);
      scopes.set(userId, prefix);
    }
    return prefix;
  };
  const writeKey = (position: number, value: Value): void => {
    if (value === null)
      throw new PgError(
        SqlState.notNullViolation,
        `null value in column "${table.columns[keyPositions[position]!]!.name}" of relation "${table.name}" violates not-null constraint`,
        {
          schema: table.namespace,
          table: table.name,
          column: table.columns[keyPositions[position]!]!.name,
        },
      );
    keyTypes[position]!.encodeKey!(writer, value);
  };
  const writeKeyOfRow = (userId: string, row: Row): KeyBuffer => {
    writer.reset();
    writer.bytes(scopeRows(userId));
    for (let i = 0; i < keyPositions.length; i++) writeKey(i, row[keyPositions[i]!]!);
    return writer;
  };
  const writeKeyOfRowId = (userId: string, micros: bigint, rowId: number): KeyBuffer => {
    writer.reset();
    writer.bytes(scopeRows(userId));
    if (table.kind === 'stream') writer.bytes(orderedMicros(micros));
    writer.u32(Math.floor(rowId / 0x100000000));
    writer.u32(rowId >>> 0);
    return writer;
  };
  const indexes = new Map<StoredIndex, { positions: number[]; types: PgType[] }>();
  const indexColumns = (index: StoredIndex): { positions: number[]; types: PgType[] } => {
    let columns = indexes.get(index);
    if (columns === undefined) {
      const positions = index.columns.map((id) => {
        const position = positionOf.get(id);
        assert(position !== undefined, `index "${index.name}" names an unknown column ${id}`);
        return position;
      });
      const types = positions.map((position) => keyType(table.columns[position]!.typeOid));
      columns = { positions, types };
      indexes.set(index, columns);
    }
    return columns;
  };

  return {
    table,
    codec: tableCodec(table),
    rowsPrefix: tablePrefix(Keyspace.rows, table.tableId),
    scopeRows,
    keyPositions,
    hiddenKey,
    keyOfValues(userId, key) {
      assert(!hiddenKey && key.length === keyTypes.length, 'a full primary key');
      writer.reset();
      writer.bytes(scopeRows(userId));
      for (let i = 0; i < key.length; i++) writeKey(i, key[i]!);
      return writer.take();
    },
    keyOfRow: (userId, row) => writeKeyOfRow(userId, row).take(),
    writeKeyOfRow,
    keyOfRowId: (userId, micros, rowId) => writeKeyOfRowId(userId, micros, rowId).take(),
    writeKeyOfRowId,
    encodeKeyPrefix(key) {
      writer.reset();
      for (let i = 0; i < key.length; i++) writeKey(i, key[i]!);
      return writer.take();
    },
    indexPositions: (index) => indexColumns(index).positions,
    indexEntry(index, userId, row, rowTail, deleted) {
      const { positions, types } = indexColumns(index);
      writer.reset();
      writer.bytes(indexPrefix(table.tableId, index.indexId));
      writer.bytes(encodeScope(userId));
      let nulls = false;
      for (let i = 0; i < positions.length; i++) {
        const value = row[positions[i]!]!;
        nulls ||= value === null;
        writeKeyValue(writer, types[i]!, value);
      }
      const unique = index.unique && !deleted && (index.nullsNotDistinct || !nulls);
      writer.byte(unique ? IndexForm.unique : IndexForm.shared);
      if (!unique) writer.bytes(rowTail);
      return { key: writer.take(), unique };
    },
    indexLookupPrefix(index, userId, values) {
      const { types } = indexColumns(index);
      writer.reset();
      writer.bytes(indexPrefix(table.tableId, index.indexId));
      writer.bytes(encodeScope(userId));
      for (let i = 0; i < values.length; i++) writeKeyValue(writer, types[i]!, values[i]!);
      return writer.take();
    },
  };
}

function keyType(oid: number): PgType {
  const type = requirePgType(oid);
  if (type.encodeKey === undefined)
    throw notSupported(`an index on a column of type ${type.sqlName}`);
  return type;
}

const micros64 = Buffer.alloc(8);

/** Insert times in byte order. */
export function orderedMicros(micros: bigint): Buffer {
  micros64.writeBigInt64BE(micros, 0);
  micros64[0] = micros64[0]! ^ 0x80;
  return micros64;
}
