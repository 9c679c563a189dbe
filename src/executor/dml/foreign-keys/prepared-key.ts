import { assert } from '../../../base/index.ts';
import { keyConversion } from '../../../catalog/key-conversion.ts';
import type { KeyConversion } from '../../../catalog/key-conversion.ts';
import type { CatalogSnapshot, CatalogTable, ForeignKey } from '../../../catalog/types.ts';
import type { Scope } from '../../../storage/types.ts';
import { sharedScope } from '../../../storage/types.ts';
import type { Row, Value } from '../../../types/value.ts';
import type { KeyLookup } from '../constraint-events/key-lookup.ts';
import { sameConstraint } from '../constraint-events/events.ts';
import { keyLookup } from '../constraint-events/key-lookup.ts';

/** A foreign key with what finds rows on both of its sides. */
export interface PreparedKey {
  readonly constraint: ForeignKey;
  readonly child: CatalogTable;
  readonly parent: CatalogTable;
  /** By childColumns. */
  readonly children: KeyLookup;
  /** By parentColumns. */
  readonly parents: KeyLookup;
  /** A referencing key as the referenced one that it is equal to; undefined: it is equal to none. Nulls stay. */
  toParent(key: Row): Row | undefined;
  toChild(key: Row): Row | undefined;
}

const prepared = new WeakMap<ForeignKey, PreparedKey>();

/** Undefined: the constraint or one of its tables is not there any more. */
export function prepareKey(
  constraint: ForeignKey,
  catalog: CatalogSnapshot,
): PreparedKey | undefined {
  const child = catalog.table(constraint.child);
  const current = sameConstraint(child?.foreignKeys, constraint);
  const parent = catalog.table(current?.parent ?? 0);
  if (child === undefined || current === undefined || parent === undefined) return undefined;
  const known = prepared.get(current);
  if (known?.child === child && known.parent === parent) return known;
  const children = keyLookup(child, current.childColumns);
  const parents = keyLookup(parent, current.parentColumns);
  const conversions = children.types.map((type, i) => {
    const conversion = keyConversion(type.oid, parents.types[i]?.oid ?? 0);
    assert(conversion !== undefined, 'DDL has refused keys that can not be converted');
    return conversion;
  });
  const made: PreparedKey = {
    constraint: current,
    child,
    parent,
    children,
    parents,
    toParent: (key) => convert(key, conversions, 'toParent'),
    toChild: (key) => convert(key, conversions, 'toChild'),
  };
  prepared.set(current, made);
  return made;
}

function convert(
  key: Row,
  conversions: readonly KeyConversion[],
  way: 'toParent' | 'toChild',
): Row | undefined {
  const converted: Value[] = [];
  for (let i = 0; i < conversions.length; i++) {
    const value = key[i] ?? null;
    const other = value === null ? null : conversions[i]![way](value);
    if (other === undefined) return undefined;
    converted.push(other);
  }
  return converted;
}

/** Whose parent a row refers to: its user's own in a user table, everyone's otherwise. */
export function parentUser({ parent }: PreparedKey, childUserId: string): string {
  return parent.stored.kind === 'user' ? childUserId : '';
}

/** Where the rows are that may refer to a parent: any user's, when everyone shares the parent. */
export function childScope({ child, parent }: PreparedKey, parentUserId: string): Scope {
  if (child.stored.kind !== 'user') return sharedScope;
  return parent.stored.kind === 'user' ? { kind: 'one', userId: parentUserId } : { kind: 'all' };
}
