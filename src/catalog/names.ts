import { firstUserOid, readNamesSql } from './read-mirror.ts';
import type { MirrorConnection } from './mirror.ts';
import type { EnumDescription, EnumType } from '../types/enum-type.ts';
import { enumType } from '../types/enum-type.ts';

/** Qualified, quoted names by OID; what PostgreSQL brings and what users have made. */
export interface Names {
  readonly functions: ReadonlyMap<number, string>;
  readonly volatility: ReadonlyMap<number, 'immutable' | 'stable' | 'volatile'>;
  readonly operators: ReadonlyMap<number, string>;
  readonly types: ReadonlyMap<number, string>;
  readonly collations: ReadonlyMap<number, string>;
  /** Unquoted, of users' tables. */
  readonly constraints: ReadonlyMap<number, string>;
  /** Enum types of users. */
  readonly enums: ReadonlyMap<number, EnumType>;
}

const volatilityOf = { i: 'immutable', s: 'stable', v: 'volatile' } as const;

/** Reads names anew from `from` on, over those of `base` below it. */
export async function readNames(mirror: MirrorConnection, base?: Names): Promise<Names> {
  const from = base === undefined ? 0 : firstUserOid;
  const keep = <V>(map: ReadonlyMap<number, V> | undefined): Map<number, V> =>
    new Map([...(map ?? [])].filter(([oid]) => oid < from));
  const functions = keep(base?.functions);
  const volatility = keep(base?.volatility);
  const operators = keep(base?.operators);
  const types = keep(base?.types);
  const collations = keep(base?.collations);
  const constraints = new Map<number, string>();
  const enums = new Map<number, EnumType>();
  const maps = { f: functions, o: operators, t: types, l: collations, k: constraints };
  for (const [kind, oid, name, volatile] of await mirror.rows(readNamesSql(from))) {
    if (kind === 'e') {
      enums.set(Number(oid), enumType(JSON.parse(name!) as EnumDescription));
      continue;
    }
    maps[kind as keyof typeof maps].set(Number(oid), name!);
    if (kind === 'f') volatility.set(Number(oid), volatilityOf[volatile as 'i' | 's' | 'v']);
  }
  return { functions, volatility, operators, types, collations, constraints, enums };
}

/** format_type's typmod part for the types that have one (varchar 9 is `varchar(5)`). */
export function typmodSuffix(typeName: string, typmod: number): string {
  if (typmod < 0) return '';
  const base = typeName
    .replace(/^pg_catalog\./, '')
    .replaceAll('"', '')
    .replace(/^_/, '');
  switch (base) {
    case 'varchar':
    case 'bpchar':
      return `(${typmod - 4})`;
    case 'numeric': {
      const packed = typmod - 4;
      const scale = packed & 0x7ff;
      return `(${(packed >> 16) & 0xffff},${(scale ^ 1024) - 1024})`;
    }
    case 'timestamp':
    case 'timestamptz':
    case 'time':
    case 'timetz':
      return `(${typmod})`;
    case 'interval':
      // Fields (YEAR TO MONTH …) sit in the high half; a cast has been applied already where it matters.
      return (typmod & 0xffff) === 0xffff ? '' : `(${typmod & 0xffff})`;
    default:
      return '';
  }
}
