import type { DeferrableUnique, ForeignKey } from '../../../catalog/types.ts';
import type { Row } from '../../../types/value.ts';

/** A referencing key has been written: its parent must be there when the event fires. Once for a key, however many rows. */
export interface ReferenceEvent {
  readonly kind: 'reference';
  readonly constraint: ForeignKey;
  /** Whose row it is; `''` in shared and stream tables. */
  readonly userId: string;
  /** Parallel to the constraint's childColumns. */
  readonly key: Row;
}

/** A referenced key is no more: its row was deleted, or has another key now. */
export interface KeyGoneEvent {
  readonly kind: 'keyGone';
  readonly constraint: ForeignKey;
  /** Of the referenced row. */
  readonly userId: string;
  /** Parallel to the constraint's parentColumns. */
  readonly key: Row;
  /** The key of the row's new version; undefined: the row is gone. */
  readonly next: Row | undefined;
}

/** A key of a deferrable unique constraint has been written: it must be the only one when the event fires. */
export interface UniqueEvent {
  readonly kind: 'unique';
  readonly constraint: DeferrableUnique;
  readonly userId: string;
  /** Parallel to the index's columns. */
  readonly key: Row;
}

/** What PostgreSQL queues as an AFTER trigger's event, at the end of a statement or of the transaction. */
export type ConstraintEvent = ReferenceEvent | KeyGoneEvent | UniqueEvent;

/** The action that a KeyGoneEvent asks for. */
export function actionOf(event: KeyGoneEvent): ForeignKey['onDelete'] {
  return event.next === undefined ? event.constraint.onDelete : event.constraint.onUpdate;
}

/** Whether it may wait for COMMIT: actions that change rows, and RESTRICT, never do. */
export function isDeferrable(event: ConstraintEvent): boolean {
  switch (event.kind) {
    case 'unique':
      return true;
    case 'reference':
      return event.constraint.deferrable;
    case 'keyGone':
      return event.constraint.deferrable && actionOf(event) === 'noAction';
  }
}

/** The table whose row the event is about. */
export function relidOf(event: ConstraintEvent): number {
  switch (event.kind) {
    case 'unique':
      return event.constraint.relid;
    case 'reference':
      return event.constraint.child;
    case 'keyGone':
      return event.constraint.parent;
  }
}

/** A constraint as a table has it now. DDL of the own transaction may have to be repeated, which gives it another OID. */
export function sameConstraint<T extends { readonly oid: number; readonly name: string }>(
  constraints: readonly T[] | undefined,
  wanted: Pick<T, 'oid' | 'name'>,
): T | undefined {
  return (
    constraints?.find(({ oid }) => oid === wanted.oid) ??
    constraints?.find(({ name }) => name === wanted.name)
  );
}
