/** What ALTER TYPE … RENAME VALUE and changes of a column to another enum type mean to rows, which hold labels. */
import type { RowRewriter } from '../storage/types.ts';
import type { EnumType } from '../types/enum-type.ts';
import type { Value } from '../types/value.ts';
import type { MirrorRelation } from './read-mirror.ts';

/** By the OIDs of enum types and of their arrays: labels that have another name now. */
export type RenamedLabels = ReadonlyMap<number, ReadonlyMap<string, string>>;

/** Both of one BEGIN of the mirror. */
export function renamedLabels(
  before: ReadonlyMap<number, EnumType>,
  after: ReadonlyMap<number, EnumType>,
): RenamedLabels {
  const renamed = new Map<number, ReadonlyMap<string, string>>();
  for (const [oid, { arrayOid, labels }] of after) {
    const former = new Map(before.get(oid)?.labels.map((one) => [one.oid, one.label]));
    const changes = labels.flatMap((one): [string, string][] => {
      const was = former.get(one.oid);
      return was === undefined || was === one.label ? [] : [[was, one.label]];
    });
    if (changes.length === 0) continue;
    const names = new Map(changes);
    renamed.set(oid, names).set(arrayOid, names);
  }
  return renamed;
}

/** By position among the live columns: what the table's values are called now; undefined: nothing of it is renamed. */
export function relabelled(
  relation: MirrorRelation,
  renamed: RenamedLabels,
): ReadonlyMap<number, ReadonlyMap<string, string>> | undefined {
  const found = new Map<number, ReadonlyMap<string, string>>();
  const live = relation.columns.filter((column) => !column.dropped);
  live.forEach(({ type }, position) => {
    const changes = renamed.get(type);
    if (changes !== undefined) found.set(position, changes);
  });
  return found.size === 0 ? undefined : found;
}

/** Rows with the labels that they have now. */
export function relabelRows(
  columns: ReadonlyMap<number, ReadonlyMap<string, string>>,
): RowRewriter {
  const rewrite: RowRewriter['live'] = (rows) =>
    Promise.resolve(
      rows.map(({ values }) =>
        values.map((value, position) => {
          const names = columns.get(position);
          return names === undefined ? value : relabel(value, names);
        }),
      ),
    );
  return { live: rewrite, deleted: rewrite };
}

function relabel(value: Value, names: ReadonlyMap<string, string>): Value {
  if (typeof value === 'string') return names.get(value) ?? value;
  if (typeof value !== 'object' || value === null || !('elements' in value)) return value;
  return { ...value, elements: value.elements.map((item) => relabel(item, names)) };
}

/** Whether a column that was of an enum type (or of arrays of one) is of another one: storage can't tell them apart. */
export function changesEnum(before: MirrorRelation | undefined, after: MirrorRelation): boolean {
  return after.columns.some((column) => {
    if (!column.isEnum && !column.isEnumList) return false;
    const former = before?.columns.find(({ attnum }) => attnum === column.attnum);
    return (
      former?.isEnum === column.isEnum &&
      former.isEnumList === column.isEnumList &&
      former.type !== column.type
    );
  });
}
