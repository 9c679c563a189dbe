import { Oid } from '../types/oid.ts';
import type { MirrorColumn } from './read-mirror.ts';

/**
 * The type that storage has a column under. The OID of a user's type is another in each mirror, so that of an enum is kept nowhere:
 * which one a column is of says its row in the mirror's pg_attribute, which the journal of statements brings back.
 */
export function storedTypeOf(column: Pick<MirrorColumn, 'type' | 'isEnum' | 'isEnumList'>): number {
  if (column.isEnumList) return Oid.anyarray;
  return column.isEnum ? Oid.anyenum : column.type;
}
