/**
 * upkeep: makes the jobs that keep tables small: retention of soft-deleted rows, eviction of expired rows of streams.
 *
 * Each table that has something to keep up has one timer; where no table has, there is none, and a stream without expired rows costs
 * one look each time. What a job has not done the next one does. (Files are compacted after flushes: jobs/index.ts.)
 */
import type { Clock } from '../../base/index.ts';
import { deletedRetention } from '../../catalog/table-options.ts';
import type { CatalogTable } from '../../catalog/types.ts';
import type { Storage, StoredTable } from '../../storage/types.ts';
import { retentionParams } from '../handlers/retention.ts';
import type { SetTimer } from '../timer.ts';
import { systemTimer } from '../timer.ts';
import type { Jobs, JobsLog } from '../types.ts';

/** Waits in between are as long as what the rows live, within these. */
const evictionWaitMs = { least: 60_000, most: 3_600_000 };
/** A tenth of how long deleted rows are kept, within these. */
const retentionWaitMs = { least: 60_000, most: 86_400_000 };

export interface UpkeepOptions {
  readonly storage: Pick<Storage, 'hasExpired'>;
  readonly jobs: Pick<Jobs, 'run'>;
  readonly clock: Clock;
  readonly log: JobsLog;
  /** Default: the system's timers, which keep no process alive. */
  readonly setTimer?: SetTimer;
}

export interface Upkeep {
  /** The tables that there are now. To be called at start and after each change of the catalog. */
  follow(tables: readonly CatalogTable[]): void;
  /** A job that runs is the jobs' to end. */
  close(): void;
}

/** What is to be done for a table, and how often. */
interface Plan {
  readonly table: StoredTable;
  /** Changes with what the timer goes by. */
  readonly text: string;
  readonly waitMs: number;
  run(): Promise<unknown>;
}

function within(ms: number, { least, most }: { least: number; most: number }): number {
  return Math.min(most, Math.max(least, ms));
}

export function createUpkeep(options: UpkeepOptions): Upkeep {
  const { storage, jobs, clock, log, setTimer = systemTimer } = options;
  const kept = new Map<number, { plan: Plan; stop: () => void }>();

  function planOf({ stored: table, options: given }: CatalogTable): Plan | undefined {
    const { kind, ttlMicros } = table;
    if (kind === 'stream') {
      if (ttlMicros === undefined) return undefined;
      return {
        table,
        text: `evict ${ttlMicros}`,
        waitMs: within(Number(ttlMicros / 1000n), evictionWaitMs),
        run: async () => {
          if (await storage.hasExpired(latest(table))) await jobs.run('evict', { table });
        },
      };
    }
    const micros = deletedRetention(given);
    if (micros === undefined) return undefined;
    return {
      table,
      text: `retain ${micros}`,
      waitMs: within(Number(micros / 10_000n), retentionWaitMs),
      run: () => jobs.run('retention', { table, params: retentionParams(clock.now() - micros) }),
    };
  }

  const latest = (table: StoredTable): StoredTable => kept.get(table.tableId)?.plan.table ?? table;

  function start(plan: Plan): () => void {
    let stopped = false;
    let cancel: () => void = () => undefined;
    const wait = (): void => {
      cancel = setTimer(plan.waitMs, () => void turn());
    };
    const turn = async (): Promise<void> => {
      try {
        await plan.run();
      } catch (error) {
        // A job's failure is in the history; this is for what comes before there is one.
        if (!stopped)
          log.warn({ err: error }, `${plan.table.namespace}.${plan.table.name}: upkeep failed`);
      }
      if (!stopped) wait();
    };
    wait();
    return () => {
      stopped = true;
      cancel();
    };
  }

  return {
    follow(tables) {
      const seen = new Set<number>();
      for (const one of tables) {
        const plan = planOf(one);
        if (plan === undefined) continue;
        const { tableId } = plan.table;
        seen.add(tableId);
        const before = kept.get(tableId);
        if (before?.plan.text === plan.text) before.plan = plan;
        else {
          before?.stop();
          kept.set(tableId, { plan, stop: start(plan) });
        }
      }
      for (const [tableId, { stop }] of kept) {
        if (seen.has(tableId)) continue;
        stop();
        kept.delete(tableId);
      }
    },
    close() {
      for (const { stop } of kept.values()) stop();
      kept.clear();
    },
  };
}
