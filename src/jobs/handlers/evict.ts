import { assert } from '../../base/index.ts';
import type { JobHandler } from '../types.ts';
import { count } from './words.ts';

/** Removes a stream's expired rows. Repeatable: those that are gone are not there to be removed, and their space is asked for again. */
export const evictHandler: JobHandler = {
  async run({ storage, table, job, signal }) {
    assert(table !== undefined, 'the runner has looked for the table');
    const rows = await storage.evictExpired(table, { again: job.attempts > 1, signal });
    return { result: { rows_evicted: rows }, summary: count(rows, 'expired row') };
  },
};
