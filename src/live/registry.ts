import type { PgError } from '../base/index.ts';

/** A query that stays open for a client, as system.live_queries shows it. */
export interface LiveQuery {
  /** Unique while the server runs. */
  readonly queryId: bigint;
  /** The session that it belongs to. */
  readonly processId: number;
  /** The role that it runs as. */
  readonly role: string;
  /** tide.user_id that it runs under. */
  readonly userId: string;
  readonly text: string;
  /** Storage ids of the tables that it reads. */
  readonly tableIds: ReadonlySet<number>;
  /** Microseconds since 2000-01-01 UTC. */
  readonly startedAt: bigint;
}

export interface LiveRegistration {
  readonly queryId: bigint;
  /** To be called once the query has ended, by whomever; more calls do nothing. */
  unregister(): void;
}

/** The live queries of this server. */
export interface LiveQueries {
  /**
   * Whoever registers holds a lock on the tables meanwhile (as a reader's), so that no DROP TABLE misses it. `end` tells the client of
   * the error; it is called at most once, must not throw, and needs not unregister.
   */
  register(query: Omit<LiveQuery, 'queryId'>, end: (error: PgError) => void): LiveRegistration;
  /** By query id. */
  list(): readonly LiveQuery[];
  ofTable(tableId: number): readonly LiveQuery[];
  /** Ends every query that reads the table; returns how many. */
  endByTable(tableId: number, error: PgError): number;
}

interface Registered {
  readonly query: LiveQuery;
  readonly end: (error: PgError) => void;
}

export function createLiveQueries(): LiveQueries {
  /** By query id, which rises. */
  const registered = new Map<bigint, Registered>();
  /** The same by table, so that a commit's or a DROP's look costs nothing where there are none. */
  const byTable = new Map<number, Set<Registered>>();
  let last = 0n;

  function remove(entry: Registered): void {
    if (!registered.delete(entry.query.queryId)) return;
    for (const tableId of entry.query.tableIds) {
      const entries = byTable.get(tableId);
      entries?.delete(entry);
      if (entries?.size === 0) byTable.delete(tableId);
    }
  }

  const ofTable = (tableId: number): Registered[] => [...(byTable.get(tableId) ?? [])];

  return {
    register(query, end) {
      const queryId = (last += 1n);
      const entry: Registered = { query: { ...query, queryId }, end };
      registered.set(queryId, entry);
      for (const tableId of query.tableIds) {
        const entries = byTable.get(tableId);
        if (entries === undefined) byTable.set(tableId, new Set([entry]));
        else entries.add(entry);
      }
      return { queryId, unregister: () => remove(entry) };
    },
    list: () => [...registered.values()].map(({ query }) => query),
    ofTable: (tableId) => ofTable(tableId).map(({ query }) => query),
    endByTable(tableId, error) {
      const entries = ofTable(tableId);
      for (const entry of entries) {
        remove(entry);
        entry.end(error);
      }
      return entries.length;
    },
  };
}
