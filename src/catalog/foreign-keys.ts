import { notSupported } from '../base/index.ts';
import type { StoredIndex } from '../storage/types.ts';
import { keyConversion } from './key-conversion.ts';
import type { MirrorConstraint, MirrorRelation } from './read-mirror.ts';
import type { CatalogTable } from './types.ts';

/** What becomes of referencing rows when the referenced key goes or changes (pg_constraint.confdeltype, confupdtype). */
export type ReferentialAction = 'noAction' | 'restrict' | 'cascade' | 'setNull' | 'setDefault';

/** A FOREIGN KEY; belongs to the referencing table, and is listed by the referenced one as well. Frozen. */
export interface ForeignKey {
  /** pg_constraint.oid: order of creation, and identity within this process. */
  readonly oid: number;
  readonly name: string;
  /** Referencing and referenced table, by relid. */
  readonly child: number;
  readonly parent: number;
  /** attnums, parallel to each other. */
  readonly childColumns: readonly number[];
  readonly parentColumns: readonly number[];
  readonly match: 'simple' | 'full';
  readonly onDelete: ReferentialAction;
  readonly onUpdate: ReferentialAction;
  /** ON DELETE SET NULL (a, …): attnums of the child; empty: all of childColumns. */
  readonly deleteSetColumns: readonly number[];
  readonly deferrable: boolean;
  readonly initiallyDeferred: boolean;
  /** False after NOT VALID: only rows written since are sure to fulfil it. */
  readonly validated: boolean;
  /** False: NOT ENFORCED, there to be read only. */
  readonly enforced: boolean;
}

/** A DEFERRABLE primary key or unique constraint: stored as an index that lets duplicates in, checked at the statement's end or later. */
export interface DeferrableUnique {
  readonly oid: number;
  readonly name: string;
  /** Of its table. */
  readonly relid: number;
  readonly primary: boolean;
  readonly initiallyDeferred: boolean;
  readonly nullsNotDistinct: boolean;
  readonly index: StoredIndex;
}

const actions: Readonly<Record<string, ReferentialAction>> = {
  a: 'noAction',
  r: 'restrict',
  c: 'cascade',
  n: 'setNull',
  d: 'setDefault',
};

/** The foreign keys of a relation of the mirror. */
export function foreignKeysOf(relation: MirrorRelation): ForeignKey[] {
  return relation.constraints
    .flatMap((constraint) => {
      const { references } = constraint;
      if (constraint.type !== 'f' || references === null) return [];
      return [
        Object.freeze({
          oid: constraint.oid,
          name: constraint.name,
          child: relation.relid,
          parent: references.relid,
          childColumns: constraint.columns ?? [],
          parentColumns: references.columns,
          match: references.match === 'f' ? ('full' as const) : ('simple' as const),
          onDelete: actions[references.onDelete] ?? 'noAction',
          onUpdate: actions[references.onUpdate] ?? 'noAction',
          deleteSetColumns: references.deleteSetColumns ?? [],
          deferrable: constraint.deferrable,
          initiallyDeferred: constraint.initiallyDeferred,
          validated: constraint.validated,
          enforced: constraint.enforced,
        }),
      ];
    })
    .sort((a, b) => a.oid - b.oid);
}

/** The deferrable unique constraints of a relation, whose stored form has an index of the same name for each. */
export function deferrableUniquesOf(
  relation: MirrorRelation,
  indexes: readonly StoredIndex[],
): DeferrableUnique[] {
  const isDeferrable = (constraint: MirrorConstraint): boolean =>
    constraint.deferrable && (constraint.type === 'p' || constraint.type === 'u');
  return relation.constraints
    .filter(isDeferrable)
    .flatMap(({ oid, name, type, initiallyDeferred, indexRelid }) => {
      const mirrored = relation.indexes.find((index) => index.relid === indexRelid);
      const index = indexes.find((one) => one.name === mirrored?.name);
      if (mirrored === undefined || index === undefined) return [];
      const { nullsNotDistinct } = mirrored;
      const { relid } = relation;
      const primary = type === 'p';
      return [
        Object.freeze({ oid, name, relid, primary, initiallyDeferred, nullsNotDistinct, index }),
      ];
    })
    .sort((a, b) => a.oid - b.oid);
}

/** The tables with `referencedBy` filled in; those whose list does not change stay the same objects. */
export function linkForeignKeys(tables: readonly CatalogTable[]): readonly CatalogTable[] {
  const byParent = new Map<number, ForeignKey[]>();
  for (const table of tables) {
    for (const key of table.foreignKeys) {
      const list = byParent.get(key.parent);
      if (list === undefined) byParent.set(key.parent, [key]);
      else list.push(key);
    }
  }
  const none: readonly ForeignKey[] = [];
  return tables.map((table) => {
    const list = byParent.get(table.relid)?.sort((a, b) => a.oid - b.oid) ?? none;
    const same =
      list.length === table.referencedBy.length &&
      list.every((key, i) => key === table.referencedBy[i]);
    return same ? table : Object.freeze({ ...table, referencedBy: list });
  });
}

/**
 * Foreign keys whose tables' kinds or column types do not let them be enforced.
 * @throws 0A000
 */
export function refuseForeignKeys(tables: readonly CatalogTable[]): void {
  const byRelid = new Map(tables.map((table) => [table.relid, table]));
  for (const child of tables) {
    for (const key of child.foreignKeys) {
      const parent = byRelid.get(key.parent);
      if (parent !== undefined) refuseForeignKey(key, child, parent);
    }
  }
}

function refuseForeignKey(key: ForeignKey, child: CatalogTable, parent: CatalogTable): void {
  const childKind = child.stored.kind;
  const parentKind = parent.stored.kind;
  const what = `foreign key "${key.name}"`;
  const fields = {
    schema: child.stored.namespace,
    table: child.stored.name,
    constraint: key.name,
  };
  if (parentKind === 'stream') {
    throw notSupported(`${what} to a stream table`, {
      ...fields,
      hint: 'Rows of a stream table go when their time to live ends.',
    });
  }
  if (parentKind === 'user' && childKind !== 'user') {
    throw notSupported(`${what} from a ${childKind} table to a user table`, {
      ...fields,
      detail: 'A row of a user table is one user’s, a row of the referencing table everyone’s.',
      hint: `Make "${child.stored.name}" a user table, or "${parent.stored.name}" a shared one.`,
    });
  }
  const checks = new Set<string>(['noAction', 'restrict']);
  if (childKind === 'stream' && !(checks.has(key.onDelete) && checks.has(key.onUpdate))) {
    throw notSupported(`${what} with an action that changes rows of a stream table`, {
      ...fields,
      hint: 'Stream tables are append-only: NO ACTION and RESTRICT are what there is.',
    });
  }
  key.childColumns.forEach((attnum, i) => {
    const from = child.columns[child.positionOf[attnum] ?? -1];
    const to = parent.columns[parent.positionOf[key.parentColumns[i] ?? 0] ?? -1];
    if (from === undefined || to === undefined) return;
    if (keyConversion(from.typeOid, to.typeOid) === undefined) {
      throw notSupported(`${what} between columns of different types`, {
        ...fields,
        detail: `Columns "${from.name}" and "${to.name}" have types that are not compared by value.`,
        hint: `Give "${from.name}" the type of "${to.name}".`,
      });
    }
  });
}
