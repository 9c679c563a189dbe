/** A table as storage knows it. */
import type { Value } from '../../types/value.ts';

export type TableKind = 'user' | 'shared' | 'stream';

/** A column as storage knows it. `id` is pg_attribute.attnum: never reused within a table, so Parquet fields carry it. */
export interface StoredColumn {
  readonly id: number;
  readonly name: string;
  readonly typeOid: number;
  readonly typmod: number;
  /** What rows written before the column existed read as (PostgreSQL's attmissingval). */
  readonly missing: Value;
}

export interface StoredIndex {
  /** Unique in the whole server, as table ids are. */
  readonly indexId: number;
  readonly name: string;
  /** Column ids. Expression and partial indexes are not stored. */
  readonly columns: readonly number[];
  readonly unique: boolean;
  readonly nullsNotDistinct: boolean;
}

/**
 * Everything storage needs to know of a table; frozen, replaced by each DDL. Rows handed to and from storage are arrays
 * parallel to `columns`.
 */
export interface StoredTable {
  /** Never reused. Keys and files go by it, not by name. */
  readonly tableId: number;
  readonly namespace: string;
  readonly name: string;
  readonly kind: TableKind;
  /** Streams only: microseconds a row lives. */
  readonly ttlMicros?: bigint;
  readonly schemaVersion: number;
  readonly columns: readonly StoredColumn[];
  /** Layouts of earlier versions (version → columns), so that older tuples and files can still be read. */
  readonly layouts: ReadonlyMap<number, readonly StoredColumn[]>;
  /** Column ids of the primary key, in key order; empty: a hidden row id. Streams are keyed by time and row id always. */
  readonly primaryKey: readonly number[];
  readonly primaryKeyName?: string;
  /** Secondary indexes; a stream's primary key is one of them. */
  readonly indexes: readonly StoredIndex[];
  /** Where files that are written from now on go; undefined: below the data folder's `cold/`. */
  readonly tablespaceId?: number;
}

/** What is left to know of a table that is dropped. */
export type DroppedTable = Pick<StoredTable, 'tableId' | 'namespace' | 'name' | 'kind'>;

/** Whose rows: one user's (user tables), everyone's (shared and stream tables: `''`), or all users' at once. */
export type Scope = { readonly kind: 'one'; readonly userId: string } | { readonly kind: 'all' };

export const sharedScope: Scope = { kind: 'one', userId: '' };
