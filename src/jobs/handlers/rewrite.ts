import { PgError, SqlState } from '../../base/index.ts';
import type { JobHandler } from '../types.ts';

/**
 * A rewrite is done by its statement (track.ts), in its transaction: only one that the server's end has interrupted comes here. What it
 * had written was never committed and is removed as the storage opens, so there is nothing to go on with.
 */
export const rewriteHandler: JobHandler = {
  withoutTable: true,
  run: () =>
    Promise.reject(
      new PgError(
        SqlState.adminShutdown,
        'the server stopped before the statement was done; its table is as it was before',
      ),
    ),
};
