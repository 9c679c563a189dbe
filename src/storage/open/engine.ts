import type { Clock } from '../../base/index.ts';
import type { Places } from '../cold/places.ts';
import type { ColdTier } from '../tiered/cold-tier.ts';
import type { Engine, Faults, StorageLog, TableState } from '../engine.ts';
import type { HotStore } from '../hot/types.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { tableRuntime } from '../keys/table-runtime.ts';
import type { SequenceStore } from '../sequences.ts';
import { openSequences } from '../sequences.ts';
import { createLockManager } from '../../locks/index.ts';
import { createSequencer } from '../txn/sequencer.ts';
import { createMovedRows } from '../txn/moved-rows.ts';
import { createHistory } from '../txn/serializable.ts';
import type { TransactionState } from '../txn/state.ts';
import type { StoredTable } from '../types.ts';
import { createFileLife } from '../tiered/file-life.ts';
import { loadBulks, newTableState } from './load.ts';
import { serialWork } from './serial.ts';

export interface EngineParts {
  readonly engine: Engine;
  readonly sequences: SequenceStore;
  readonly tableStates: ReadonlyMap<number, TableState>;
  onCommitted(listener: (transaction: TransactionState) => void): void;
  /** Waits for background work. */
  idle(): Promise<void>;
  /** Aborts `closing` and waits for background work. */
  settle(): Promise<void>;
}

/** Puts the parts that all of storage shares together; nothing runs yet. */
export async function openEngine(
  store: HotStore,
  makeCold: (engine: () => Engine) => ColdTier,
  options: {
    readonly clock: Clock;
    readonly log: StorageLog;
    readonly faults: Faults;
    readonly places: Places;
  },
): Promise<EngineParts> {
  const sequencer = createSequencer(store);
  const sequences = await openSequences(store, sequencer);
  const tableStates = new Map<number, TableState>();
  const runtimes = new WeakMap<StoredTable, TableRuntime>();
  const working = new Set<Promise<void>>();
  const closing = new AbortController();
  const committed: ((transaction: TransactionState) => void)[] = [];
  const inTurn = serialWork();
  const background = (work: Promise<void>): void => {
    const guarded = work
      .catch((error: unknown) => {
        if (!closing.signal.aborted)
          options.log.error({ err: error }, 'background work of the storage failed');
      })
      .finally(() => working.delete(guarded));
    working.add(guarded);
  };

  const engine: Engine = {
    store,
    sequencer,
    counters: sequencer.counters,
    clock: options.clock,
    log: options.log,
    faults: options.faults,
    cold: makeCold(() => engine),
    places: options.places,
    files: createFileLife(options.places, options.log, inTurn, background, closing.signal),
    inTurn,
    bulks: await loadBulks(store),
    bulkOwners: new Map(),
    locks: createLockManager(),
    history: createHistory(),
    movedRows: createMovedRows(),
    listeners: new Set(),
    unfixedReaders: [],
    closing: closing.signal,
    tableState(tableId) {
      let state = tableStates.get(tableId);
      if (state === undefined) {
        state = newTableState(tableId);
        tableStates.set(tableId, state);
      }
      return state;
    },
    runtime(table) {
      let runtime = runtimes.get(table);
      if (runtime === undefined) {
        runtime = tableRuntime(table);
        runtimes.set(table, runtime);
      }
      return runtime;
    },
    sequencesDirty: () => sequences.dirty,
    committed(transaction) {
      for (const listener of committed) listener(transaction);
    },
    background,
  };
  sequencer.onRecord((tableId) => tableStates.get(tableId)?.limits.clear());
  sequencer.beforeWrite(() => {
    // From the end, as each takes itself out.
    const { unfixedReaders } = engine;
    for (let i = unfixedReaders.length - 1; i >= 0; i--) unfixedReaders[i]!.fix();
  });
  return {
    engine,
    sequences,
    tableStates,
    onCommitted: (listener) => void committed.push(listener),
    async idle() {
      while (working.size > 0) await Promise.allSettled(working);
    },
    async settle() {
      closing.abort();
      while (working.size > 0) await Promise.allSettled(working);
    },
  };
}
