import type { PgType } from '../../types/type.ts';
import { pgType } from '../../types/index.ts';
import { unsupported } from './unsupported.ts';

/** The type's operations; unsupported where src/types has none. */
export function typeOf(oid: number): PgType {
  return pgType(oid) ?? unsupported(`type ${oid}`);
}
