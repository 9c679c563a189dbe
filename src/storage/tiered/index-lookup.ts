import { PgError, SqlState } from '../../base/index.ts';
import type { Value } from '../../types/value.ts';
import { keyText, prefixEnd } from '../keys/buffer.ts';
import { Keyspace, inKeyspace } from '../keys/keyspace.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import type { ScanStats, StoredIndex, StoredRow } from '../types.ts';
import { isTruncated, rowTail } from '../txn/overlay.ts';
import { isExpired } from './expiry.ts';
import type { ReadContext } from './hot-scan.ts';
import type { PointContext } from './point-read.ts';
import { lookupCold, lookupHot } from './point-read.ts';

/** Index entries followed at a time. */
const lookupBatchRows = 1024;

/**
 * Rows whose indexed columns start with `values`, in index order within a batch of hot rows; cold ones follow their batch.
 * An entry that leads to no row is XX002.
 */
export async function* indexRows(
  context: ReadContext,
  runtime: TableRuntime,
  index: StoredIndex,
  userId: string,
  values: readonly Value[],
  options: { readonly includeDeleted?: boolean; readonly stats?: ScanStats },
): AsyncGenerator<StoredRow[]> {
  const { engine, reader } = context;
  const { table } = runtime;
  reader.retain();
  try {
    const overlay = context.overlay(table.tableId);
    /** The entries being followed. */
    let followed: ReadonlySet<string> = new Set();
    const prefix = runtime.indexLookupPrefix(index, userId, values);
    const end = prefixEnd(prefix);
    const own = new Map<string, Buffer | null>();
    if (overlay !== undefined) {
      const from = keyText(prefix);
      for (const [text, entry] of overlay.index)
        if (text.startsWith(from)) own.set(text, entry.tail);
    }
    const ownTails = [...own.values()].filter((tail) => tail !== null);
    const point: PointContext = { engine, view: reader, ownBulks: context.ownBulks, overlay };
    if (ownTails.length > 0) yield* follow([...own.keys()], ownTails);
    if (isTruncated(overlay, userId) && context.ownBulks.length === 0) return;
    const cursor = engine.store.scan({ from: prefix, to: end, snapshot: reader.hot() });
    try {
      for (;;) {
        const entries = await cursor.next(lookupBatchRows);
        if (entries.length === 0) return;
        const others = own.size === 0 ? entries : entries.filter(([key]) => !own.has(keyText(key)));
        yield* follow(
          others.map(([key]) => keyText(key)),
          others.map(([, tail]) => tail),
        );
      }
    } finally {
      await cursor.close();
    }

    async function* follow(
      keys: readonly string[],
      tails: readonly Buffer[],
    ): AsyncGenerator<StoredRow[]> {
      followed = new Set(keys);
      const found: StoredRow[] = [];
      const cold: Buffer[] = [];
      const scope = runtime.scopeRows(userId);
      for (const tail of tails) {
        const key = Buffer.concat([scope, tail]);
        const hot = lookupHot(point, runtime, userId, key);
        if (hot.kind === 'row') {
          if (hot.row.tier === 'hot' && options.stats !== undefined) options.stats.hotRows++;
          found.push(hot.row);
        } else if (hot.kind === 'cold?') cold.push(key);
        else if (hot.kind === 'absent') refuseMissing(key);
      }
      if (cold.length > 0) {
        const rows = await lookupCold(point, runtime, userId, cold, options.stats);
        rows.forEach((row, i) => {
          if (row === undefined) refuseMissing(cold[i]!);
          else found.push(row);
        });
      }
      // A leftover entry may lead to a row that its own entry leads to as well.
      const seen = new Set<string>();
      const live = found.filter(
        (row) =>
          (options.includeDeleted === true || !row.deleted) &&
          !isExpired(engine, table, row) &&
          leadsHere(row) &&
          !seen.has(keyText(row.key)) &&
          seen.add(keyText(row.key)).size > 0,
      );
      if (live.length > 0) yield live;
    }

    /** Whether the row has the values it was found by: an entry may be a truncate's leftover. */
    function leadsHere(row: StoredRow): boolean {
      const tail = rowTail(inKeyspace(Keyspace.rows, table.tableId, row.key));
      const entry = runtime.indexEntry(index, userId, row.values, tail, row.deleted);
      return followed.has(keyText(entry.key));
    }

    function refuseMissing(key: Buffer): void {
      const state = engine.tableState(table.tableId);
      const limits = reader.limits(state, userId);
      if (isTruncated(overlay, userId)) return;
      // Entries outlive their rows while a truncate's or a bulk transaction's leftovers are being removed.
      if (limits.truncatedBefore > 0 || reader.tableRecord(state).truncated) return;
      for (const record of engine.bulks.values()) if (record.committed === null) return;
      if (overlay?.rows.has(keyText(key)) === true) return;
      throw new PgError(
        SqlState.indexCorrupted,
        `index "${index.name}" of table "${table.name}" has an entry without a row`,
        {
          detail: `Key of the row: \\x${key.toString('hex')}.`,
          schema: table.namespace,
          table: table.name,
        },
      );
    }
  } finally {
    reader.release();
  }
}
