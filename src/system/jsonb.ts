import { Oid } from '../types/oid.ts';
import { requirePgType } from '../types/registry.ts';
import { defaultTypeContext } from '../types/type.ts';
import type { Value } from '../types/value.ts';

/** A jsonb value: PostgreSQL's own spelling of it, with its order of keys. */
export function jsonb(value: unknown): Value {
  return requirePgType(Oid.jsonb).parse(JSON.stringify(value), -1, defaultTypeContext);
}
