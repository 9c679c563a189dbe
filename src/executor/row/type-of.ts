import type { PgType } from '../../types/type.ts';
import { typeByOid } from '../../types/index.ts';
import { unsupported } from './unsupported.ts';

/** The type's operations; unsupported where src/types has none. */
export function typeOf(oid: number): PgType {
  return typeByOid(oid) ?? unsupported(`type ${oid}`);
}
