import { PgError, SqlState } from '../../base/index.ts';
import type { Row } from '../../types/value.ts';

/** A result's rows, read once from front to end. Not re-entrant: one call at a time. */
export interface RowFeed {
  /** Gets the first rows ready: an error comes now, and again when they are taken. */
  prime(): Promise<void>;
  /** The next rows, at least one and at most `rowsMax`; none: the end. */
  take(rowsMax: number): Promise<readonly Row[]>;
  /**
   * Reads the rest into memory, so that nothing that happens later can change it. A row that fails does so now, or `later`:
   * when it is taken. @throws 54000 past `limit`
   */
  drain(limit: DrainLimit, errors: 'now' | 'later'): Promise<void>;
  /** Lets go of what the rows come from; there are no more then. */
  close(): Promise<void>;
}

/** tide.materialize_limit, and whose rows it is about. */
export interface DrainLimit {
  readonly rowsMax: number;
  /** As the error says it: `cursor "c"`. */
  readonly of: string;
}

export function drainLimitReached({ rowsMax, of }: DrainLimit): PgError {
  return new PgError(
    SqlState.programLimitExceeded,
    `${of} would keep more than ${rowsMax} rows in memory`,
    { hint: 'Close it first, or raise tide.materialize_limit.' },
  );
}

/** The rows that `batches` yields. Before each look at them `check` may throw. */
export function feedOf(
  batches: AsyncIterable<readonly Row[]>,
  check: () => void = () => undefined,
): RowFeed {
  const iterator = batches[Symbol.asyncIterator]();
  /** Read and not yet taken: of the first batch what lies behind `at`. */
  let pending: (readonly Row[])[] = [];
  let at = 0;
  let ended = false;
  /** What came in place of the next row. */
  let failure: { readonly error: unknown } | undefined;

  async function read(): Promise<void> {
    check();
    if (failure !== undefined) throw failure.error;
    try {
      const next = await iterator.next();
      if (next.done === true) ended = true;
      else if (next.value.length > 0) pending.push(next.value);
    } catch (error) {
      failure = { error };
      throw error;
    }
  }
  async function prime(): Promise<void> {
    while (pending.length === 0 && !ended) await read();
  }

  return {
    prime,
    take: async (rowsMax) => {
      await prime();
      const [first] = pending;
      if (first === undefined) return [];
      const rows = at === 0 && first.length <= rowsMax ? first : first.slice(at, at + rowsMax);
      at += rows.length;
      if (at === first.length) {
        pending.shift();
        at = 0;
      }
      return rows;
    },
    drain: async (limit, errors) => {
      let rows = pending.reduce((sum, batch) => sum + batch.length, -at);
      while (!ended && (failure === undefined || errors === 'now')) {
        const before = pending.length;
        try {
          await read();
        } catch (error) {
          // A cancel is of the statement that runs.
          check();
          if (errors === 'now') throw error;
        }
        if (pending.length > before) rows += pending.at(-1)!.length;
        if (rows > limit.rowsMax) throw drainLimitReached(limit);
      }
    },
    close: async () => {
      ended = true;
      pending = [];
      at = 0;
      await iterator.return?.();
    },
  };
}

/** Rows that are in memory already. */
export function feedOfRows(rows: readonly Row[]): RowFeed {
  let at = 0;
  return {
    prime: () => Promise.resolve(),
    take: (rowsMax) => {
      const some = rows.slice(at, at + rowsMax);
      at += some.length;
      return Promise.resolve(some);
    },
    drain: () => Promise.resolve(),
    close: () => {
      at = rows.length;
      return Promise.resolve();
    },
  };
}
