import { PgError, SqlState } from '../../base/index.ts';

/** Rows that one statement's relation, sort, hash table or materialised sub-query may hold in memory. */
export const workRowsMax = 2_000_000;

/** Milliseconds of uninterrupted work after which the executor lets the event loop turn. */
export const sliceMs = 20;

/** Driving rows between two looks at the clock. */
export const rowsPerClockLook = 64;

export function tooManyRows(what: string): PgError {
  return new PgError(
    SqlState.programLimitExceeded,
    `${what} needs more than ${workRowsMax} rows in memory`,
    { hint: 'Narrow the query down, or SET tide.executor to let another executor run it.' },
  );
}

/** Collects what `run` emits, up to the bound. */
export function limitedRows<T>(what: string, run: (emit: (row: T) => boolean) => void): T[] {
  const rows: T[] = [];
  run((row) => {
    if (rows.length >= workRowsMax) throw tooManyRows(what);
    rows.push(row);
    return true;
  });
  return rows;
}
