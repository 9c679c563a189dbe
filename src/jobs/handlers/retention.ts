import { assert } from '../../base/index.ts';
import type { JobHandler, Json } from '../types.ts';
import { count } from './words.ts';

/** `before`: microseconds since 2000-01-01 UTC; rows deleted earlier go. Fixed when the job is made: what the table's option said then. */
export function retentionParams(before: bigint): Json {
  return { deleted_before: String(before) };
}

/** Repeatable: what is gone is not there to be removed; files that still hold removed rows are written again each time. */
export const retentionHandler: JobHandler = {
  async run({ storage, table, job, params, signal, onProgress }) {
    assert(table !== undefined, 'the runner has looked for the table');
    const { deleted_before: before } = params as { readonly deleted_before: string };
    const rows = await storage.removeDeleted(table, {
      before: BigInt(before),
      again: job.attempts > 1,
      signal,
    });
    onProgress(0.5);
    const { rowsRemoved } = await storage.compact(table, {
      purge: true,
      signal,
      onProgress: (fraction) => onProgress(0.5 + fraction / 2),
    });
    return {
      result: { rows_removed: rows, rows_removed_from_files: rowsRemoved },
      summary: `${count(rows, 'deleted row')} removed for good, ${rowsRemoved} superseded ones from files`,
    };
  },
};
