import type { CatalogTable, DeferrableUnique, ForeignKey } from '../../../catalog/types.ts';
import type { StoredRow } from '../../../storage/types.ts';
import { requirePgType } from '../../../types/registry.ts';
import { defaultTypeContext } from '../../../types/type.ts';
import type { PgType } from '../../../types/type.ts';
import type { Row, Value } from '../../../types/value.ts';
import type { ConstraintEvent } from './events.ts';
import { hasNull, keyTextOf, sameKey } from './key-text.ts';

/** Events that a statement, or a round of actions that it sets off, has queued. In the order that PostgreSQL fires them. */
export interface EventList {
  readonly events: ConstraintEvent[];
  /** Keys in `events` that need no second event, by constraint. */
  readonly seen: Map<number, Set<string>>;
}

export const eventList = (): EventList => ({ events: [], seen: new Map() });

/** Takes note of one table's changed rows. */
export interface RowEvents {
  inserted(userId: string, rows: readonly Row[]): void;
  /** `before` is the version that was changed. Deleted rows reference nothing and are referenced by none. */
  updated(before: StoredRow, after: Row): void;
  deleted(before: StoredRow): void;
}

export function hasConstraintEvents(table: CatalogTable): boolean {
  const { foreignKeys, referencedBy, deferrableUniques } = table;
  return foreignKeys.length + referencedBy.length + deferrableUniques.length > 0;
}

/** Columns of one constraint in a row. */
interface KeyReader {
  readonly positions: readonly number[];
  readonly types: readonly PgType[];
}

function keyReader(table: CatalogTable, attnums: readonly number[]): KeyReader {
  const positions = attnums.map((attnum) => table.positionOf[attnum] ?? -1);
  const types = positions.map((position) =>
    requirePgType(table.columns[position]?.storedTypeOid ?? 0),
  );
  return { positions, types };
}

const read = ({ positions }: KeyReader, row: Row): Row =>
  positions.map((position) => row[position] ?? null);

/** The row events of a table, written to `list`. One key of one constraint is queued once. */
export function rowEvents(table: CatalogTable, list: EventList): RowEvents {
  const references = table.foreignKeys.filter((key) => key.enforced);
  const referenced = table.referencedBy.filter((key) => key.enforced);
  const childReaders = references.map((key) => keyReader(table, key.childColumns));
  const parentReaders = referenced.map((key) => keyReader(table, key.parentColumns));
  const uniques = table.deferrableUniques;
  const uniqueReaders = uniques.map((unique) => keyReader(table, unique.index.columns));
  const perUser = table.stored.kind === 'user';
  const seenSets = new Map<number, Set<string>>();

  function isNew(oid: number, reader: KeyReader, userId: string, key: Row): boolean {
    let seen = seenSets.get(oid);
    if (seen === undefined) {
      seen = list.seen.get(oid) ?? new Set();
      list.seen.set(oid, seen);
      seenSets.set(oid, seen);
    }
    const text = keyTextOf(reader.types, key);
    const whole = perUser ? `${userId.length} ${userId}${text}` : text;
    if (seen.has(whole)) return false;
    seen.add(whole);
    return true;
  }

  function addReference(constraint: ForeignKey, reader: KeyReader, userId: string, key: Row): void {
    if (constraint.match === 'simple' ? hasNull(key) : key.every((value) => value === null)) return;
    if (!isNew(constraint.oid, reader, userId, key)) return;
    list.events.push({ kind: 'reference', constraint, userId, key });
  }

  function addUnique(
    constraint: DeferrableUnique,
    reader: KeyReader,
    userId: string,
    key: Row,
  ): void {
    if (!constraint.nullsNotDistinct && hasNull(key)) return;
    if (!isNew(constraint.oid, reader, userId, key)) return;
    list.events.push({ kind: 'unique', constraint, userId, key });
  }

  /** The primary key's check goes before foreign keys', other unique keys' after: by the names of PostgreSQL's triggers. */
  function eachUnique(
    primary: boolean,
    visit: (unique: DeferrableUnique, at: number) => void,
  ): void {
    uniques.forEach((unique, at) => {
      if (unique.primary === primary) visit(unique, at);
    });
  }

  return {
    inserted(userId, rows) {
      for (const row of rows) {
        if (uniques.length > 0) {
          eachUnique(true, (unique, at) => {
            const reader = uniqueReaders[at]!;
            addUnique(unique, reader, userId, read(reader, row));
          });
        }
        for (let i = 0; i < references.length; i++) {
          const reader = childReaders[i]!;
          addReference(references[i]!, reader, userId, read(reader, row));
        }
        if (uniques.length > 0) {
          eachUnique(false, (unique, at) => {
            const reader = uniqueReaders[at]!;
            addUnique(unique, reader, userId, read(reader, row));
          });
        }
      }
    },
    updated(before, after) {
      if (before.deleted) return;
      const { userId } = before;
      const uniqueChanged = (unique: DeferrableUnique, at: number): void => {
        const reader = uniqueReaders[at]!;
        const key = read(reader, after);
        if (sameKey(reader.types, read(reader, before.values), key)) return;
        addUnique(unique, reader, userId, key);
      };
      eachUnique(true, uniqueChanged);
      referenced.forEach((constraint, i) => {
        const reader = parentReaders[i]!;
        const key = read(reader, before.values);
        const next = read(reader, after);
        if (hasNull(key) || looksSame(reader.types, key, next)) return;
        list.events.push({ kind: 'keyGone', constraint, userId, key, next });
      });
      references.forEach((constraint, i) => {
        const reader = childReaders[i]!;
        const key = read(reader, after);
        if (sameKey(reader.types, read(reader, before.values), key)) return;
        addReference(constraint, reader, userId, key);
      });
      eachUnique(false, uniqueChanged);
    },
    deleted(before) {
      if (before.deleted) return;
      const { userId } = before;
      referenced.forEach((constraint, i) => {
        const key = read(parentReaders[i]!, before.values);
        if (hasNull(key)) return;
        list.events.push({ kind: 'keyGone', constraint, userId, key, next: undefined });
      });
    },
  };
}

/** Equal to the last digit: ON UPDATE CASCADE follows a change from 1.0 to 1.00, which are equal. */
function looksSame(types: readonly PgType[], left: Row, right: Row): boolean {
  return types.every((type, i) => {
    const a: Value = left[i] ?? null;
    const b: Value = right[i] ?? null;
    if (a === null || b === null) return a === b;
    if (typeof a !== 'object') return Object.is(a, b);
    return type.format(a, defaultTypeContext) === type.format(b, defaultTypeContext);
  });
}
