import type { CatalogSnapshot } from '../../../catalog/types.ts';
import { requirePgType } from '../../../types/registry.ts';
import type { PgType } from '../../../types/type.ts';
import type { ConstraintEvent } from './events.ts';
import { isDeferrable, relidOf } from './events.ts';
import { keyTextOf } from './key-text.ts';

/** What SET CONSTRAINTS has said in this transaction (trigger.c, SetConstraintState). */
interface Modes {
  readonly all: boolean | undefined;
  /** By the constraint's OID: whether it is deferred. */
  readonly one: ReadonlyMap<number, boolean>;
}

interface Entry {
  readonly event: ConstraintEvent;
  readonly text: string;
  /** The firing that it was taken in; 0: it waits. */
  firedIn: number;
}

/** Where a queue stood when a savepoint was set. */
export interface QueueMark {
  readonly entries: number;
  readonly firings: number;
  readonly modes: Modes;
}

/** One transaction's deferred checks and its constraints' modes. */
export interface ConstraintQueue {
  /** SET CONSTRAINTS; undefined: ALL. */
  setModes(oids: readonly number[] | undefined, deferred: boolean): void;
  /** Whether the event waits for COMMIT, as its constraint's mode is now. */
  defers(event: ConstraintEvent): boolean;
  add(event: ConstraintEvent, catalog: CatalogSnapshot): void;
  /** Takes the waiting events that are to fire now: those no longer deferred, or all. */
  take(which: 'immediate' | 'all'): ConstraintEvent[];
  readonly waiting: boolean;
  /** Whether an event waits that is about a row of the table: it may not be altered, truncated or dropped. */
  waitsFor(relid: number): boolean;
  /** Users whose rows of the table this transaction has written, perhaps rolled back since. */
  writers(relid: number): ReadonlySet<string>;
  noteWriter(relid: number, userId: string): void;
  mark(): QueueMark;
  /** Takes back events and modes since the mark; what has fired since waits again. */
  rollbackTo(mark: QueueMark): void;
  /** The transaction is over. */
  clear(): void;
}

const noModes: Modes = { all: undefined, one: new Map() };
const nobody: ReadonlySet<string> = new Set();

export function createConstraintQueue(): ConstraintQueue {
  let entries: Entry[] = [];
  /** Texts of the waiting entries: a key that waits to be checked need not wait twice. */
  let texts = new Set<string>();
  let modes = noModes;
  let firings = 0;
  let waiting = 0;
  const writers = new Map<number, Set<string>>();

  const defers = (event: ConstraintEvent): boolean => {
    if (!isDeferrable(event)) return false;
    const { oid, initiallyDeferred } = event.constraint;
    return modes.one.get(oid) ?? modes.all ?? initiallyDeferred;
  };

  const recount = (): void => {
    const left = entries.filter((entry) => entry.firedIn === 0);
    waiting = left.length;
    texts = new Set(left.map((entry) => entry.text));
  };

  return {
    setModes(oids, deferred) {
      if (oids === undefined) {
        modes = { all: deferred, one: new Map() };
        return;
      }
      const one = new Map(modes.one);
      for (const oid of oids) one.set(oid, deferred);
      modes = { ...modes, one };
    },
    defers,
    add(event, catalog) {
      const text = eventText(event, catalog);
      if (texts.has(text)) return;
      texts.add(text);
      entries.push({ event, text, firedIn: 0 });
      waiting++;
    },
    take(which) {
      if (waiting === 0) return [];
      firings++;
      const taken: ConstraintEvent[] = [];
      for (const entry of entries) {
        if (entry.firedIn !== 0 || (which === 'immediate' && defers(entry.event))) continue;
        entry.firedIn = firings;
        texts.delete(entry.text);
        taken.push(entry.event);
      }
      waiting -= taken.length;
      return taken;
    },
    get waiting() {
      return waiting > 0;
    },
    waitsFor: (relid) =>
      waiting > 0 &&
      entries.some(({ event, firedIn }) => firedIn === 0 && relidOf(event) === relid),
    writers: (relid) => writers.get(relid) ?? nobody,
    noteWriter(relid, userId) {
      const known = writers.get(relid);
      if (known === undefined) writers.set(relid, new Set([userId]));
      else known.add(userId);
    },
    mark: () => ({ entries: entries.length, firings, modes }),
    rollbackTo(mark) {
      entries.length = mark.entries;
      for (const entry of entries) if (entry.firedIn > mark.firings) entry.firedIn = 0;
      modes = mark.modes;
      recount();
    },
    clear() {
      if (entries.length > 0) {
        entries = [];
        texts = new Set();
      }
      if (writers.size > 0) writers.clear();
      modes = noModes;
      firings = 0;
      waiting = 0;
    },
  };
}

function eventText(event: ConstraintEvent, catalog: CatalogSnapshot): string {
  const { kind, constraint, userId, key } = event;
  const table = catalog.table(relidOf(event));
  const columns =
    event.kind === 'unique'
      ? event.constraint.index.columns
      : event.kind === 'reference'
        ? event.constraint.childColumns
        : event.constraint.parentColumns;
  const types = columns.map((attnum): PgType => {
    const column = table?.columns[table.positionOf[attnum] ?? -1];
    return requirePgType(column?.storedTypeOid ?? 0);
  });
  return `${constraint.oid} ${kind} ${userId.length} ${userId}${keyTextOf(types, key)}`;
}
