/**
 * executor: runs plans. `run-plan.ts` picks one of three executors with one meaning: `row/` (closures over rows),
 * `columnar/` (DuckDB) and `postgres/` (PGlite); `dml/` writes. What each can run exactly it says itself (ExecutorSupport).
 */
import { notSupported } from '../base/index.ts';
import type { ExecutorSupport } from '../planner/plan-select.ts';
import type { Storage } from '../storage/types.ts';
import type { Fallback } from './fallback.ts';
import { rowSupports, runRow, runRowSync } from './row/index.ts';
import type { Executors } from './run-plan.ts';

export function createExecutors(_parts: { readonly storage: Storage; readonly fallback: Fallback }): {
  readonly executors: Executors;
  readonly support: ExecutorSupport;
  readonly close: () => Promise<void>;
} {
  return {
    executors: {
      row: runRow,
      rowSync: runRowSync,
      columnar: () => {
        throw notSupported('columnar');
      },
      postgres: () => {
        throw notSupported('postgres');
      },
    },
    support: {
      row: rowSupports,
      columnar: () => 'not there yet',
      postgres: () => 'not there yet',
      split: () => undefined,
    },
    close: async () => undefined,
  };
}
