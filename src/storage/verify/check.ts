/** What the parts of a verification share. */
import type { Places } from '../cold/places.ts';
import type { FilesDuckdb } from '../cold/duck.ts';
import type { ManifestEntry } from '../cold/manifest.ts';
import type { HotEntry, HotStore } from '../hot/types.ts';
import { prefixEnd } from '../keys/buffer.ts';
import { tablePrefixBytes } from '../keys/keyspace.ts';
import { decodeScope, scopeLength } from '../keys/scope.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import type { BulkRecord, ScopeRecord, TableRecord } from '../records.ts';
import { noScopeRecord, noTableRecord } from '../records.ts';
import { TupleFlag, tupleFlags, tupleSeq } from '../tuple/header.ts';
import type { StoredTable } from '../types.ts';
import type { Findings } from './findings.ts';

/** Entries per read. */
const readEntries = 2048;

/** A table with what is found of it on the way. */
export interface TableCheck {
  readonly table: StoredTable;
  readonly runtime: TableRuntime;
  /** `schema.name`. */
  readonly name: string;
  record: TableRecord;
  readonly scopes: Map<string, ScopeRecord>;
  readonly files: ManifestEntry[];
  marks: number;
  hotRows: number;
  coldRows: number;
  /** Index entries that were found from their rows, by index id. */
  readonly matched: Map<number, number>;
  /** Something of it could not be read: counts say nothing. */
  incomplete: boolean;
}

export interface Check {
  readonly store: HotStore;
  readonly places: Places;
  readonly duckdb: FilesDuckdb;
  readonly findings: Findings;
  readonly tables: Map<number, TableCheck>;
  /** Tables whose keys and files are about to be removed, or that are not finished. */
  readonly passing: Set<number>;
  /** Files of those, absolute paths. */
  readonly passingFiles: Set<string>;
  readonly bulks: Map<number, BulkRecord>;
  /** Counters of the storage; undefined: not readable. */
  seq: number | undefined;
  keys: number;
  readonly signal: AbortSignal | undefined;
  advance(bytes: number): void;
}

/** Each entry of a keyspace; what can't be read is a finding, and ends it. */
export async function eachEntry(
  check: Check,
  prefix: Buffer,
  visit: (key: Buffer, value: Buffer) => void | Promise<void>,
): Promise<void> {
  let entries: HotEntry[];
  const cursor = check.store.scan({ from: prefix, to: prefixEnd(prefix) });
  try {
    for (;;) {
      check.signal?.throwIfAborted();
      entries = await cursor.next(readEntries);
      if (entries.length === 0) return;
      let bytes = 0;
      for (const [key, value] of entries) {
        bytes += key.length + value.length;
        const work = visit(key, value);
        if (work !== undefined) await work;
      }
      check.keys += entries.length;
      check.advance(bytes);
    }
  } finally {
    await cursor.close();
  }
}

export const keyHex = (key: Uint8Array): string => `\\x${Buffer.from(key).toString('hex')}`;

/** The user id in a key of a keyspace that starts with table and scope; undefined: it has no such form. */
export function userIn(key: Buffer, from = tablePrefixBytes): string | undefined {
  try {
    return decodeScope(key, from, scopeLength(key, from));
  } catch {
    return undefined;
  }
}

/** The table that a key belongs to; undefined: it belongs to none that is known, which is told unless it is passing. */
export function tableOf(check: Check, key: Buffer, what: string): TableCheck | undefined {
  const tableId = key.length < tablePrefixBytes ? undefined : key.readUInt32BE(1);
  const found = tableId === undefined ? undefined : check.tables.get(tableId);
  if (found !== undefined) return found;
  if (tableId !== undefined && check.passing.has(tableId))
    check.findings.add('leftover', `table ${tableId}`, `${what} of a table that is being removed`);
  else
    check.findings.add(
      'orphan',
      `table ${tableId ?? '?'}`,
      `${what} of a table that does not exist`,
    );
  return undefined;
}

export function scopeOf({ scopes }: TableCheck, userId: string): ScopeRecord {
  return scopes.get(userId) ?? noScopeRecord;
}

export function newTableCheck(table: StoredTable, runtime: TableRuntime): TableCheck {
  return {
    table,
    runtime,
    name: `${table.namespace}.${table.name}`,
    record: noTableRecord,
    scopes: new Map(),
    files: [],
    marks: 0,
    hotRows: 0,
    coldRows: 0,
    matched: new Map(),
    incomplete: false,
  };
}

/** Seq by which a tuple counts; undefined: it does not, as a flush has moved it, a truncate hidden, or it is not committed. */
export function visibleSeqOf(
  check: Check,
  of: TableCheck,
  userId: string,
  tuple: Buffer,
): number | undefined {
  const flags = tupleFlags(tuple);
  let seq: number | undefined = tupleSeq(tuple);
  if ((flags & TupleFlag.provisional) !== 0) seq = check.bulks.get(seq)?.committed ?? undefined;
  if (seq === undefined) return undefined;
  const scope = scopeOf(of, userId);
  if (seq < Math.max(of.record.truncatedBefore, scope.truncatedBefore)) return undefined;
  if (seq <= scope.watermark && (flags & TupleFlag.pinned) === 0) return undefined;
  return seq;
}
