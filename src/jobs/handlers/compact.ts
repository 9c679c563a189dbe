import { assert } from '../../base/index.ts';
import type { JobHandler, Json } from '../types.ts';
import { count } from './words.ts';

/** VACUUM's: everything that is superseded, and every small file; otherwise what is worth its cost. */
export function compactParams(everything: boolean): Json {
  return { everything };
}

/** Repeatable: files that have been merged are no longer there to be merged. */
export const compactHandler: JobHandler = {
  async run({ storage, table, params, signal, onProgress }) {
    assert(table !== undefined, 'the runner has looked for the table');
    const everything = (params as { readonly everything?: boolean } | null)?.everything === true;
    const { scopes, filesBefore, filesAfter, bytesBefore, bytesAfter, ...rows } =
      await storage.compact(table, { everything, signal, onProgress });
    // The keys of moved rows go meanwhile.
    if (everything) await storage.vacuum(table);
    return {
      result: {
        scopes,
        files_before: filesBefore,
        files_after: filesAfter,
        bytes_before: bytesBefore,
        bytes_after: bytesAfter,
        rows_rewritten: rows.rowsRead - rows.rowsRemoved,
        rows_removed: rows.rowsRemoved,
        marks_removed: rows.marksRemoved,
        files_left: rows.leftFiles.map(({ path, error }) => `${path}: ${error.message}`),
      },
      summary: `${count(filesBefore, 'file')} to ${filesAfter}, ${count(rows.rowsRead, 'row')} read, ${rows.rowsRemoved} of them superseded`,
    };
  },
};
