import type { PgType } from '../../types/type.ts';
import { Oid, pgType } from '../../types/index.ts';
import { unsupported } from './unsupported.ts';

/** The type's operations; unsupported where src/types has none. */
export function typeOf(oid: number): PgType {
  // A literal that nothing has given a type, as concat() takes it, is its text.
  return pgType(oid === Oid.unknown ? Oid.text : oid) ?? unsupported(`type ${oid}`);
}
