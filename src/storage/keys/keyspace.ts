import { encodeScope } from './scope.ts';

/** The first byte of every key in the hot store. */
export const Keyspace = {
  /** utf8 name: catalog, jobs, … as the layers above please. */
  meta: 0x01,
  /** Counters of the storage engine (one key). */
  state: 0x02,
  /** table: TableRecord. */
  table: 0x03,
  /** table, scope, primary key or row id: tuple. */
  rows: 0x04,
  /** table, index, scope, values, form, [row key without scope]: row key without scope. */
  index: 0x05,
  /** table, scope: ScopeRecord. */
  scope: 0x06,
  /** table, scope, file id: manifest entry. */
  manifest: 0x07,
  /** table, scope, file id: bloom filter over row keys. */
  bloom: 0x08,
  /** table, scope, primary key or row id: seq from which on cold versions count. */
  marks: 0x09,
  /** sequence id: state. */
  sequences: 0x0a,
  /** bulk id: BulkRecord. */
  bulk: 0x0b,
  /** The hot store's own, always empty: batches written while others before them were not synced end with its deletion. */
  unsyncedTail: 0xfe,
} as const;

/** Keyspaces whose keys start with a table id; dropping a table empties them. */
export const tableKeyspaces = [
  Keyspace.rows,
  Keyspace.index,
  Keyspace.bloom,
  Keyspace.manifest,
  Keyspace.marks,
  Keyspace.scope,
  Keyspace.table,
] as const;

/** Bytes of keyspace and table id before a row's own key. */
export const tablePrefixBytes = 5;

export function tablePrefix(keyspace: number, tableId: number): Buffer {
  const prefix = Buffer.allocUnsafe(tablePrefixBytes);
  prefix[0] = keyspace;
  prefix.writeUInt32BE(tableId, 1);
  return prefix;
}

export function scopePrefix(keyspace: number, tableId: number, userId: string): Buffer {
  return Buffer.concat([tablePrefix(keyspace, tableId), encodeScope(userId)]);
}

/** The same row's key in another keyspace (rows ↔ marks). */
export function inKeyspace(keyspace: number, tableId: number, rowKey: Uint8Array): Buffer {
  const key = Buffer.allocUnsafe(tablePrefixBytes + rowKey.length);
  key[0] = keyspace;
  key.writeUInt32BE(tableId, 1);
  key.set(rowKey, tablePrefixBytes);
  return key;
}

export function metaKey(name: string): Buffer {
  return Buffer.concat([Buffer.from([Keyspace.meta]), Buffer.from(name, 'utf8')]);
}

export const stateKey = Buffer.from([Keyspace.state]);

export function sequenceKey(sequenceId: number): Buffer {
  return tablePrefix(Keyspace.sequences, sequenceId);
}

export function bulkKey(bulkId: number): Buffer {
  const key = Buffer.allocUnsafe(7);
  key[0] = Keyspace.bulk;
  key.writeUIntBE(bulkId, 1, 6);
  return key;
}

export function fileKey(keyspace: number, tableId: number, userId: string, fileId: number): Buffer {
  const tail = Buffer.allocUnsafe(6);
  tail.writeUIntBE(fileId, 0, 6);
  return Buffer.concat([scopePrefix(keyspace, tableId, userId), tail]);
}

/** Forms of an index entry, the byte after its values. */
export const IndexForm = {
  /** The only live row with these values; nothing follows. */
  unique: 0x00,
  /** Row key follows: non-unique indexes, unique ones with a NULL, and soft-deleted rows. */
  shared: 0x01,
} as const;

export function indexPrefix(tableId: number, indexId: number): Buffer {
  const prefix = Buffer.allocUnsafe(9);
  prefix[0] = Keyspace.index;
  prefix.writeUInt32BE(tableId, 1);
  prefix.writeUInt32BE(indexId, 5);
  return prefix;
}
