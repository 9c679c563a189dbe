/**
 * policy: flushes tables by themselves, as their option `flush_policy` says (catalog/flush-policy.ts).
 *
 * Commits tell which tables, and whose rows, have changed; a moment later those are judged by the storage's own counts of hot rows
 * (row-counter.ts), and what is due is flushed as a job. One flush of a table at a time (watch.ts). Where no table has a policy nothing
 * listens; where nothing is written nothing runs.
 *
 * Debugging: each flush is a job (`system.jobs`), whose params name the users.
 */
import type { Clock } from '../../base/index.ts';
import { parseFlushPolicy } from '../../catalog/flush-policy.ts';
import type { CatalogTable } from '../../catalog/types.ts';
import { userOfRowKey } from '../../storage/index.ts';
import type { CommitEvent, Storage, StoredTable } from '../../storage/types.ts';
import type { SetTimer } from '../timer.ts';
import { systemTimer } from '../timer.ts';
import type { Jobs, JobsLog } from '../types.ts';
import type { Due, Watch } from './watch.ts';
import { createWatch } from './watch.ts';

export interface FlushPoliciesOptions {
  readonly storage: Pick<Storage, 'onCommit' | 'countHotRows'>;
  readonly jobs: Pick<Jobs, 'run'>;
  readonly clock: Clock;
  readonly log: JobsLog;
  /** Default: the system's timers, which keep no process alive. */
  readonly setTimer?: SetTimer;
}

export interface FlushPolicies {
  /** The tables that there are now. To be called at start and after each change of the catalog. */
  follow(tables: readonly CatalogTable[]): void;
  /** A flush that runs is the jobs' to end. */
  close(): void;
}

export function createFlushPolicies(options: FlushPoliciesOptions): FlushPolicies {
  const { storage, jobs, clock, log, setTimer = systemTimer } = options;
  const watches = new Map<number, { readonly watch: Watch; stored: StoredTable; text: string }>();
  let unsubscribe: (() => void) | undefined;

  const watchOptions = {
    clock,
    setTimer,
    count: (table: StoredTable, users?: readonly string[]) => storage.countHotRows(table, users),
    flush: async (table: StoredTable, due: Due) => {
      const params = due === 'all' ? null : { users: due };
      const { job } = await jobs.run('flush', { table, params });
      return (job.result as { readonly rows_flushed: number }).rows_flushed;
    },
    onError: (table: StoredTable, error: unknown) => {
      log.warn(
        { err: error },
        `the flush policy of ${table.namespace}.${table.name} could not be followed; it is tried again`,
      );
    },
  };

  function onCommit({ tables, unlisted }: CommitEvent): void {
    for (const [tableId, rows] of tables) {
      const known = watches.get(tableId);
      if (known === undefined) continue;
      const { watch, stored } = known;
      if (stored.kind !== 'user') watch.wrote('', rows.length);
      else for (const { key } of rows) watch.wrote(userOfRowKey(key), 1);
    }
    for (const tableId of unlisted) watches.get(tableId)?.watch.wrote(undefined, 0);
  }

  function forget(tableId: number): void {
    watches.get(tableId)?.watch.close();
    watches.delete(tableId);
  }

  return {
    follow(tables) {
      const seen = new Set<number>();
      for (const { stored, options: given } of tables) {
        const text = given.get('flush_policy');
        if (text === undefined) continue;
        const { tableId } = stored;
        seen.add(tableId);
        const known = watches.get(tableId);
        if (known === undefined) {
          const watch = createWatch(
            { table: stored, policy: parseFlushPolicy(text) },
            watchOptions,
          );
          watches.set(tableId, { watch, stored, text });
        } else if (known.stored !== stored || known.text !== text) {
          known.watch.become(stored, parseFlushPolicy(text));
          watches.set(tableId, { ...known, stored, text });
        }
      }
      for (const tableId of watches.keys()) if (!seen.has(tableId)) forget(tableId);
      if (watches.size > 0) unsubscribe ??= storage.onCommit(onCommit);
      else {
        unsubscribe?.();
        unsubscribe = undefined;
      }
    },
    close() {
      unsubscribe?.();
      for (const tableId of watches.keys()) forget(tableId);
    },
  };
}
