import type { TableRuntime } from '../keys/table-runtime.ts';
import type { Limits, View } from '../txn/reader.ts';
import type { ScanStats, StoredRow } from '../types.ts';

/** Reading the Parquet files that the manifest lists. */
export interface ColdTier {
  /**
   * The cold versions of some keys of one scope, parallel to `keys`; of each key the one with a seq of at least `leastSeq`.
   * Soft-deleted rows are returned.
   */
  lookup(
    view: View,
    runtime: TableRuntime,
    userId: string,
    limits: Limits,
    keys: readonly Buffer[],
    leastSeq: readonly number[],
    stats?: ScanStats,
  ): Promise<(StoredRow | undefined)[]>;
  /** At least the largest row key in the scope's files; undefined: there are none. */
  maxKey(view: View, runtime: TableRuntime, userId: string): Promise<Buffer | undefined>;
}

/** For a storage without files. */
export const noColdTier: ColdTier = {
  lookup: async (_view, _runtime, _userId, _limits, keys) => keys.map(() => undefined),
  maxKey: async () => undefined,
};
