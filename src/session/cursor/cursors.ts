/**
 * A session's cursors. A cursor is a portal: DECLARE opens one by SQL, Bind by the protocol, both may fetch from either, and
 * their names are the same names. Those WITH HOLD are read into memory at COMMIT and then live in `held`.
 */
import { PgError, SqlState } from '../../base/index.ts';
import type { CursorTarget } from '../../planner/cursor-query.ts';
import type { Statement } from '../../sql/index.ts';
import type { ResultReader } from '../portal.ts';
import type { SlotMap } from '../slot-map.ts';
import type { Portal, SessionState } from '../state.ts';
import type { Participant } from '../transaction.ts';
import type { Cursor } from './cursor.ts';
import { createCursor } from './cursor.ts';
import { guardOf } from './guard.ts';
import { refuseInUse } from './refuse-in-use.ts';
import { feedOfRows } from './row-feed.ts';
import type { DrainLimit } from './row-feed.ts';

/** What DECLARE said, and what is known of its query. */
export interface Declared {
  /** DECLARE's own text, for pg_cursors. */
  readonly text: string;
  readonly binary: boolean;
  readonly hold: boolean;
  /** What WHERE CURRENT OF may mean. */
  readonly targets: readonly CursorTarget[];
  readonly locked: boolean;
}

export interface OpenCursor {
  readonly cursor: Cursor;
  /** Undefined: a portal of the protocol. */
  readonly declared: Declared | undefined;
}

export interface Cursors extends Participant {
  /** Portals of this transaction that SQL has declared or fetched from. */
  readonly open: number;
  /** Something is half read that a write of this transaction would show in. */
  readonly halfRead: boolean;
  /** Those that outlived their transaction, by name. */
  readonly held: ReadonlyMap<string, Portal>;
  /** The number of the portal that opens next. */
  opening(): number;
  find(name: string): Portal | undefined;
  add(portal: Portal): void;
  /** Closes the portal: its name is free again. */
  close(portal: Portal): Promise<void>;
  /** What closing a portal means for its cursor; the portal itself is the caller's. */
  release(portal: Portal): Promise<void>;
  /** The portal as a cursor. One of the protocol is begun if need be, and goes on as a cursor from where it is. */
  cursorOf(portal: Portal): Promise<OpenCursor>;
  /**
   * Reads what is half read into memory: before a statement that writes, whose writes it must not see.
   * @throws 55006 when the statement takes a table away that is being read
   */
  beforeWrite(statement: Statement): Promise<void>;
  /** CLOSE ALL: every portal but the one that runs. */
  closeAll(running: unknown): Promise<void>;
  /** ROLLBACK TO: portals opened since `mark()` gave this. */
  closeOpenedSince(mark: number): Promise<void>;
}

export interface CursorHost {
  readonly state: SessionState;
  readonly readers: SlotMap<Portal, ResultReader>;
  /** Runs a portal's statement up to its first rows. */
  begin(portal: Portal): Promise<ResultReader>;
  closePortal(portal: Portal): Promise<void>;
}

/** How many rows a cursor may keep in memory. */
export function drainLimitOf(session: SessionState, name: string): DrainLimit {
  const limit = session.settings.get('tide.materialize_limit');
  return {
    rowsMax: limit === undefined ? session.engine.materializeLimitRows : Number(limit),
    of: name === '' ? 'the unnamed portal' : `cursor "${name}"`,
  };
}

function noRows(): PgError {
  return new PgError(SqlState.internalError, 'unsupported portal strategy');
}

export function createCursors(host: CursorHost): Cursors {
  const { state, readers } = host;
  const held = new Map<string, Portal>();
  /** Held by the commit that is under way: they go when it fails. */
  let fresh: string[] = [];
  let open = 0;
  let opened = 0;

  const closeOpenedSince = async (mark: number): Promise<void> => {
    for (const portal of state.portals.values()) {
      if (portal.opened > mark) await host.closePortal(portal);
    }
  };

  const release = async (portal: Portal): Promise<void> => {
    if (held.get(portal.name) === portal) held.delete(portal.name);
    else if (portal.open !== undefined) open--;
    const { open: was } = portal;
    portal.open = undefined;
    await was?.cursor.close().catch(() => undefined);
  };

  /** PreCommit_Portals: WITH HOLD ones get all their rows now, the others end. */
  async function beforeCommit(): Promise<void> {
    for (const portal of state.portals.values()) {
      if (portal.open?.declared?.hold !== true || portal.open.cursor.failed) continue;
      await portal.open.cursor.drain('now');
      state.portals.delete(portal.name);
      held.set(portal.name, portal);
      fresh.push(portal.name);
      open--;
    }
    for (const portal of state.portals.values()) await host.closePortal(portal);
  }

  return {
    held,
    get open() {
      return open;
    },
    get halfRead() {
      return open > 0 || readers.size > 0;
    },
    opening: () => ++opened,
    find: (name) => state.portals.get(name) ?? held.get(name),
    add: (portal) => {
      if (state.portals.has(portal.name) || held.has(portal.name)) {
        throw new PgError(SqlState.duplicateCursor, `cursor "${portal.name}" already exists`);
      }
      state.portals.set(portal.name, portal);
      open++;
    },
    close: host.closePortal,
    release,
    cursorOf: async (portal) => {
      if (portal.open !== undefined) return portal.open;
      const limit = drainLimitOf(state, portal.name);
      if (portal.prepared.fields === undefined) throw noRows();
      const reader = readers.get(portal);
      const rest =
        portal.completedTag === undefined
          ? (reader ?? (await host.begin(portal))).rest()
          : { feed: feedOfRows([]), sent: 0 };
      if (rest === undefined) throw noRows();
      readers.delete(portal);
      const cursor = createCursor({
        name: portal.name,
        feed: rest.feed,
        scroll: 'none',
        limit,
        position: rest.sent,
        guard: guardOf(state),
      });
      portal.open = { cursor, declared: undefined };
      open++;
      return portal.open;
    },
    beforeWrite: async (statement) => {
      const reading = state.portals
        .values()
        .filter((portal) => portal.open !== undefined || readers.has(portal));
      refuseInUse(state, statement, reading);
      for (const portal of reading) {
        if (portal.open !== undefined) await portal.open.cursor.drain('later');
        else await readers.get(portal)?.drain(drainLimitOf(state, portal.name));
      }
    },
    closeAll: async (running) => {
      for (const portal of [...state.portals.values(), ...held.values()]) {
        if (portal !== running) await host.closePortal(portal);
      }
    },
    closeOpenedSince,
    mark: () => opened,
    rollbackTo: (mark) => closeOpenedSince(mark as number),
    beforeCommit: () => (open === 0 ? undefined : beforeCommit()),
    get pending() {
      return open > 0;
    },
    ended: (committed) => {
      if (!committed) for (const name of fresh) held.delete(name);
      fresh = [];
      if (open === 0) return;
      for (const portal of state.portals.values()) {
        if (portal.open !== undefined) void host.closePortal(portal);
      }
    },
  };
}
