import { enumOrList } from '../../types/enum-type.ts';
import type { EnumType } from '../../types/enum-type.ts';
import type { PgType } from '../../types/type.ts';
import { Oid, pgType } from '../../types/index.ts';
import { unsupported } from './unsupported.ts';

type EnumTypes = ReadonlyMap<number, EnumType>;

/** Enum types are in the catalog that a statement is compiled against. Compiling is not interrupted: it is never another's. */
let compiling: EnumTypes = new Map();

/** Runs `compile` with typeOf knowing these enum types. */
export function withEnumTypes<T>(enums: EnumTypes, compile: () => T): T {
  const outer = compiling;
  compiling = enums;
  try {
    return compile();
  } finally {
    compiling = outer;
  }
}

/** The type's operations; unsupported where neither src/types nor, while compiling, the catalog has any. */
export function typeOf(oid: number): PgType {
  // A literal that nothing has given a type, as concat() takes it, is its text.
  return (
    pgType(oid === Oid.unknown ? Oid.text : oid) ??
    enumOrList(compiling, oid) ??
    unsupported(`type ${oid}`)
  );
}
