import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../base/index.ts';
import { PgError, SqlState } from '../base/index.ts';
import type { Storage, StorageStats, StoredTable } from '../storage/types.ts';

/** A look waits at most so long for tables that have changed, or were never measured. */
export const lookWaitMs = 1000;
/** What measures in less is measured at each look; the rest not before it has been left alone for so many times as long. */
const quickMs = 200;
const restFactor = 20;
/** Measured again after this long at the latest, whatever it costs. */
const restMsMax = 600_000;

/** A table's figures, as they were at a moment. */
export interface Measured {
  readonly stats: StorageStats;
  /** Microseconds since 2000-01-01 UTC. */
  readonly measuredAt: bigint;
}

/**
 * What tables hold, counted: kept until a table changes, then counted again in the background when somebody asks. Whoever asks
 * gets what is known and when it was counted.
 */
export interface TableFigures {
  /**
   * The figures of tables by tableId, without those that have never been measured and take longer than `waitMs` now (which goes on
   * nevertheless).
   */
  of(
    tables: readonly StoredTable[],
    options?: { readonly waitMs?: number },
  ): Promise<ReadonlyMap<number, Measured>>;
  /** Counts a table now. */
  measure(table: StoredTable): Promise<Measured>;
  close(): Promise<void>;
}

interface Known extends Measured {
  readonly version: number;
  readonly tookMs: number;
  readonly endedMs: number;
}

export function createTableFigures({
  storage,
  clock,
  log,
}: {
  readonly storage: Pick<Storage, 'stats' | 'tableVersion'>;
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void };
}): TableFigures {
  const known = new Map<number, Known>();
  /** Tables that wait for their turn or are being measured. */
  const running = new Map<number, Promise<unknown>>();
  /** One at a time. */
  let tail: Promise<unknown> = Promise.resolve();
  let closed = false;
  const closing = new AbortController();

  async function count(table: StoredTable, gently: boolean): Promise<Known> {
    const { tableId } = table;
    // What is committed while it is counted may be missed: it counts as changed then.
    const version = storage.tableVersion(tableId);
    const startMs = clock.monotonicMs();
    const stats = await storage.stats(table, { gently, signal: closing.signal });
    const endedMs = clock.monotonicMs();
    const measured = {
      stats,
      measuredAt: clock.now(),
      version,
      tookMs: endedMs - startMs,
      endedMs,
    };
    known.set(tableId, measured);
    return measured;
  }

  function isDue(of: Known): boolean {
    if (of.tookMs <= quickMs) return true;
    const restMs = Math.min(of.tookMs * restFactor, restMsMax);
    return clock.monotonicMs() - of.endedMs >= restMs;
  }

  /** Resolves when the table has been counted, or could not be. */
  function refresh(table: StoredTable): Promise<unknown> {
    const { tableId } = table;
    const under = running.get(tableId);
    if (under !== undefined) return under;
    const work = tail
      .then(() => (closed ? undefined : count(table, true)))
      .catch((error: unknown) => {
        if (!closed) log.warn({ err: error, table: table.name }, 'a table could not be measured');
      })
      .finally(() => running.delete(tableId));
    running.set(tableId, work);
    tail = work;
    return work;
  }

  return {
    async of(tables, { waitMs = lookWaitMs } = {}) {
      const waits = tables.flatMap((table) => {
        const found = known.get(table.tableId);
        if (found?.version === storage.tableVersion(table.tableId)) return [];
        if (found !== undefined && !isDue(found)) return [];
        const work = refresh(table);
        // What takes longer than the wait is told as it was.
        return found === undefined || found.tookMs < waitMs ? [work] : [];
      });
      if (waits.length > 0) {
        const over = new AbortController();
        const pause = setTimeout(waitMs, undefined, { signal: over.signal }).catch(() => undefined);
        await Promise.race([Promise.all(waits), pause]);
        over.abort();
      }
      return new Map(
        tables.flatMap(({ tableId }): [number, Measured][] => {
          const found = known.get(tableId);
          return found === undefined ? [] : [[tableId, found]];
        }),
      );
    },
    async measure(table) {
      if (closed) throw new PgError(SqlState.adminShutdown, 'the server is shutting down');
      return count(table, false);
    },
    async close() {
      closed = true;
      closing.abort();
      await tail;
    },
  };
}
