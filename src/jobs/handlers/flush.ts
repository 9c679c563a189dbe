import { assert } from '../../base/index.ts';
import type { JobHandler } from '../types.ts';
import { count } from './words.ts';

/** Whose rows, instead of everyone's. */
export interface FlushParams {
  readonly users: readonly string[];
}

/** Repeatable: rows that an interrupted flush had moved already are cold, and are not moved again. */
export const flushHandler: JobHandler = {
  async run({ storage, table, params, signal, onProgress }) {
    assert(table !== undefined, 'the runner has looked for the table');
    const { rows, users, files, bytes } = await storage.flush(table, {
      ...(params === null ? {} : { userIds: (params as unknown as FlushParams).users }),
      signal,
      onProgress,
    });
    const ofUsers = table.kind === 'user' ? ` of ${count(users, 'user')}` : '';
    return {
      result: { rows_flushed: rows, users, files, bytes },
      summary: `${count(rows, 'row')}${ofUsers} to ${count(files, 'file')}, ${count(bytes, 'byte')}`,
    };
  },
};
