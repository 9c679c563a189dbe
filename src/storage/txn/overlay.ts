import { keyText } from '../keys/buffer.ts';
import { tablePrefixBytes } from '../keys/keyspace.ts';
import { scopeLength } from '../keys/scope.ts';
import type { Value } from '../../types/value.ts';
import type { StoredTable } from '../types.ts';
import type { UndoEntry } from './undo.ts';

/** A row that the transaction has written. */
export interface OverlayRow {
  readonly key: Buffer;
  /** Unsealed; null: gone (hard delete, or a changed primary key). */
  readonly tuple: Buffer | null;
  /** Seq of the committed version it replaces; 0: there was none. */
  readonly baseSeq: number;
  /** All commits up to this seq were seen when the base was read. */
  readonly seenSeq: number;
  /** Key values for a mark, when no tuple has them. */
  readonly keyValues: readonly Value[] | null;
  /** The transaction has held the row's lock since it looked: nobody can have changed it since. */
  readonly locked: boolean;
  /** Gone, because the row has got this primary key. */
  readonly movedTo?: Buffer;
  /** A soft-deleted row that a rewrite takes over: it may be written ahead, and again over what was. */
  readonly takenOver?: true;
}

export interface OverlayIndexEntry {
  readonly key: Buffer;
  /** Row key without scope; null: the entry goes. */
  readonly tail: Buffer | null;
  readonly unique: boolean;
  /** The row key tail that the entry had before this transaction; null: there was no entry. */
  readonly base: Buffer | null;
  readonly seenSeq: number;
}

/** A transaction's writes to one table. */
export interface TableOverlay {
  table: StoredTable;
  rows: Map<string, OverlayRow>;
  index: Map<string, OverlayIndexEntry>;
  /** Scopes (or all) whose committed rows this transaction has truncated. */
  truncatedAll: boolean;
  truncatedScopes: ReadonlySet<string>;
  /** Where changes are noted while there is a savepoint. */
  undo: UndoEntry[] | undefined;
  /** Row keys in order; undefined: to be sorted again. */
  sorted: string[] | undefined;
  bytes: number;
  /** Largest row key inserted by this transaction, spilled ones included, by scope prefix. */
  readonly maxKeys: Map<string, Buffer>;
}

export function tableOverlay(table: StoredTable): TableOverlay {
  return {
    table,
    rows: new Map(),
    index: new Map(),
    truncatedAll: false,
    truncatedScopes: new Set(),
    undo: undefined,
    sorted: undefined,
    bytes: 0,
    maxKeys: new Map(),
  };
}

/** Bytes that an entry costs beyond key and value, roughly. */
const entryOverheadBytes = 200;

export function putOverlayRow(overlay: TableOverlay, text: string, row: OverlayRow): void {
  const before = overlay.undo === undefined ? undefined : overlay.rows.get(text);
  overlay.undo?.push({ kind: 'row', overlay, text, before });
  const { size } = overlay.rows;
  overlay.rows.set(text, row);
  if (overlay.rows.size !== size) overlay.sorted = undefined;
  overlay.bytes += row.key.length + (row.tuple?.length ?? 0) + entryOverheadBytes;
}

export function putOverlayIndex(overlay: TableOverlay, entry: OverlayIndexEntry): void {
  const text = keyText(entry.key);
  const before = overlay.index.get(text);
  overlay.undo?.push({ kind: 'index', overlay, text, before });
  // Written again: the entry goes on from the same committed one.
  overlay.index.set(text, before === undefined ? entry : { ...before, tail: entry.tail });
  overlay.bytes += entry.key.length + entryOverheadBytes;
}

/** Row keys of the overlay in [from, to), in order. */
export function overlayKeys(overlay: TableOverlay, from: Buffer, to: Buffer): readonly string[] {
  overlay.sorted ??= [...overlay.rows.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const sorted = overlay.sorted;
  const start = lowerBound(sorted, keyText(from));
  const end = lowerBound(sorted, keyText(to));
  return start === 0 && end === sorted.length ? sorted : sorted.slice(start, end);
}

function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The part of a full row key after its scope. */
export function rowTail(fullKey: Buffer): Buffer {
  return fullKey.subarray(scopeLength(fullKey, tablePrefixBytes));
}

export function isTruncated(overlay: TableOverlay | undefined, userId: string): boolean {
  return overlay !== undefined && (overlay.truncatedAll || overlay.truncatedScopes.has(userId));
}
