/**
 * A cursor's position among its rows, as PostgreSQL keeps a portal's (pquery.c: DoPortalRunFetch, PortalRunSelect and
 * DoPortalRewind): before the first row, on a row, or behind the last one, and how it moves.
 */
import { PgError, SqlState } from '../../base/index.ts';
import type { CursorStatement } from '../../sql/index.ts';
import type { Row } from '../../types/value.ts';
import type { DrainLimit, RowFeed } from './row-feed.ts';
import { drainLimitReached } from './row-feed.ts';

export type Direction = Extract<CursorStatement, { direction: unknown }>['direction'];

export interface CursorOptions {
  readonly name: string;
  readonly feed: RowFeed;
  /**
   * Whether rows are kept to go back to: SCROLL keeps all (54000 past `limit`), NO SCROLL none. `some`: it was not said, and
   * the query is one that PostgreSQL could run backwards: kept as long as they are few.
   */
  readonly scroll: 'all' | 'some' | 'none';
  readonly limit: DrainLimit;
  /** Rows that were read from the same portal before: where it stands. */
  readonly position?: number;
  /** Looks for a cancel while it reads, and runs `work` under it. */
  readonly guard: <T>(work: () => Promise<T>) => Promise<T>;
}

/** FETCH's rows: read already when they are few, else as they are asked for. */
export type Fetched =
  | { readonly kind: 'rows'; readonly rows: readonly Row[] }
  | { readonly kind: 'batches'; readonly batches: AsyncIterable<Row[]> };

/** One call at a time. A call that fails leaves a cursor that can't be used any more (55000). */
export interface Cursor {
  /** Backward moves are allowed now. */
  readonly scrollable: boolean;
  /** Of no use any more. */
  readonly failed: boolean;
  /** All rows have been passed. */
  readonly atEnd: boolean;
  /** The row that it stands on. */
  readonly current: Row | undefined;
  fetch(direction: Direction, count: number): Promise<Fetched>;
  /** Returns how many rows a FETCH would have given. */
  move(direction: Direction, count: number): Promise<number>;
  /** Up to `count` rows on (Infinity: all), without bringing them together. */
  forward(count: number): Promise<AsyncIterable<Row[]>>;
  /** Reads all that is left into memory: later writes are not seen. */
  drain(errors: 'now' | 'later'): Promise<void>;
  close(): Promise<void>;
}

/** Rows behind it that a cursor declared neither SCROLL nor NO SCROLL keeps; once past, it can only go forward. */
const keptRowsMax = 10_000;
/** Rows that FETCH brings together; more are handed on as they come. */
const fetchedTogetherMax = 2048;
/** Rows read at a time. */
const stepRows = 2048;

function forwardOnly(): PgError {
  return new PgError(SqlState.objectNotInPrerequisiteState, 'cursor can only scan forward', {
    hint: 'Declare it with SCROLL option to enable backward scan.',
  });
}

/** Rows of a FETCH that the client has not asked for yet, though the cursor counts as having passed them. */
interface Flight {
  left: number;
  readonly read: Row[][];
  /** Nobody will ask. */
  abandoned: boolean;
}

export function createCursor(options: CursorOptions): Cursor {
  const { feed, limit } = options;
  /** Row 1 and on, as far as read. Undefined: only forward. */
  let kept: Row[] | undefined = options.scroll === 'none' ? undefined : [];
  let current: Row | undefined;
  /** PostgreSQL's three: portalPos, atStart, atEnd. */
  let position = options.position ?? 0;
  let atStart = position === 0;
  let atEnd = false;
  let failed = false;
  let flight: Flight | undefined;

  /** Up to `count` next rows, at least one; none: the end. */
  async function next(count: number): Promise<readonly Row[]> {
    const wanted = Math.min(count, stepRows);
    if (kept !== undefined && position < kept.length) {
      return kept.slice(position, position + wanted);
    }
    const rows = await feed.take(wanted);
    if (kept !== undefined) {
      if (options.scroll === 'some' && kept.length + rows.length > keptRowsMax) kept = undefined;
      else {
        for (const row of rows) kept.push(row);
        if (kept.length > limit.rowsMax) throw drainLimitReached(limit);
      }
    }
    return rows;
  }

  /** PortalRunSelect, forward: one step of it. None: nothing more in this direction. */
  async function stepForward(count: number): Promise<readonly Row[]> {
    if (atEnd || count <= 0) return [];
    const rows = await next(count);
    if (rows.length === 0) {
      atEnd = true;
      current = undefined;
      return rows;
    }
    atStart = false;
    position += rows.length;
    current = rows.at(-1);
    return rows;
  }

  async function runForward(count: number, into?: Row[]): Promise<number> {
    let done = 0;
    while (done < count) {
      const rows = await stepForward(count - done);
      if (rows.length === 0) break;
      done += rows.length;
      if (into !== undefined) for (const row of rows) into.push(row);
    }
    return done;
  }

  /** PortalRunSelect, backward. */
  function runBackward(count: number, into?: Row[]): number {
    if (kept === undefined) throw forwardOnly();
    if (atStart || count <= 0) return 0;
    // Rows before the one that it stands on; behind the last one, all.
    const before = atEnd ? position : position - 1;
    const done = Math.min(count, before);
    for (let i = 1; i <= done; i++) into?.push(kept[before - i]!);
    if (done > 0) atEnd = false;
    if (done < count) {
      atStart = true;
      position = 0;
      current = undefined;
    } else {
      position = before - done + 1;
      current = kept[position - 1];
    }
    return done;
  }

  /** DoPortalRewind. */
  function rewind(): void {
    if (atStart && !atEnd) return;
    if (kept === undefined) throw forwardOnly();
    atStart = true;
    atEnd = false;
    position = 0;
    current = undefined;
  }

  async function absolute(count: number, into?: Row[]): Promise<number> {
    if (count === 0) {
      rewind();
      return 0;
    }
    if (count < 0) {
      await runForward(Infinity);
      if (count < -1) runBackward(-count - 1);
      return runBackward(1, into);
    }
    if (count - 1 <= position / 2) {
      rewind();
      if (count > 1) await runForward(count - 1);
    } else {
      const from = atEnd ? position + 1 : position;
      if (count <= from) runBackward(from - count + 1);
      else if (count > from + 1) await runForward(count - from - 1);
    }
    return runForward(1, into);
  }

  async function relative(count: number, into?: Row[]): Promise<number> {
    if (count > 0) {
      if (count > 1) await runForward(count - 1);
      return runForward(1, into);
    }
    if (count < -1) runBackward(-count - 1);
    return runBackward(1, into);
  }

  /** DoPortalRunFetch. `into` undefined: MOVE. */
  async function run(direction: Direction, count: number, into?: Row[]): Promise<number> {
    if (direction === 'absolute') return absolute(count, into);
    if (direction === 'relative' && count !== 0) return relative(count, into);
    const forward = (direction !== 'backward') === count >= 0;
    const rows = Math.abs(count);
    if (rows === 0) {
      const onRow = !atStart && !atEnd;
      if (into === undefined) return onRow ? 1 : 0;
      if (!onRow) return direction === 'backward' ? runBackward(0) : 0;
      // The row again: one back, one forward.
      runBackward(1);
      return runForward(1, into);
    }
    if (forward) return runForward(rows, into);
    if (rows === Infinity && into === undefined) {
      const passed = position > 0 && !atEnd ? position - 1 : position;
      rewind();
      return passed;
    }
    return runBackward(rows, into);
  }

  /** The rows of a long FETCH as they are asked for. */
  async function* inPieces(own: Flight): AsyncGenerator<Row[]> {
    try {
      for (;;) {
        const read = own.read.shift();
        if (read !== undefined) yield read;
        else if (own.left <= 0) return;
        else {
          const rows = await guarded(() => stepForward(own.left));
          if (rows.length === 0) own.left = 0;
          else {
            own.left -= rows.length;
            yield [...rows];
          }
        }
      }
    } finally {
      own.abandoned = true;
    }
  }

  /** Moves past what a FETCH before has promised; its rows wait in memory when somebody may still ask for them. */
  async function settle(): Promise<void> {
    const own = flight;
    flight = undefined;
    if (own === undefined) return;
    let waiting = 0;
    while (own.left > 0) {
      const rows = await stepForward(own.left);
      if (rows.length === 0) break;
      own.left -= rows.length;
      if (own.abandoned) continue;
      own.read.push([...rows]);
      waiting += rows.length;
      if (waiting > limit.rowsMax) throw drainLimitReached(limit);
    }
    own.left = 0;
  }

  /** A cancel is looked for, and a failure marks the cursor as failed. */
  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    if (failed) {
      throw new PgError(
        SqlState.objectNotInPrerequisiteState,
        `portal "${options.name}" cannot be run`,
      );
    }
    try {
      return await options.guard(work);
    } catch (error) {
      failed = true;
      throw error;
    }
  }

  const call = <T>(work: () => Promise<T>): Promise<T> =>
    guarded(async () => {
      await settle();
      return work();
    });

  const forward = (count: number): Promise<AsyncIterable<Row[]>> =>
    call(() => {
      flight = { left: count, read: [], abandoned: false };
      return Promise.resolve(inPieces(flight));
    });

  return {
    get scrollable() {
      return kept !== undefined;
    },
    get failed() {
      return failed;
    },
    get atEnd() {
      return atEnd;
    },
    get current() {
      return atStart || atEnd ? undefined : current;
    },
    fetch: async (direction, count) => {
      if (direction === 'forward' && count > fetchedTogetherMax) {
        return { kind: 'batches', batches: await forward(count) };
      }
      const rows: Row[] = [];
      await call(() => run(direction, count, rows));
      return { kind: 'rows', rows };
    },
    move: (direction, count) => call(() => run(direction, count)),
    forward,
    drain: async (errors) => {
      // One that has failed reads no more.
      if (!failed || errors === 'now') await guarded(() => feed.drain(limit, errors));
    },
    close: async () => {
      failed = true;
      kept = undefined;
      await feed.close();
    },
  };
}
